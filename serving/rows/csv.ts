/** Rows as CSV, RFC 4180. NULL is an empty cell, and an empty text a quoted one. */
import type { DuckDBValue } from "../../shared/duckdb/duck.ts";
import type { RowColumn } from "./rows.ts";

export function csvHead(columns: readonly RowColumn[]): string {
  return `${columns.map(({ name }) => cell(name)).join(",")}\r\n`;
}

export function csvRow(columns: readonly RowColumn[], values: readonly DuckDBValue[]): string {
  const cells = columns.map(({ writer }, i) => (values[i] === null ? "" : cell(writer.text(values[i]!))));
  return `${cells.join(",")}\r\n`;
}

function cell(text: string): string {
  return text === "" || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
