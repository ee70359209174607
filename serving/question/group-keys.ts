/** Rows of a view are identified by its group keys, if it shows them all. */
import { groupKeyNames } from "../../shared/compiler/partial-columns.ts";
import type { ViewColumn, ViewDefinition } from "../../shared/definition.ts";
import type { DuckDBValue } from "../../shared/duckdb/duck.ts";
import { jsonRow } from "../rows/json.ts";
import type { RowColumn } from "../rows/rows.ts";

type Row = readonly DuckDBValue[];

/** True where a view shows all its group keys, and each row occurs once. */
export function hasKnownRows(view: ViewDefinition): boolean {
  const keys = groupKeyNames(view);
  if (view.global) return !view.repeated;
  return keys.length > 0 && keys.every((key) => view.columns.some((column) => column.key === key));
}

/** The columns that show a group key, in the view's order. */
export function keyColumns(view: ViewDefinition): ViewColumn[] {
  return view.columns.filter((column) => column.key !== null);
}

/** Writes a row's keys as JSON. @param columns of the rows: the view's */
export function keyWriter(
  view: ViewDefinition,
  keys: readonly ViewColumn[],
  columns: readonly RowColumn[],
): (row: Row) => string {
  const places = keys.map((key) => view.columns.indexOf(key));
  const shown = places.map((place) => columns[place]!);
  return (row) =>
    jsonRow(
      shown,
      places.map((place) => row[place] ?? null),
    );
}
