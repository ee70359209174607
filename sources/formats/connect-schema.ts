/** Kafka Connect's schemas, as its JSON converter writes them beside each value. */
import { elementsOf, membersOf } from "../../shared/values/json-parts.ts";

export interface ConnectSchema {
  /** "int32", "string", "struct" … */
  readonly type: string;
  /** What the value means, e.g. "io.debezium.time.MicroTimestamp"; "" for what its type says. */
  readonly name: string;
  readonly optional: boolean;
  /** JSON text; null: none. */
  readonly default: string | null;
  /** Of a decimal. */
  readonly scale: number | null;
  /** Of an array. */
  readonly items: ConnectSchema | null;
  /** Of a struct, by name. */
  readonly fields: ReadonlyMap<string, ConnectSchema> | null;
}

/** @param text valid JSON. Null for "null", and for what is no schema */
export function readSchema(text: string): ConnectSchema | null {
  if (!text.startsWith("{")) return null;
  const members = membersOf(text);
  const fields = members.get("fields");
  const scale = membersOf(members.get("parameters") ?? "{}").get("scale");
  return {
    type: textOf(members.get("type")),
    name: textOf(members.get("name")),
    optional: members.get("optional") === "true",
    default: members.get("default") ?? null,
    scale: scale === undefined ? null : Number(JSON.parse(scale)),
    items: readSchema(members.get("items") ?? ""),
    fields: fields === undefined ? null : new Map(elementsOf(fields, Number.POSITIVE_INFINITY).flatMap(fieldOf)),
  };
}

function fieldOf(text: string): [string, ConnectSchema][] {
  const schema = readSchema(text);
  return schema === null ? [] : [[textOf(membersOf(text).get("field")), schema]];
}

function textOf(raw: string | undefined): string {
  return raw?.startsWith('"') ? (JSON.parse(raw) as string) : "";
}
