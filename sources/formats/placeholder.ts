/**
 * What Debezium writes for a large value that PostgreSQL did not send, because it did not change: a text in place of
 * the value, in the shape that the column's type asks for.
 */

import type { FormatSettings } from "../../shared/format-settings.ts";
import type { ConnectSchema } from "./connect-schema.ts";

export class Placeholder {
  /** JSON texts of it in all shapes, without white space. */
  readonly #shapes: ReadonlySet<string>;
  /** Its JSON texts as bytes, which are none of a text. */
  readonly #bytes: ReadonlySet<string>;
  readonly #lengthMax: number;

  constructor(text: string) {
    const bytes = Buffer.from(text);
    const quoted = JSON.stringify(text);
    const object = `{${quoted}:${quoted}}`;
    // of bytes, texts, text[], int4[], hstore, hstore as JSON
    this.#shapes = new Set([quoted, `[${quoted}]`, `[${[...new Int8Array(bytes)]}]`, object, JSON.stringify(object)]);
    this.#bytes = new Set(
      (["base64", "base64url", "hex"] as const).map((each) => JSON.stringify(bytes.toString(each))),
    );
    this.#lengthMax = 2 * Math.max(...[...this.#shapes, ...this.#bytes].map((shape) => shape.length));
  }

  /** @param type of the field @param raw JSON text */
  is(type: string, raw: string): boolean {
    const first = raw[0];
    if ((first !== '"' && first !== "[" && first !== "{") || raw.length > this.#lengthMax) return false;
    const text = first === '"' ? raw : raw.replace(/\s/g, "");
    return this.#shapes.has(text) || (type === "BLOB" && this.#bytes.has(text));
  }
}

/**
 * True for values that Debezium 3.6 has no placeholder for: such a one that was not sent comes as null. These are
 * lists (PostgreSQL's float8[], numeric[], bool[] …; not text[], int4[], int8[], json[] and, as days, date[]), and
 * bytes as base64.
 */
export function mayBeUnsent(type: string, schema: ConnectSchema | null, { binary }: FormatSettings): boolean {
  if (type === "BLOB") return schema?.type !== "bytes" && binary !== "hex";
  if (!type.endsWith("[]")) return false;
  if (schema?.items == null) return !/^(VARCHAR|JSON|INTEGER|BIGINT)\[\]$/.test(type);
  const { type: items, name } = schema.items;
  if (items === "string") return name !== "" && name !== "io.debezium.data.Json";
  return !((items === "int32" && /^(io\.debezium\.time\.Date)?$/.test(name)) || (items === "int64" && name === ""));
}
