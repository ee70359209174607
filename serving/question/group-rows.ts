/** Rows of a view by group, identified by the group keys, if the view shows them all. */
import { groupKeyNames } from "../../shared/compiler/partial-columns.ts";
import { partialColumns, rowsOf } from "../../shared/compiler/texts.ts";
import { type Param, quoteName, type Session } from "../../shared/duckdb/duck.ts";
import { aroundFailing, failingError, isOfValues } from "../../shared/health/failing-groups.ts";
import { jsonRow } from "../rows/json.ts";
import { rowsFrom } from "../rows/rows.ts";
import type { ServedView } from "../snapshot/loaded.ts";
import { columnsIn, condition, type Filter } from "./filters.ts";
import { keyColumns, keyWriter } from "./group-keys.ts";

/**
 * JSON of a group's keys, and of its row; null: it has no row that passes the filters; undefined:
 * the view's SQL has no value for it.
 */
export type GroupRow = readonly [key: string, row: string | null | undefined];

/** Above this many groups without a value, they are not excluded one by one. */
const failingMax = 20;

/**
 * The rows of some groups, merged from both layers, streamed in chunks, since there may be many.
 * @param touched a SELECT of the groups' keys (`1 AS one` for a view without), each once
 * @param whole a SELECT of all partial rows, where they are not those of the snapshot
 */
export async function* rowsOfGroups(
  session: Session,
  { definition: view, base, delta, upto }: ServedView,
  touched: string,
  filters: readonly Filter[] = [],
  whole: string | null = null,
): AsyncGenerator<readonly GroupRow[]> {
  const keys = groupKeyNames(view);
  const same = keys.map((key) => `own.${key} IS NOT DISTINCT FROM touched.${key}`).join(" AND ") || "true";
  const own = (table: string) => `SELECT ${partialColumns(view)} FROM ${table} AS own SEMI JOIN touched ON ${same}`;
  const partials =
    whole === null ? `${own(base)} UNION ALL ${own(delta)} WHERE own.__stretch < ${upto}` : own(`(${whole})`);
  const read = async (rows: string, which: readonly Filter[]) => {
    const params: Param[] = [];
    const conditions = which.map((filter) => `(${condition(view, filter, ({ name }) => quoteName(name), params)})`);
    const where = conditions.length > 0 ? ` WHERE ${conditions.join(" AND ")}` : "";
    const text = `WITH touched AS MATERIALIZED (${touched}) SELECT * FROM (${rows})${where}`;
    return rowsFrom(session, text, params);
  };
  const columns = keyColumns(view);
  // filters on keys also apply to groups without a row
  const isKey = (name: string) => columns.some((column) => column.name === name);
  const onKeys = filters.filter((filter) => columnsIn(filter).every(isKey));
  const list = columns.map((column) => `CAST(${column.key} AS ${column.type}) AS ${quoteName(column.name)}`);
  const yielded = new Set<string>();
  const fresh = (rows: readonly GroupRow[]) => {
    const some = rows.filter(([key]) => !yielded.has(key));
    for (const [key] of some) yielded.add(key);
    return some;
  };
  const rowsIn = async function* (from: string): AsyncGenerator<readonly GroupRow[]> {
    const merged = await read(rowsOf(view, from), filters);
    const keyOf = keyWriter(view, columns, merged.columns);
    for await (const chunk of merged.chunks)
      yield fresh(chunk.getRows().map((row): GroupRow => [flat(keyOf(row)), flat(jsonRow(merged.columns, row))]));
  };
  const keysIn = async function* (from: string, row: null | undefined): AsyncGenerator<readonly GroupRow[]> {
    if (view.global) return;
    const groups = await read(`SELECT ${list.join(", ")} FROM ${from}`, onKeys);
    for await (const chunk of groups.chunks)
      yield fresh(chunk.getRows().map((key): GroupRow => [flat(jsonRow(groups.columns, key)), row]));
  };
  try {
    yield* rowsIn(partials);
  } catch (error) {
    if (!isOfValues(error)) throw error;
    const own = `WITH touched AS MATERIALIZED (${touched}) ${partials}`;
    yield await aroundFailing(session, view, own, [], failingMax, async (passing, failing) => {
      if (failing.groups.length === 0) throw error;
      if (passing === null) throw failingError(view.name, failing);
      const found: GroupRow[] = [];
      for await (const rows of keysIn(`(${failing.keys})`, undefined)) found.push(...rows);
      for await (const rows of rowsIn(passing)) found.push(...rows);
      return found;
    });
  }
  yield* keysIn("touched", null);
  if (view.global && yielded.size === 0) yield [["{}", null]];
}

/** A concatenated string keeps its parts, which take many times its size, until it is flattened. */
function flat(text: string): string {
  return Buffer.from(text).toString();
}
