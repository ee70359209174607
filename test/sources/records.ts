/** Foreign records, written by hand. */
import type { FieldDefinition } from "../../shared/definition.ts";
import type { RowTexts } from "../../sources/change.ts";
import type { ForeignRecord, ForeignStream, Reading } from "../../sources/formats/foreign.ts";

/** @param fields "id BIGINT, note VARCHAR?, n INTEGER DEFAULT 1" by name */
export function foreign(
  fields: Readonly<Record<string, string>>,
  key: readonly string[],
  partitions = 1,
): ForeignStream {
  const row = Object.entries(fields).map(([name, text]): FieldDefinition => {
    const [, type = text, literal] = /^(.*) DEFAULT (.*)$/.exec(text) ?? [];
    if (literal !== undefined) return { name, type, nullable: true, default: literal };
    return { name, type: type.replace(/\?$/, ""), nullable: type.endsWith("?") };
  });
  return { topic: "shop.public.t", partitions, row, key };
}

export function record(key: string | null, value: string | null, headers: Record<string, string> = {}): ForeignRecord {
  const bytes = (text: string | null) => (text === null ? null : Buffer.from(text));
  return { partition: 0, offset: 7, key: bytes(key), value: bytes(value), headers };
}

/** A schema's JSON text. */
export type SchemaText = string | null;

/** Connect's schema of a value. */
export function schemaOf(type: string, name = "", more = ""): string {
  return `{"type":"${type}","optional":true${name === "" ? "" : `,"name":"${name}"`}${more}}`;
}

export const decimalSchema = (scale: number) =>
  schemaOf(
    "bytes",
    "org.apache.kafka.connect.data.Decimal",
    `,"parameters":{"scale":"${scale}","connect.decimal.precision":"38"}`,
  );

/** An event about a row with `id` 1 and `v`. @param schema of `v`; null: no record has one */
export function event(op: string, after: string, schema: SchemaText = null, before = "null"): string {
  const source = '{"ts_ms":1,"snapshot":"false","lsn":5}';
  const payload = `{"before":${before},"after":${after},"source":${source},"op":"${op}","ts_ms":2}`;
  if (schema === null) return payload;
  const fields = `{"type":"int32","optional":false,"field":"id"},${schema.slice(0, -1)},"field":"v"}`;
  const row = (field: string) =>
    `{"type":"struct","fields":[${fields}],"optional":true,"name":"t.Value","field":"${field}"}`;
  const rows = `${row("before")},${row("after")}`;
  return `{"schema":{"type":"struct","fields":[${rows}],"name":"t.Envelope"},"payload":${payload}}`;
}

export function afterOf(reading: Reading): RowTexts | null {
  return reading.is === "changes" ? reading.changes.at(-1)!.change.after : null;
}
