/** How a compiled view's three texts are put together with real relations. Nothing here knows what an aggregate is. */
import type { Estimates, OverValues, RollUp, ViewDefinition } from "../definition.ts";
import { quoteName } from "../duckdb/duck.ts";
import { besideKeys, setColumn } from "./partial-columns.ts";

type Texts = Pick<ViewDefinition, "streams" | "references" | "partial" | "combine" | "finalize">;

/**
 * What a view reads, by name: a SELECT of each stream's typed events, and one of each reference table. Events
 * of an ordered view have the column `__event`, too.
 */
export type Inputs = ReadonlyMap<string, string>;

/** Partials of events. */
export function partialOf(view: Texts, inputs: Inputs): string {
  return `${withInputs(view, inputs)} ${view.partial}`;
}

/** The place of every event that counts, with its group's keys. The inputs have the column `__event`. */
export function placesOf(view: Pick<Texts, "streams" | "references">, events: string, inputs: Inputs): string {
  return `${withInputs(view, inputs)} ${events}`;
}

/**
 * The view's own SQL over these events, untouched by the compiler: what its rows have to be. For an ordered
 * view they must come in order, and be read by one thread.
 */
export function plainOf(view: Pick<ViewDefinition, "streams" | "references" | "sql">, inputs: Inputs): string {
  const own = view.sql.replace(/;\s*$/, "");
  return `${withInputs(view, inputs)} SELECT * FROM (\n${own}\n)`;
}

function withInputs({ streams, references }: Pick<ViewDefinition, "streams" | "references">, inputs: Inputs): string {
  // read where it is used: a view that keeps values reads the events more than once, and they may not fit in memory
  const each = [...streams, ...references].map(
    (name) => `${quoteName(name)} AS NOT MATERIALIZED (${inputs.get(name)!})`,
  );
  return `WITH ${each.join(", ")}`;
}

/** Merged partials of `partials`, a SELECT (usually a UNION ALL) of partial rows. */
export function combineOf(view: Texts, partials: string): string {
  return `WITH partials AS (${partials}) ${view.combine}`;
}

/** The view's rows from partial rows. */
export function rowsOf(view: Texts, partials: string): string {
  return `WITH partials AS (${partials}), merged AS (${view.combine}) ${view.finalize}`;
}

/** A group of a roll-up: a name, and SQL over the columns of a partial. */
export interface RollUpGroup {
  readonly name: string;
  readonly sql: string;
}

/** A view in other groups than its own. */
export interface RolledUp {
  readonly rollUp: RollUp;
  readonly groups: readonly RollUpGroup[];
  /** What a row shows, over the groups' names and the aggregates' values. */
  readonly columns: readonly { readonly name: string; readonly over: OverValues }[];
}

/**
 * Its rows, from partial rows.
 * @param read a SELECT over partial rows, with more columns than theirs for the groups, or only some of the rows
 */
export function rolledUpOf(
  view: Texts & Pick<ViewDefinition, "keys" | "parts">,
  { rollUp, groups, columns }: RolledUp,
  partials: string,
  read = (rows: string): string => rows,
): string {
  const named = groups.map(({ name, sql }) => `${name} := ${sql}`);
  // what identifies a row of values stays beside the group
  const beside = besideKeys(view).map((column) => column.name);
  const { fewest } = rollUp;
  if (fewest !== undefined) beside.push(`${fewest} AS fewest`);
  // a group of which more went than came would be lost in what it is summed with
  const own = read(fewest === undefined ? partials : combineOf(view, partials));
  const input = [`${named.length > 0 ? `struct_pack(${named.join(", ")})` : "0"} AS g`, ...beside];
  // without groups there is a row also where there is nothing, as without GROUP BY
  const nothing = groups.length === 0 ? ` UNION ALL ${noGroup(view, fewest !== undefined)}` : "";
  const shown = columns.map(({ name, over }) => `${over.sql} AS ${quoteName(name)}`);
  const fields = [...groups.map(({ name }) => `g.${name} AS ${name}`), "*"];
  return (
    `WITH partials AS (SELECT ${input.join(", ")} FROM (${own})${nothing}), merged AS (${rollUp.combine}) ` +
    `SELECT ${shown.join(", ") || "1 AS nothing"} FROM (SELECT ${fields.join(", ")} FROM (${rollUp.values}))` +
    whereShown(rollUp.present ?? null, groups.length === 0, rollUp.having?.sql ?? null)
  );
}

/**
 * Which groups are shown, over their values.
 * @param present the number of a group's rows, which raises where it can't be; null: every group has rows
 * @param isWhole it is the one group that is there also without rows
 */
export function whereShown(present: string | null, isWhole: boolean, having: string | null): string {
  if (present === null) return having === null ? "" : ` WHERE ${having}`;
  // first of all, since HAVING could hide that it raises
  return ` WHERE CASE WHEN ${present} ${isWhole ? ">= 0" : "<> 0"} THEN ${having ?? "true"} ELSE false END`;
}

/** What a group of no events has: a row of its own (`s` is 0) without any parts. */
function noGroup(view: Pick<ViewDefinition, "keys" | "parts">, weighted: boolean): string {
  const values = besideKeys(view).map(({ name, type }) => (name === setColumn.name ? "0" : `CAST(NULL AS ${type})`));
  return `SELECT ${["0", ...values, ...(weighted ? ["NULL"] : [])].join(", ")}`;
}

/** Each group's sketches, from partial rows. */
export function estimatesFrom(view: Texts, { estimate }: Estimates, partials: string): string {
  return `WITH partials AS (${partials}), merged AS (${view.combine}) ${estimate}`;
}

/** What they are near to, from the events. */
export function exactFrom(view: Texts, { exact }: Estimates, inputs: Inputs): string {
  return `${withInputs(view, inputs)} ${exact}`;
}

/** The columns of a partial, in order, as a SELECT list. */
export function partialColumns(view: Pick<ViewDefinition, "keys" | "parts">): string {
  const columns = [...view.keys, ...view.parts].map((column) => column.name);
  return columns.length > 0 ? columns.join(", ") : "1 AS nothing";
}

/** A SELECT of no partial rows at all, typed: what a layer without data contributes. */
export function noPartials(view: Pick<ViewDefinition, "keys" | "parts">): string {
  const columns = [...view.keys, ...view.parts].map((column) => `CAST(NULL AS ${column.type}) AS ${column.name}`);
  return `SELECT ${columns.join(", ") || "1 AS nothing"} WHERE false`;
}
