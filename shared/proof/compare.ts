/** Compares two sets of rows: exactly, but for doubles that are sums, which are equal up to rounding. */
import type { Json } from "@duckdb/node-api";
import type { ViewDefinition } from "../definition.ts";
import { freshName, type Session } from "../duckdb/duck.ts";

/** A row that only one side has; `left` and `right` are set together where both have the same key. */
export interface Difference {
  readonly left: Record<string, Json> | null;
  readonly right: Record<string, Json> | null;
}

export interface Comparison {
  readonly rows: number;
  readonly differences: readonly Difference[];
}

export interface CompareOptions {
  /** Columns in which doubles may differ by rounding; all others must be the same. */
  readonly inexact?: readonly string[];
  /** Columns by which a differing row of one side finds its counterpart on the other. */
  readonly keys?: readonly string[];
  /** Allowed difference in those, as a share of the larger value. */
  readonly tolerance?: number;
  /** For some of those the column that holds what it is a share of, where that is more than the value. */
  readonly scales?: Readonly<Record<string, string>>;
}

/** Compares two SELECTs of a view's partial rows. */
export async function comparePartials(
  session: Session,
  view: Pick<ViewDefinition, "keys" | "inexact" | "tolerance">,
  left: string,
  right: string,
): Promise<Comparison> {
  const scaled = view.inexact.filter((each) => each.scale !== null);
  const columns = scaled.map(({ name, scale }) => `CAST(${scale} AS DOUBLE) AS __scale_${name}`);
  const select = (partials: string) => `SELECT ${["*", ...columns].join(", ")} FROM (${partials})`;
  const scales = Object.fromEntries(scaled.map(({ name }) => [name, `__scale_${name}`]));
  const compared = await compareRows(session, select(left), select(right), {
    inexact: [...view.inexact.map((each) => each.name), ...Object.values(scales)],
    tolerance: view.tolerance,
    keys: view.keys.map((key) => key.name),
    scales,
  });
  const shown = (row: Row | null): Row | null =>
    row && Object.fromEntries(Object.entries(row).filter(([name]) => !name.startsWith("__scale_")));
  const differences = compared.differences.map(({ left: l, right: r }) => ({ left: shown(l), right: shown(r) }));
  return { ...compared, differences };
}

/**
 * The largest of what is added up in a view, or its roundings are shares of; infinite where that is not known
 * any more.
 */
export async function largestScale(
  session: Session,
  { inexact, sizes = [] }: Pick<ViewDefinition, "inexact" | "sizes">,
  partials: string,
): Promise<number> {
  const all = [...inexact.map(({ name, scale }) => scale ?? name), ...sizes].map(
    (sql) => `abs(CAST(${sql} AS DOUBLE))`,
  );
  if (all.length === 0) return 0;
  return Number(await session.value(`SELECT max(greatest(${all.join(", ")}, 0.0)) FROM (${partials})`));
}

/** Compares as multisets two SELECTs with the same columns. */
export async function compareRows(
  session: Session,
  left: string,
  right: string,
  options: CompareOptions = {},
): Promise<Comparison> {
  const [l, r] = [freshName("left"), freshName("right")];
  try {
    await session.run(`CREATE TEMP TABLE ${l} AS ${left}`);
    await session.run(`CREATE TEMP TABLE ${r} AS ${right}`);
    const rows = Number(await session.value(`SELECT count(*) FROM ${l}`));
    const [onlyLeft, onlyRight] = [await exceptAll(session, l, r), await exceptAll(session, r, l)];
    return { rows, differences: pair(onlyLeft, onlyRight, options) };
  } finally {
    await session.run(`DROP TABLE IF EXISTS ${l}`);
    await session.run(`DROP TABLE IF EXISTS ${r}`);
  }
}

/** Rows of `a` beyond those of `b`; EXCEPT ALL takes -0.0 and 0.0, and all NaNs, for one value. */
async function exceptAll(session: Session, a: string, b: string): Promise<Record<string, Json>[]> {
  return (await session.read(`SELECT * FROM ${a} EXCEPT ALL SELECT * FROM ${b}`)).getRowObjectsJson();
}

type Row = Record<string, Json>;

/** What is left of both sides once rows that differ only by rounding are taken out, counterparts together. */
function pair(lefts: readonly Row[], rights: readonly Row[], options: CompareOptions): Difference[] {
  const inexact = options.inexact ?? [];
  const tolerance = options.tolerance ?? 0;
  const names = Object.keys(lefts[0] ?? rights[0] ?? {});
  const exact = names.filter((name) => !inexact.includes(name));
  const sizeOf = (row: Row, name: string) => Math.abs(Number(row[options.scales?.[name] ?? name] ?? 0));
  const same = match(lefts, rights, exact, (left, right) =>
    inexact.every((name) => {
      const scale = Math.max(sizeOf(left, name), sizeOf(right, name));
      // what is finite though the sum of sizes is not
      const most = scale === Number.POSITIVE_INFINITY ? Number.MAX_VALUE : scale;
      return close(left[name], right[name], tolerance, Number.isFinite(most) ? most : 0);
    }),
  );
  const keyed = match(same.lefts, same.rights, options.keys ?? exact, () => true);
  return [
    ...keyed.pairs.map(([left, right]) => ({ left, right })),
    ...keyed.lefts.map((left) => ({ left, right: null })),
    ...keyed.rights.map((right) => ({ left: null, right })),
  ];
}

interface Matched {
  readonly pairs: readonly (readonly [Row, Row])[];
  /** Rows that found no counterpart. */
  readonly lefts: readonly Row[];
  readonly rights: readonly Row[];
}

/** Pairs rows that agree in some columns and that `agree`, each row once. */
function match(
  lefts: readonly Row[],
  rights: readonly Row[],
  columns: readonly string[],
  agree: (left: Row, right: Row) => boolean,
): Matched {
  const keyOf = (row: Row) => JSON.stringify(columns.map((name) => row[name]));
  const waiting = new Map<string, Row[]>();
  for (const right of rights) {
    const list = waiting.get(keyOf(right));
    if (list) list.push(right);
    else waiting.set(keyOf(right), [right]);
  }
  const pairs: (readonly [Row, Row])[] = [];
  const alone: Row[] = [];
  for (const left of lefts) {
    const candidates = waiting.get(keyOf(left)) ?? [];
    const found = candidates.findIndex((right) => agree(left, right));
    if (found < 0) alone.push(left);
    else pairs.push([left, candidates.splice(found, 1)[0]!]);
  }
  return { pairs, lefts: alone, rights: [...waiting.values()].flat() };
}

function close(a: Json | undefined, b: Json | undefined, tolerance: number, scale: number): boolean {
  if (a === b) return true;
  if (typeof a !== "number" || typeof b !== "number") return false;
  // what cancels out leaves some rounding, which has no larger value to be a share of
  return Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b), scale, 1e-6);
}

/** The columns of a described SELECT that are doubles. */
export function doublesOf(columns: readonly { readonly name: string; readonly type: string }[]): string[] {
  return columns.filter((column) => column.type === "DOUBLE" || column.type === "FLOAT").map((column) => column.name);
}
