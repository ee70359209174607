/** How a compiled view's three texts are put together with real relations. Nothing here knows what an aggregate is. */
import type { Estimates, ViewDefinition } from "../definition.ts";
import { quoteName } from "../duckdb/duck.ts";

type Texts = Pick<ViewDefinition, "streams" | "references" | "partial" | "combine" | "finalize">;

/**
 * What a view reads, by name: a SELECT of each stream's typed events, and one of each reference table. Events of an ordered view
 * have the column `__event`, too.
 */
export type Inputs = ReadonlyMap<string, string>;

/** Partials of events. */
export function partialOf(view: Texts, inputs: Inputs): string {
  return `${withInputs(view, inputs)} ${view.partial}`;
}

/**
 * The view's own SQL over these events, untouched by the compiler: what its rows have to be. For an ordered view they must come in
 * order, and be read by one thread.
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
