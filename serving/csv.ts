/** Rows as CSV, RFC 4180. NULL is an empty cell, and an empty text a quoted one. */
import type { DuckDBValue } from "@duckdb/node-api";
import { textOf } from "./json.ts";

export function csvRow(values: readonly DuckDBValue[]): string {
  return `${values.map((value) => (value === null ? "" : cell(textOf(value)))).join(",")}\r\n`;
}

function cell(text: string): string {
  return text === "" || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
