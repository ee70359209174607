/** Rows as JSON objects. */
import type { DuckDBValue } from "../../shared/duckdb/duck.ts";
import type { RowColumn } from "./rows.ts";

/** The text before each value, computed once for all rows. */
const heads = new WeakMap<readonly RowColumn[], readonly string[]>();

export function headsOf(columns: readonly RowColumn[]): readonly string[] {
  let found = heads.get(columns);
  if (!found) {
    found = columns.map(({ name }, i) => `${i === 0 ? "{" : ","}${JSON.stringify(name)}:`);
    heads.set(columns, found);
  }
  return found;
}

/** One row as a JSON object. */
export function jsonRow(columns: readonly RowColumn[], row: readonly DuckDBValue[]): string {
  if (columns.length === 0) return "{}";
  const before = headsOf(columns);
  let text = "";
  for (let i = 0; i < before.length; i++) text += before[i]! + columns[i]!.writer.json(row[i] ?? null);
  return `${text}}`;
}
