/** Served rows against plain DuckDB's: equal as multisets, rounded doubles within a share of what was added up. */
import type { Json } from "@duckdb/node-api";

/** Forty additions of doubles are off by a few dozen units in the last place of the sum of their absolute values. */
const share = 1e-13;

type Row = readonly Json[];

/**
 * @param truth its rows have a column more for each rounded one, in the same order: what its rounding may be a share of
 * @param rounded numbers of the columns that are rounded
 * @returns what differs, or null
 */
export function differenceOf(served: readonly Row[], truth: readonly Row[], rounded: readonly number[]): string | null {
  const width = (truth[0]?.length ?? served[0]?.length ?? 0) - (truth.length > 0 ? rounded.length : 0);
  const keyOf = (row: Row) =>
    JSON.stringify(row.slice(0, width).map((value, at) => (rounded.includes(at) ? null : value)));
  const waiting = new Map<string, Row[]>();
  for (const row of served) waiting.set(keyOf(row), [...(waiting.get(keyOf(row)) ?? []), row]);
  const missing: Row[] = [];
  // a row that may be far off could take the counterpart of one that may not
  const scaleOf = (row: Row) => rounded.reduce((sum, _, i) => sum + Math.abs(Number(row[width + i])), 0);
  for (const row of truth.toSorted((a, b) => scaleOf(a) - scaleOf(b))) {
    const candidates = waiting.get(keyOf(row)) ?? [];
    const at = candidates.findIndex((each) =>
      rounded.every((column, i) => isClose(each[column]!, row[column]!, row[width + i]!)),
    );
    if (at < 0) missing.push(row);
    else candidates.splice(at, 1);
  }
  const surplus = [...waiting.values()].flat();
  if (missing.length === 0 && surplus.length === 0) return null;
  const first = (rows: readonly Row[]) => (rows.length > 0 ? JSON.stringify(rows[0]) : "no row");
  return `${first(surplus)} is served where plain DuckDB has ${first(missing)} (${Math.max(missing.length, surplus.length)} rows differ)`;
}

function isClose(a: Json, b: Json, scale: Json): boolean {
  if (a === b) return true;
  return typeof a === "number" && typeof b === "number" && Math.abs(a - b) <= share * Math.abs(Number(scale));
}
