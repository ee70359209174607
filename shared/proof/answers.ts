/** Served rows against those of the view's own SQL, column by column: what rounding can't explain differs. */
import type { Json } from "@duckdb/node-api";
import type { Precision, ViewColumn, ViewDefinition } from "../definition.ts";
import { quoteName, type Session } from "../duckdb/duck.ts";
import { type Comparison, compareRows, type Difference, doublesOf } from "./compare.ts";

export interface ComparedRows {
  readonly rows: number;
  /** What no rounding explains. */
  readonly differences: readonly Difference[];
  /** There is more that differs, which a rounding of sums of doubles may explain: their partials decide. */
  readonly rounding: boolean;
}

type Row = Record<string, Json>;

/**
 * Two SELECTs of a view's rows, in these columns: exactly in those that are exact, and within the view's
 * tolerance in the doubles of the others.
 *
 * @param view of the definition by which columns are exact
 * @param keys columns by which a differing row finds its counterpart
 */
export async function compareAnswers(
  session: Session,
  view: Pick<ViewDefinition, "tolerance">,
  [left, right]: readonly [string, string],
  columns: readonly ViewColumn[],
  keys: readonly string[],
): Promise<Comparison> {
  const list = columns.map((column) => quoteName(column.name)).join(", ") || "1 AS nothing";
  const inexact = columns.filter((column) => precisionOf(view, column) !== "exact");
  return compareRows(session, `SELECT ${list} FROM (${left})`, `SELECT ${list} FROM (${right})`, {
    inexact: doublesOf(inexact),
    tolerance: view.tolerance,
    keys,
  });
}

/**
 * @param served SELECTs with the view's columns
 * @param columns those that can be compared
 * @param overflow sums of doubles are so large here that plain SQL may overflow on the way where the whole does not
 */
export async function compareServed(
  session: Session,
  view: Pick<ViewDefinition, "tolerance" | "having" | "sizes">,
  [served, plain]: readonly [string, string],
  columns: readonly ViewColumn[],
  overflow: () => Promise<boolean>,
): Promise<ComparedRows> {
  const inexact = columns.filter((column) => precisionOf(view, column) !== "exact");
  const exact = columns.filter((column) => !inexact.includes(column)).map(({ name }) => name);
  const compared = await compareAnswers(session, view, [served, plain], columns, exact);
  if (compared.differences.length === 0) return { ...compared, rounding: false };
  // such pairs agree in all that is exact
  const pairs = compared.differences.filter(({ left, right }) => left && right);
  const alone = compared.differences.filter(({ left, right }) => !left || !right);
  const mayFlip = view.having !== undefined && view.having !== "exact";
  const keys = columns.filter(({ key }) => key !== null).map(({ name }) => name);
  const hard: Difference[] = [];
  const isExplained = (column: ViewColumn, left: Json | undefined, right: Json | undefined) =>
    explained(column, left, right) || (view.sizes !== undefined && unbounded(left) && unbounded(right));
  for (const each of byKeys(alone, keys)) if (!mayFlip || (each.left && each.right)) hard.push(each);
  for (const pair of pairs) {
    const wrong = inexact.some((column) => !isExplained(column, pair.left![column.name], pair.right![column.name]));
    if (wrong && !(finite(inexact, pair.left!) && (await overflow()))) hard.push(pair);
  }
  return { rows: compared.rows, differences: hard, rounding: hard.length < compared.differences.length };
}

/** A definition of before does not say: any column may depend on doubles where one does. */
function precisionOf({ tolerance }: Pick<ViewDefinition, "tolerance">, { precision }: ViewColumn): Precision {
  return precision ?? (tolerance > 0 ? "around" : "exact");
}

/** Rounding turns a number into another number, and never makes or removes a NULL. */
function explained({ precision }: ViewColumn, served: Json | undefined, plain: Json | undefined): boolean {
  if (precision !== "rounded" || served === plain) return true;
  return typeof served === "number" && typeof plain === "number";
}

/** Of what is infinite DuckDB's fsum makes NaN or an infinity, by how many threads it has. */
const unbounded = (value: Json | undefined) => /^(NaN|-?Infinity)$/.test(String(value));

function finite(columns: readonly ViewColumn[], row: Row): boolean {
  return columns.every(({ precision, name }) => precision !== "rounded" || typeof row[name] === "number");
}

/** Rows that only one side has, counterparts by their keys together. */
function byKeys(alone: readonly Difference[], keys: readonly string[]): Difference[] {
  const keyOf = (row: Row) => JSON.stringify(keys.map((name) => row[name]));
  const rights = alone.flatMap(({ right }) => (right ? [right] : []));
  const pairs = alone.flatMap(({ left }): Difference[] => {
    if (!left) return [];
    const at = keys.length === 0 ? -1 : rights.findIndex((right) => keyOf(right) === keyOf(left));
    return [{ left, right: at < 0 ? null : rights.splice(at, 1)[0]! }];
  });
  return [...pairs, ...rights.map((right) => ({ left: null, right }))];
}
