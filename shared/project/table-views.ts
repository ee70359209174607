/** A changelog's rows as a view of the stream's own name: what the table is, at every position. */
import { carrierOf } from "../compiler/types.ts";
import type { Changelog, FieldDefinition, StreamDefinition, ViewSource } from "../definition.ts";
import { quoteName, quoteText } from "../duckdb/duck.ts";

/** @param file the configuration's, for messages */
export function tableViews(streams: readonly StreamDefinition[], file: string): ViewSource[] {
  return streams.flatMap(({ name, changelog }) =>
    changelog ? [{ name, file, sql: tableSql(name, changelog), description: `The rows of ${name}` }] : [],
  );
}

/** A key has one row at most: the largest of its rows is that one, whole. */
function tableSql(name: string, { key, row }: Changelog): string {
  const keys = key.map(quoteName).join(", ");
  const others = row.filter((field) => !key.includes(field.name));
  if (others.length === 0) return `SELECT ${keys} FROM ${quoteName(name)} GROUP BY ${keys}`;
  const members = others.map((field, i) => `'v${i}': ${kept(field)}`).join(", ");
  const columns = row.map((field) => {
    const at = others.indexOf(field);
    if (at < 0) return quoteName(field.name);
    const value = `struct_extract(max({${members}}), ${quoteText(`v${at}`)})`;
    const typed = kept(field) === quoteName(field.name) ? value : `CAST(${value} AS ${field.type})`;
    return `${typed} AS ${quoteName(field.name)}`;
  });
  return `SELECT ${columns.join(", ")} FROM ${quoteName(name)} GROUP BY ${keys}`;
}

/** As files keep it. Doubles as their texts: -0.0 equals 0.0, and one of them would be shown for the other. */
function kept({ name, type }: FieldDefinition): string {
  const carrier = carrierOf(type, true);
  return carrier === type ? quoteName(name) : `CAST(${quoteName(name)} AS ${carrier})`;
}
