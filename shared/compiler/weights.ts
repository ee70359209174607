/** Rows that change: a record of a changelog takes one row back and adds one, so that what sums them stays linear. */
import type { FieldDefinition, StreamDefinition } from "../definition.ts";
import { quoteName, quoteText } from "../duckdb/duck.ts";
import { eventColumn } from "./event-order.ts";

/** The hidden column of a weighted view's input: 1 for a row that came, -1 for one that went. */
export const weightColumn = "__weight";

/** What a weighted view's SQL says of a group of which more rows went than came. */
export const goneUnknown = "went that had not come";

type Rows = Pick<StreamDefinition, "fields" | "changelog">;

/** The fields that a view sees of a stream. */
export function rowFields({ fields, changelog }: Rows): readonly FieldDefinition[] {
  return changelog?.row ?? fields;
}

/** What a record of a changelog says of its row; either is NULL where there was, or is, none. */
const [beforeField, afterField] = ["before", "after"] as const;

/**
 * The rows that came and went, with their weights.
 * @param records a SELECT of a stream's records
 * @param placed they have the column `__event`, and so do the rows
 */
export function weightedRows(stream: Rows, records: string, placed: boolean): string {
  if (!stream.changelog) return `SELECT *, 1::BIGINT AS ${weightColumn} FROM (${records})`;
  const place = placed ? [eventColumn] : [];
  const rows = (field: string, weight: 1 | -1) => {
    const list = [...valuesOf(stream, field), ...place, `${weight}::BIGINT AS ${weightColumn}`];
    return `SELECT ${list.join(", ")} FROM (${records}) WHERE ${field} IS NOT NULL`;
  };
  return `${rows(beforeField, -1)} UNION ALL ${rows(afterField, 1)}`;
}

/**
 * The rows that are left after all records: of each key the last one's, if it has any. It reads no weights, so that
 * what is summed can be compared with it.
 * @param records a SELECT of a changelog's records from the origin on, with the column `__event`
 */
export function rowsLeft(stream: Rows, { key }: NonNullable<Rows["changelog"]>, records: string): string {
  const own = key.map((name) => `struct_extract(coalesce(${afterField}, ${beforeField}), ${quoteText(name)})`);
  // a key has one partition
  const last = `QUALIFY row_number() OVER (PARTITION BY ${own.join(", ")} ORDER BY ${eventColumn}.o DESC) = 1`;
  const values = valuesOf(stream, afterField).join(", ");
  return `SELECT ${values} FROM (SELECT ${afterField} FROM (${records}) ${last}) WHERE ${afterField} IS NOT NULL`;
}

function valuesOf(stream: Rows, field: string): string[] {
  return rowFields(stream).map(({ name, type }) => {
    const value = `struct_extract(${field}, ${quoteText(name)})`;
    // inside a record a null of JSON is one of its values
    const own = type === "JSON" ? `nullif(${value}, CAST('null' AS JSON))` : value;
    return `${own} AS ${quoteName(name)}`;
  });
}
