/**
 * Groups for which a view's own SQL has no value: a cast that overflows, a root of a negative number. That shows
 * only when merged partials are finalized, so a group may fail at one position and not at the next. DuckDB raises
 * for the whole query; here the groups are found.
 */

import { groupKeyNames, groupKeys } from "../compiler/partial-columns.ts";
import { rowsOf } from "../compiler/texts.ts";
import { goneUnknown } from "../compiler/weights.ts";
import type { ViewDefinition } from "../definition.ts";
import { freshName, type Param, type Session } from "../duckdb/duck.ts";
import { isOfSql } from "../duckdb/of-sql.ts";
import { messageOf, TidemarkError } from "../errors.ts";
import type { FailingGroups } from "../store/layout.ts";
import { saidWithoutValues } from "./said.ts";

export const noneFailing: FailingGroups = { groups: [], more: false };

/** Searched for at most: each takes some twenty queries. */
const groupsMax = 5;
/** Left out at most, where the others are wanted. */
const wellMax = 20;

type View = Pick<
  ViewDefinition,
  "keys" | "parts" | "columns" | "rollUp" | "streams" | "references" | "partial" | "combine" | "finalize"
>;

/** True where SQL that DuckDB understands has no result for the values it met. */
export function isOfValues(error: unknown): boolean {
  const own = /^(Parser|Syntax|Binder|Catalog|Permission|Not implemented|Dependency) Error:/;
  return isOfSql(error) && !own.test(messageOf(error));
}

/** True of what is said of a group of a changelog's rows, of which more went than came. */
export function isGoneUnknown(said: string): boolean {
  return said.includes(goneUnknown);
}

/**
 * Runs a SELECT for what it raises only. @returns what it says, without values; null: it works. @throws what is
 * not the values' fault
 */
export async function raisedBy(
  session: Session,
  select: string,
  params: readonly Param[] = [],
): Promise<string | null> {
  try {
    // DuckDB does not compute columns that are not used
    await session.read(`SELECT bit_xor(hash(COLUMNS(*))) FROM (${select})`, params);
    return null;
  } catch (error) {
    if (!isOfValues(error)) throw error;
    return saidWithoutValues(error);
  }
}

/**
 * @param partials a SELECT of the view's partial rows, which the caller has checked and which has the
 *   parameters; asked only once where all is well
 * @throws what is not the values' fault
 */
export async function failingGroups(
  session: Session,
  view: View,
  partials: string,
  params: readonly Param[] = [],
): Promise<FailingGroups> {
  const whole = await raisedBy(session, rowsOf(view, partials), params);
  if (whole === null) return noneFailing;
  return aroundFailing(session, view, partials, params, groupsMax, async (_, { groups, more }) => ({ groups, more }));
}

export interface Around extends FailingGroups {
  /** A SELECT of their keys, for as long as they are used. */
  readonly keys: string;
}

/**
 * Uses what is well of a view that raises.
 * @param most failing groups that are worth going around
 * @param use gets a SELECT of the partial rows of all other groups; null where there are more, or where no group
 *   can be finalized by itself
 */
export async function aroundFailing<T>(
  session: Session,
  view: View,
  partials: string,
  params: readonly Param[],
  most: number,
  use: (well: string | null, failing: Around) => Promise<T>,
): Promise<T> {
  const keys = groupKeyNames(view);
  const [rows, groups] = [freshName("rows"), freshName("groups")];
  try {
    await session.read(`CREATE TEMP TABLE ${rows} AS ${partials}`, params);
    const whole = (await raisedBy(session, rowsOf(view, `FROM ${rows}`))) ?? "";
    // a set of GROUPING SETS is made of all groups: none can be finalized by itself
    if (keys.length === 0 || !view.rollUp)
      return await use(null, { groups: whole === "" ? [] : [{ group: "", message: whole }], more: false, keys: "" });
    const list = keys.join(", ");
    await session.run(
      `CREATE TEMP TABLE ${groups} AS SELECT *, row_number() OVER (ORDER BY ${list}) - 1 AS __i FROM (SELECT DISTINCT ${list} FROM ${rows})`,
    );
    const same = keys.map((key) => `own.${key} IS NOT DISTINCT FROM chosen.${key}`).join(" AND ");
    const joined = (how: "SEMI" | "ANTI", where: string) =>
      `SELECT own.* FROM ${rows} AS own ${how} JOIN (FROM ${groups} WHERE ${where}) AS chosen ON ${same}`;
    const raised = (from: number, upto: number) =>
      raisedBy(session, rowsOf(view, joined("SEMI", `__i >= ${from} AND __i < ${upto}`)));
    const found: { readonly at: number; readonly message: string }[] = [];
    const search = async (from: number, upto: number, known: string | null): Promise<void> => {
      if (found.length > most || upto <= from) return;
      const message = known ?? (await raised(from, upto));
      if (message === null) return;
      if (upto - from === 1) {
        found.push({ at: from, message });
        return;
      }
      const middle = (from + upto) >> 1;
      const before = found.length;
      await search(from, middle, null);
      // where the first half does not raise, the second does
      await search(middle, upto, found.length === before ? message : null);
    };
    if (whole !== "") await search(0, Number(await session.value(`SELECT count(*) FROM ${groups}`)), whole);
    const named = found.slice(0, most).map(async ({ at, message }) => {
      return { group: await described(session, view, `FROM ${groups} WHERE __i = ${at}`), message };
    });
    const failing = `__i IN (${found.map(({ at }) => at).join(", ") || "NULL"})`;
    const more = found.length > most;
    return await use(more ? null : joined("ANTI", failing), {
      groups: await Promise.all(named),
      more,
      keys: `SELECT ${list} FROM ${groups} WHERE ${failing}`,
    });
  } finally {
    await session.run(`DROP TABLE IF EXISTS ${rows}`);
    await session.run(`DROP TABLE IF EXISTS ${groups}`);
  }
}

/**
 * Uses a SELECT of the view's rows that does not raise: without the groups that have no value, where there are any.
 * @throws SERVE_VIEW_FAILED where no group is left, or too many fail
 */
export async function wellRows<T>(
  session: Session,
  view: View & Pick<ViewDefinition, "name">,
  partials: string,
  use: (rows: string, failing: FailingGroups) => Promise<T>,
): Promise<T> {
  if ((await raisedBy(session, rowsOf(view, partials))) === null) return use(rowsOf(view, partials), noneFailing);
  return aroundFailing(session, view, partials, [], wellMax, (well, { groups, more }) => {
    if (well === null) throw failingError(view.name, { groups, more });
    return use(rowsOf(view, well), { groups, more });
  });
}

/** A group's keys without their values. @param from SQL of its one row, after SELECT */
async function described(session: Session, view: View, from: string): Promise<string> {
  const own = groupKeys(view);
  const list = own.map(({ name, type }) => {
    const length =
      type === "VARCHAR" ? `length(${name}) || ' character' || if(length(${name}) = 1, '', 's')` : "'a value'";
    return `CASE WHEN ${name} IS NULL THEN 'NULL' ELSE ${length} END AS ${name}`;
  });
  const [row] = await session.rows(`SELECT ${list.join(", ")} ${from}`);
  return own
    .map(({ name }) => {
      const column = view.columns.find(({ key }) => key === name);
      return `${column ? `${column.name} (${column.type})` : "a key that is not shown"}: ${String(row![name])}`;
    })
    .join(", ");
}

/** One line of the first of them; null: there are none. */
export function failingLine({ groups, more }: FailingGroups): string | null {
  const [first] = groups;
  if (!first) return null;
  const others = groups.length > 1 ? `, and for ${groups.length - 1}${more ? " or more" : ""} others` : "";
  return `${first.group === "" ? "it has no value" : `it has no value for the group ${first.group}${others}`}: ${first.message}`;
}

/** What is wrong with a view that has groups without a value, and what to do. @param line what is said of them */
export function failingTexts(line: string): { readonly says: string; readonly todo: string } {
  return isGoneUnknown(line)
    ? { says: `can't be answered in full: ${line}`, todo: "tidemark status shows by which record" }
    : { says: `fails on valid events: ${line}`, todo: "correct its SQL and run a batch" };
}

/** The error for a caller that needs one of them. */
export function failingError(view: string, failing: FailingGroups): TidemarkError {
  const { says, todo } = failingTexts(failingLine(failing)!);
  return new TidemarkError(
    "SERVE_VIEW_FAILED",
    `view "${view}" ${says}`,
    `${todo}; its other groups and the other views are not affected`,
    { view },
  );
}
