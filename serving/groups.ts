/** Rows of a view by the groups that they are of: told apart by the group keys, where the view shows them all. */
import { partialColumns, rowsOf } from "../shared/compiler/texts.ts";
import type { ViewColumn, ViewDefinition } from "../shared/definition.ts";
import { type DuckDBValue, type Param, quoteName, type Session } from "../shared/duckdb/duck.ts";
import { columnsIn, condition, type Filter } from "./filters.ts";
import { jsonRow } from "./json.ts";
import type { ServedView } from "./loaded.ts";
import { type Column, fewRows } from "./rows.ts";

type Row = readonly DuckDBValue[];

export interface GroupRows {
  /** JSON of the keys → JSON of the row, of those that the filters let through. */
  readonly rows: ReadonlyMap<string, string>;
  /** JSON of the keys of groups that have no such row. */
  readonly none: readonly string[];
}

/** True where each of a view's group keys is shown. */
export function hasKnownRows(view: ViewDefinition): boolean {
  const keys = groupKeys(view);
  return view.global || (keys.length > 0 && keys.every((key) => view.columns.some((column) => column.key === key)));
}

/** The keys of groups: what tells rows of values apart is no part of them. */
export function groupKeys(view: Pick<ViewDefinition, "keys">): string[] {
  return view.keys.map((key) => key.name).filter((name) => /^k\d+$/.test(name));
}

/** The columns that show a group key, in the view's order. */
export function keyColumns(view: ViewDefinition): ViewColumn[] {
  return view.columns.filter((column) => column.key !== null);
}

/** Writes a row's keys as JSON. @param columns of the rows: the view's */
export function keyWriter(
  view: ViewDefinition,
  keys: readonly ViewColumn[],
  columns: readonly Column[],
): (row: Row) => string {
  const places = keys.map((key) => view.columns.indexOf(key));
  const shown = places.map((place) => columns[place]!);
  return (row) =>
    jsonRow(
      shown,
      places.map((place) => row[place] ?? null),
    );
}

/**
 * The rows of some groups, merged from both layers.
 * @param touched a SELECT of the groups' keys (`1 AS one` for a view without), each once
 */
export async function rowsOfGroups(
  session: Session,
  { definition: view, base, delta, upto }: ServedView,
  touched: string,
  filters: readonly Filter[] = [],
): Promise<GroupRows> {
  const keys = groupKeys(view);
  const same = keys.map((key) => `own.${key} IS NOT DISTINCT FROM touched.${key}`).join(" AND ") || "true";
  const own = (table: string) => `SELECT ${partialColumns(view)} FROM ${table} AS own SEMI JOIN touched ON ${same}`;
  const partials = `${own(base)} UNION ALL ${own(delta)} WHERE own.__stretch < ${upto}`;
  const read = (rows: string, which: readonly Filter[]) => {
    const params: Param[] = [];
    const conditions = which.map((filter) => `(${condition(view, filter, ({ name }) => quoteName(name), params)})`);
    const where = conditions.length > 0 ? ` WHERE ${conditions.join(" AND ")}` : "";
    const text = `WITH touched AS MATERIALIZED (${touched}) SELECT * FROM (${rows})${where}`;
    return fewRows(session, text, params);
  };
  const columns = keyColumns(view);
  const found = await read(rowsOf(view, partials), filters);
  const keyOf = keyWriter(view, columns, found.columns);
  const rows = new Map(found.rows.map((row) => [keyOf(row), jsonRow(found.columns, row)]));
  if (view.global) return { rows, none: rows.size === 0 ? ["{}"] : [] };
  // what a filter on keys leaves out was never there
  const isKey = (name: string) => columns.some((column) => column.name === name);
  const onKeys = filters.filter((filter) => columnsIn(filter).every(isKey));
  const list = columns.map((column) => `CAST(${column.key} AS ${column.type}) AS ${quoteName(column.name)}`);
  const groups = await read(`SELECT ${list.join(", ")} FROM touched`, onKeys);
  return { rows, none: groups.rows.map((row) => jsonRow(groups.columns, row)).filter((key) => !rows.has(key)) };
}
