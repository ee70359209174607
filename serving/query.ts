/** A question about one view as SQL: filters on group keys go below the merge, everything else above it. */
import { partialColumns, rowsOf } from "../shared/compiler/texts.ts";
import type { ViewColumn, ViewDefinition } from "../shared/definition.ts";
import { type Param, quoteName } from "../shared/duckdb/duck.ts";
import { TidemarkError } from "../shared/errors.ts";
import type { ServedView } from "./loaded.ts";

export const comparisons = { eq: "=", neq: "<>", gt: ">", gte: ">=", lt: "<", lte: "<=" } as const;
export type Comparison = keyof typeof comparisons;

/** A condition on one column; `not` turns it round, and a NULL then satisfies neither, as in SQL. */
export type Filter = { readonly column: string; readonly not: boolean } & (
  | { readonly op: Comparison; readonly value: string }
  | { readonly op: "in"; readonly values: readonly string[] }
  | { readonly op: "is"; readonly value: "null" | "not_null" | "true" | "false" }
);

export interface Question {
  readonly filters: readonly Filter[];
  readonly select: readonly string[] | null;
  readonly order: readonly {
    readonly column: string;
    readonly descending: boolean;
    readonly nulls: "first" | "last" | null;
  }[];
  readonly limit: number | null;
  readonly offset: number;
}

export const everything: Question = { filters: [], select: null, order: [], limit: null, offset: 0 };

export interface Sql {
  readonly text: string;
  readonly params: readonly Param[];
}

/** The SQL of a question over a pinned view. @throws USAGE when it names a column the view does not have */
export function sqlOf(served: ServedView, question: Question): Sql {
  const view = served.definition;
  const params: Param[] = [];
  const below = question.filters.filter((filter) => pushable(view, filter));
  const above = question.filters.filter((filter) => !below.includes(filter));
  const keyOf = (filter: Filter) => columnOf(view, filter.column).key!;
  const filterKeys = () =>
    below.map((filter) => condition(keyOf(filter), columnOf(view, filter.column).type, filter, params));
  const base = where(`SELECT ${partialColumns(view)} FROM ${served.base}`, filterKeys());
  const delta = where(`SELECT ${partialColumns(view)} FROM ${served.delta}`, [
    `__stretch < ${parameter(params, served.upto)}::INTEGER`,
    ...filterKeys(),
  ]);
  const rows = rowsOf(view, `${base} UNION ALL ${delta}`);
  const outer = above.map((filter) =>
    condition(quoteName(columnOf(view, filter.column).name), columnOf(view, filter.column).type, filter, params),
  );
  // A view without keys gives its one row from no partials too, so its filters stay above the merge
  const list = question.select?.map((name) => quoteName(columnOf(view, name).name)).join(", ") ?? "*";
  let text = where(`SELECT ${list} FROM (${rows})`, outer);
  if (question.order.length > 0) {
    const order = question.order.map(
      ({ column, descending, nulls }) =>
        `${quoteName(columnOf(view, column).name)}${descending ? " DESC" : " ASC"} NULLS ${(nulls ?? (descending ? "first" : "last")).toUpperCase()}`,
    );
    text += ` ORDER BY ${order.join(", ")}`;
  }
  if (question.limit !== null) text += ` LIMIT ${parameter(params, question.limit)}::BIGINT`;
  if (question.offset > 0) text += ` OFFSET ${parameter(params, question.offset)}::BIGINT`;
  return { text, params };
}

export function columnOf(view: ViewDefinition, name: string): ViewColumn {
  const column = view.columns.find((each) => each.name === name);
  if (!column) {
    throw new TidemarkError(
      "USAGE",
      `view "${view.name}" has no column "${name}"`,
      `it has: ${view.columns.map((each) => each.name).join(", ")}`,
    );
  }
  return column;
}

/** True for filters on a shown group key whose stored form compares as the value does. */
function pushable(view: ViewDefinition, filter: Filter): boolean {
  const column = columnOf(view, filter.column);
  return view.keys.find((key) => key.name === column.key)?.type === column.type;
}

function condition(sql: string, type: string, filter: Filter, params: Param[]): string {
  const plain = plainCondition(sql, type, filter, params);
  return filter.not ? `NOT (${plain})` : plain;
}

function plainCondition(sql: string, type: string, filter: Filter, params: Param[]): string {
  const value = (text: string) => `CAST(${parameter(params, text)}::VARCHAR AS ${type})`;
  switch (filter.op) {
    case "in":
      return filter.values.length === 0 ? "false" : `${sql} IN (${filter.values.map(value).join(", ")})`;
    case "is":
      return `${sql} IS ${filter.value === "not_null" ? "NOT NULL" : filter.value.toUpperCase()}`;
    default:
      return `${sql} ${comparisons[filter.op]} ${value(filter.value)}`;
  }
}

function parameter(params: Param[], value: Param): string {
  params.push(value);
  return `$${params.length}`;
}

function where(select: string, conditions: readonly string[]): string {
  return conditions.length > 0 ? `${select} WHERE ${conditions.join(" AND ")}` : select;
}
