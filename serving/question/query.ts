/** A question about one view as SQL: filters on group keys go below the merge, everything else above it. */
import { partialColumns, type RolledUp, rolledUpOf, rowsOf } from "../../shared/compiler/texts.ts";
import type { ViewDefinition } from "../../shared/definition.ts";
import { type Param, quoteName } from "../../shared/duckdb/duck.ts";
import { TidemarkError } from "../../shared/errors.ts";
import type { Sql } from "../rows/rows.ts";
import type { ServedView } from "../snapshot/loaded.ts";
import { columnOf, columnsIn, condition, type Filter, parameter } from "./filters.ts";
import { hasKnownRows, keyColumns } from "./group-keys.ts";
import { type GroupBy, keySql, rollUpBy } from "./roll-up.ts";
import { hidesGroups, onlyShown } from "./shown.ts";

export interface ParsedQuestion {
  /** All of them must hold. */
  readonly filters: readonly Filter[];
  /** Rows as one layer alone would give them; null: of both. */
  readonly layer: Layer | null;
  /** Null: in the view's own groups. */
  readonly by: readonly GroupBy[] | null;
  readonly select: readonly string[] | null;
  readonly order: readonly {
    readonly column: string;
    readonly descending: boolean;
    readonly nulls: "first" | "last" | null;
  }[];
  readonly limit: number | null;
  readonly offset: number;
}

export const layers = ["batch", "speed"] as const;
export type Layer = (typeof layers)[number];

export const everything: ParsedQuestion = {
  filters: [],
  layer: null,
  by: null,
  select: null,
  order: [],
  limit: null,
  offset: 0,
};

/** What a question merges: the partial rows that pass its filters, and how they are grouped. */
interface MergeInput {
  /** A SELECT of them. */
  readonly partials: string;
  readonly params: Param[];
  /** Null: in the view's own groups. */
  readonly rolledUp: RolledUp | null;
  /** Filters that are applied to merged rows. */
  readonly above: readonly Filter[];
  /** All partial rows, where they are needed to decide whether HAVING hides the view's only row. */
  readonly whole: string | null;
}

/** @throws USAGE when the question uses what the view does not have */
export function mergedFor(served: ServedView, question: ParsedQuestion): MergeInput {
  const view = served.definition;
  const params: Param[] = [];
  if (view.weighted && question.layer === "speed") throw noShare(view.name);
  const rolledUp = question.by === null ? null : rollUpBy(view, question.by);
  const below = question.filters.filter((filter) => goesBelow(view, filter, rolledUp !== null));
  const above = question.filters.filter((filter) => !below.includes(filter));
  const onKeys = () => below.map((filter) => condition(view, filter, (column) => keySql(view, column), params));
  const columns = partialColumns(view);
  const base = () => where(`SELECT ${columns} FROM ${served.base}`, onKeys());
  const delta = () =>
    where(`SELECT ${columns} FROM ${served.delta}`, [
      `__stretch < ${parameter(params, served.upto)}::INTEGER`,
      ...onKeys(),
    ]);
  const whole = () => `${base()} UNION ALL ${delta()}`;
  const partials = question.layer === null ? whole() : question.layer === "batch" ? base() : delta();
  if (!hidesGroups(view) || (rolledUp === null && question.layer === null))
    return { partials, params, rolledUp, above, whole: null };
  const all = whole();
  // a view without keys has a row even without partials: whether HAVING hides it depends on all of them
  if (view.global) return { partials, params, rolledUp, above, whole: all };
  return { partials: onlyShown(view, partials, all), params, rolledUp, above, whole: null };
}

function noShare(view: string): TidemarkError {
  return new TidemarkError(
    "USAGE",
    `view "${view}" follows rows that change: what speed has is which came and went since the version, and no answer`,
    "leave out layer, or ask for layer=batch",
  );
}

/** The SQL of a question over a pinned view. @throws USAGE when the question uses what the view does not have */
export function sqlOf(served: ServedView, question: ParsedQuestion): Sql {
  const view = served.definition;
  const { partials, params, rolledUp, above, whole } = mergedFor(served, question);
  const own = rolledUp ? rolledUpOf(view, rolledUp, partials) : rowsOf(view, partials);
  const rows = whole === null ? own : `SELECT * FROM (${own}) WHERE EXISTS (FROM (${rowsOf(view, whole)}))`;
  const shown = rolledUp ? rolledUp.columns.map(({ name }) => name) : view.columns.map(({ name }) => name);
  const named = (name: string) => {
    if (shown.includes(columnOf(view, name).name)) return quoteName(name);
    throw new TidemarkError(
      "USAGE",
      `column "${name}" depends on a key that by= leaves out`,
      `there are: ${shown.join(", ")}`,
    );
  };
  // A view without keys gives its one row from no partials too, so its filters stay above the merge
  const outer = above.map((filter) => condition(view, filter, ({ name }) => named(name), params));
  const list = question.select?.map(named).join(", ") ?? "*";
  let text = where(`SELECT ${list} FROM (${rows})`, outer);
  const order = question.order.map(
    ({ column, descending, nulls }) =>
      `${named(column)}${descending ? " DESC" : " ASC"} NULLS ${(nulls ?? (descending ? "first" : "last")).toUpperCase()}`,
  );
  if (order.length > 0 || question.limit !== null || question.offset > 0)
    order.push(...tiebreak(view, shown, rolledUp !== null).map(quoteName));
  if (order.length > 0) text += ` ORDER BY ${order.join(", ")}`;
  if (question.limit !== null) text += ` LIMIT ${parameter(params, question.limit)}::BIGINT`;
  if (question.offset > 0) text += ` OFFSET ${parameter(params, question.offset)}::BIGINT`;
  return { text, params, columns: question.select ?? shown };
}

/**
 * The columns that give rows a total order, so that pages neither repeat nor skip rows: rows that are
 * equal in all of them are identical.
 */
function tiebreak(view: ViewDefinition, shown: readonly string[], rollUp: boolean): readonly string[] {
  const keys = keyColumns(view).map(({ name }) => name);
  // rows of different GROUPING SETS may show the same keys
  const distinct = rollUp || (hasKnownRows(view) && view.rollUp !== null);
  const first = shown.filter((name) => keys.includes(name));
  return distinct ? first : [...first, ...shown.filter((name) => !keys.includes(name))];
}

/**
 * True for filters on shown group keys only, which are applied to groups before they are merged. In
 * a view's own groups, the key's stored form has to compare as its value does; in a roll-up always,
 * since the view's groups no longer exist above the merge.
 */
function goesBelow(view: ViewDefinition, filter: Filter, rollUp: boolean): boolean {
  const columns = columnsIn(filter).map((name) => columnOf(view, name));
  const keys = columns.filter((column) => column.key !== null);
  if (rollUp && keys.length > 0 && keys.length < columns.length) {
    throw new TidemarkError(
      "USAGE",
      "with by=, a condition on keys can't be mixed with one on values in the same or=",
      "filter separately on keys, which choose what is rolled up, and on values, which choose rolled-up rows",
    );
  }
  if (keys.length < columns.length || columns.length === 0) return false;
  return rollUp || keys.every((column) => view.keys.find(({ name }) => name === column.key)!.type === column.type);
}

function where(select: string, conditions: readonly string[]): string {
  return conditions.length > 0 ? `${select} WHERE ${conditions.map((each) => `(${each})`).join(" AND ")}` : select;
}
