/** Which rows of a view changed between two positions: the groups that the entries in between touch, as they are now. */
import { partialColumns, rowsOf } from "../../shared/compiler/texts.ts";
import type { ViewColumn, ViewDefinition } from "../../shared/definition.ts";
import { type DuckDBValue, type Param, quoteName, quoteText, type Session } from "../../shared/duckdb/duck.ts";
import { covers, type Position } from "../../shared/position.ts";
import type { Store } from "../../shared/store/store.ts";
import { columnsIn, condition, type Filter } from "../filters.ts";
import { jsonRow } from "../json.ts";
import type { Served } from "../loaded.ts";

export interface Changes {
  /** Rows as JSON objects: those of the groups that changed and that the filters let through. */
  readonly rows: readonly string[];
  /** The shown keys, as JSON objects, of groups that changed and have no such row (any more). */
  readonly removed: readonly string[];
}

/** More changed groups than this are not told one by one. */
const groupsMax = 10_000;

/** A row is known by its shown keys: each of the view's group keys is shown. */
export function hasKnownRows(view: ViewDefinition): boolean {
  return (
    view.global ||
    (groupKeys(view).length > 0 && groupKeys(view).every((key) => view.columns.some((column) => column.key === key)))
  );
}

/**
 * @param since what has been told up to
 * @returns null where that can't be told: it lies before the version's cut, or too much changed
 * @throws STORE_MISSING, STORE_CORRUPT where an entry's file is gone or damaged: look again at the newer snapshot
 */
export async function changedRows(
  store: Store,
  session: Session,
  served: Served,
  name: string,
  since: Position,
  filters: readonly Filter[],
): Promise<Changes | null> {
  if (!covers(since, served.manifest.cut)) return null;
  const { definition: view, base, delta, upto } = served.views.get(name)!;
  const entries = served.heads.flatMap((head) => head.entries).filter((entry) => !covers(since, entry.upto));
  const files = entries.flatMap((entry) => entry.views[name]?.file ?? []);
  if (files.length === 0) return { rows: [], removed: [] };
  for (const file of files) await store.check(file);
  const keys = groupKeys(view);
  const paths = files.map((file) => quoteText(store.path(file.name)));
  const touched = `SELECT DISTINCT ${keys.join(", ") || "1 AS one"} FROM read_parquet([${paths.join(", ")}])`;
  const changed = await session.rows(`SELECT count(*) AS n FROM (${touched})`);
  if (Number(changed[0]!.n) > groupsMax) return null;
  const own = (table: string, condition: string) =>
    `SELECT ${partialColumns(view)} FROM ${table} AS own SEMI JOIN changed ON ${keys.map((key) => `own.${key} IS NOT DISTINCT FROM changed.${key}`).join(" AND ") || "true"}${condition}`;
  const partials = `${own(base, "")} UNION ALL ${own(delta, ` WHERE own.__stretch < ${upto}`)}`;
  const shown = view.columns.filter((column) => column.key !== null);
  const rows = await filtered(session, view, rowsOf(view, partials), filters, `changed AS MATERIALIZED (${touched})`);
  const keyOf = (row: Row) =>
    jsonRow(
      shown,
      shown.map((column) => row[view.columns.indexOf(column)] ?? null),
    );
  const left = new Set(rows.map(keyOf));
  // what a filter on keys leaves out was never there
  const onKeys = filters.filter((filter) =>
    columnsIn(filter).every((name) => shown.some((column) => column.name === name)),
  );
  const groups = view.global
    ? []
    : await filtered(session, view, `SELECT ${shownKeys(shown)} FROM changed`, onKeys, `changed AS (${touched})`);
  return {
    rows: rows.map((row) => jsonRow(view.columns, row)),
    removed: groups.map((row) => jsonRow(shown, row)).filter((key) => !left.has(key)),
  };
}

type Row = readonly DuckDBValue[];

async function filtered(
  session: Session,
  view: ViewDefinition,
  rows: string,
  filters: readonly Filter[],
  table: string,
): Promise<Row[]> {
  const params: Param[] = [];
  const conditions = filters.map((filter) => `(${condition(view, filter, ({ name }) => quoteName(name), params)})`);
  const where = conditions.length > 0 ? ` WHERE ${conditions.join(" AND ")}` : "";
  return (await session.read(`WITH ${table} SELECT * FROM (${rows})${where}`, params)).getRows();
}

/** The keys of groups: what tells rows of values apart is no part of them. */
export function groupKeys(view: ViewDefinition): string[] {
  return view.keys.map((key) => key.name).filter((name) => /^k\d+$/.test(name));
}

function shownKeys(shown: readonly ViewColumn[]): string {
  return shown.map((column) => `CAST(${column.key} AS ${column.type}) AS ${quoteName(column.name)}`).join(", ");
}
