/** Conditions on a view's columns, as PostgREST writes them, and their SQL. */
import type { ViewColumn, ViewDefinition } from "../../shared/definition.ts";
import type { Param } from "../../shared/duckdb/duck.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { valueSql } from "./filter-values.ts";

export const filterOperators = { eq: "=", neq: "<>", gt: ">", gte: ">=", lt: "<", lte: "<=" } as const;
export type FilterOperator = keyof typeof filterOperators;

/** A condition; `not` negates it, and a NULL satisfies neither form, as in SQL. */
export type Filter = { readonly not: boolean } & (
  | { readonly op: "and" | "or"; readonly filters: readonly Filter[] }
  | ({ readonly column: string } & (
      | { readonly op: FilterOperator; readonly value: string }
      | { readonly op: "in"; readonly values: readonly string[] }
      | { readonly op: "is"; readonly value: "null" | "not_null" | "true" | "false" }
    ))
);

/** The columns that a filter uses. */
export function columnsIn(filter: Filter): string[] {
  return "filters" in filter ? filter.filters.flatMap(columnsIn) : [filter.column];
}

/** The values that a filter compares with, each with its column. */
export function valuesIn(filter: Filter): { readonly column: string; readonly value: string }[] {
  if ("filters" in filter) return filter.filters.flatMap(valuesIn);
  const values = filter.op === "in" ? filter.values : filter.op === "is" ? [] : [filter.value];
  return values.map((value) => ({ column: filter.column, value }));
}

/** @param sqlOf a column's SQL. @param params values are added to it */
export function condition(
  view: ViewDefinition,
  filter: Filter,
  sqlOf: (column: ViewColumn) => string,
  params: Param[],
): string {
  const plain = plainCondition(view, filter, sqlOf, params);
  return filter.not ? `NOT (${plain})` : plain;
}

function plainCondition(
  view: ViewDefinition,
  filter: Filter,
  sqlOf: (column: ViewColumn) => string,
  params: Param[],
): string {
  if ("filters" in filter) {
    const each = filter.filters.map((inner) => `(${condition(view, inner, sqlOf, params)})`);
    return each.join(filter.op === "and" ? " AND " : " OR ");
  }
  const column = columnOf(view, filter.column);
  const sql = sqlOf(column);
  const value = (text: string) => valueSql(column.type, text, parameter(params, text));
  switch (filter.op) {
    case "in":
      return filter.values.length === 0 ? "false" : `${sql} IN (${filter.values.map(value).join(", ")})`;
    case "is":
      return `${sql} IS ${filter.value === "not_null" ? "NOT NULL" : filter.value.toUpperCase()}`;
    default:
      return `${sql} ${filterOperators[filter.op]} ${value(filter.value)}`;
  }
}

/** Adds a parameter. @returns its placeholder */
export function parameter(params: Param[], value: Param): string {
  params.push(value);
  return `$${params.length}`;
}

/** @throws USAGE where the view has no such column */
export function columnOf(view: Pick<ViewDefinition, "name" | "columns">, name: string): ViewColumn {
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
