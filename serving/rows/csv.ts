/** Rows as CSV, RFC 4180. NULL is an empty cell, and an empty text a quoted one. */
import type { DuckDBValue } from "../../shared/duckdb/duck.ts";
import type { Column } from "./rows.ts";

export function csvHead(columns: readonly Column[]): string {
  return `${columns.map(({ name }) => cell(name)).join(",")}\r\n`;
}

export function csvRow(columns: readonly Column[], values: readonly DuckDBValue[]): string {
  const cells = columns.map(({ writer }, i) => (values[i] === null ? "" : cell(writer.text(values[i]!))));
  return `${cells.join(",")}\r\n`;
}

function cell(text: string): string {
  return text === "" || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
