/** DuckDB values as JSON text that keeps every digit: integers beyond 2^53 and decimals are written as they are. */
import {
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  type DuckDBValue,
} from "@duckdb/node-api";

/** JSON text of one value; NaN and infinities, which JSON lacks, become the strings events use for them. */
export function jsonOf(value: DuckDBValue, type = ""): string {
  if (value === null) return "null";
  switch (typeof value) {
    case "string":
      return type === "JSON" ? value : JSON.stringify(value);
    case "bigint":
      return value.toString();
    case "boolean":
      return String(value);
    case "number":
      if (!Number.isFinite(value)) return `"${value}"`;
      // a double that is whole is told from an integer of as many digits
      return Math.abs(value) > Number.MAX_SAFE_INTEGER ? value.toExponential() : JSON.stringify(value);
  }
  if (value instanceof DuckDBDecimalValue) return value.toString();
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue)
    return `[${value.items.map((item) => jsonOf(item)).join(",")}]`;
  if (value instanceof DuckDBStructValue) {
    return `{${Object.entries(value.entries)
      .map(([name, item]) => `${JSON.stringify(name)}:${jsonOf(item)}`)
      .join(",")}}`;
  }
  if (value instanceof DuckDBMapValue)
    return `[${value.entries.map(({ key, value: item }) => `[${jsonOf(key)},${jsonOf(item)}]`).join(",")}]`;
  if (value instanceof DuckDBBlobValue) return JSON.stringify(Buffer.from(value.bytes).toString("base64"));
  return JSON.stringify(String(value));
}

type Columns = readonly { readonly name: string; readonly type: string }[];

/** What stands before each value: the same for all rows of a million. */
const heads = new WeakMap<Columns, readonly string[]>();

export function headsOf(columns: Columns): readonly string[] {
  let found = heads.get(columns);
  if (!found) {
    found = columns.map(({ name }, i) => `${i === 0 ? "{" : ","}${JSON.stringify(name)}:`);
    heads.set(columns, found);
  }
  return found;
}

/** One row as a JSON object. */
export function jsonRow(columns: Columns, row: readonly DuckDBValue[]): string {
  if (columns.length === 0) return "{}";
  const before = headsOf(columns);
  let text = "";
  for (let i = 0; i < before.length; i++) text += before[i]! + jsonOf(row[i] ?? null, columns[i]!.type);
  return `${text}}`;
}

/** Plain text of a value for tables and CSV; NULL is the empty text. */
export function textOf(value: DuckDBValue): string {
  if (value === null) return "";
  if (value instanceof DuckDBBlobValue || value instanceof DuckDBListValue || value instanceof DuckDBStructValue)
    return jsonOf(value);
  return String(value);
}
