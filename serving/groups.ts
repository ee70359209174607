/** Rows of a view by the groups that they are of: told apart by the group keys, where the view shows them all. */
import { partialColumns, rowsOf } from "../shared/compiler/texts.ts";
import type { ViewColumn, ViewDefinition } from "../shared/definition.ts";
import { type DuckDBValue, type Param, quoteName, type Session } from "../shared/duckdb/duck.ts";
import { aroundFailing, failingError, isOfValues } from "../shared/health/failing-groups.ts";
import { columnsIn, condition, type Filter } from "./filters.ts";
import { jsonRow } from "./json.ts";
import type { ServedView } from "./loaded.ts";
import { type Column, type FewRows, fewRows } from "./rows.ts";

type Row = readonly DuckDBValue[];

export interface GroupRows {
  /** JSON of the keys → JSON of the row, of those that the filters let through. */
  readonly rows: ReadonlyMap<string, string>;
  /** JSON of the keys of groups that have no such row. */
  readonly none: readonly string[];
  /** JSON of the keys of groups that the view's SQL has no value for. */
  readonly failing: readonly string[];
}

/** More groups without a value are not gone around one by one. */
const failingMax = 20;

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
  // what a filter on keys leaves out was never there
  const isKey = (name: string) => columns.some((column) => column.name === name);
  const onKeys = filters.filter((filter) => columnsIn(filter).every(isKey));
  const list = columns.map((column) => `CAST(${column.key} AS ${column.type}) AS ${quoteName(column.name)}`);
  const keysIn = async (from: string) => {
    if (view.global) return [];
    const groups = await read(`SELECT ${list.join(", ")} FROM ${from}`, onKeys);
    return groups.rows.map((row) => jsonRow(groups.columns, row));
  };
  const given = (found: FewRows, all: readonly string[], failing: readonly string[]): GroupRows => {
    const keyOf = keyWriter(view, columns, found.columns);
    const rows = new Map(found.rows.map((row) => [keyOf(row), jsonRow(found.columns, row)]));
    if (view.global) return { rows, none: rows.size === 0 ? ["{}"] : [], failing };
    const none = all.filter((key) => !rows.has(key) && !failing.includes(key));
    return { rows, none, failing };
  };
  try {
    return given(await read(rowsOf(view, partials), filters), await keysIn("touched"), []);
  } catch (error) {
    if (!isOfValues(error)) throw error;
    const all = await keysIn("touched");
    const own = `WITH touched AS MATERIALIZED (${touched}) ${partials}`;
    return aroundFailing(session, view, own, [], failingMax, async (well, failing) => {
      if (failing.groups.length === 0) throw error;
      if (well === null) throw failingError(view.name, failing);
      return given(await read(rowsOf(view, well), filters), all, await keysIn(`(${failing.keys})`));
    });
  }
}
