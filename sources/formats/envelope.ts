/** A JSON converter's bytes → the value, and its schema where it is in there. */
import { isUtf8 } from "node:buffer";
import { membersOf } from "../../shared/values/json-parts.ts";
import { isJson } from "../../shared/values/json-text.ts";
import { type ConnectSchema, readSchema } from "./connect-schema.ts";
import { wrong } from "./refusal.ts";

export interface Enveloped {
  /** JSON text. */
  readonly payload: string;
  readonly schema: ConnectSchema | null;
}

/** Remembers the schema that came last: it is most of a record, and nearly always the same. */
export class Envelopes {
  /** Bytes of a record before its payload. */
  #beginning: Buffer | null = null;
  #schema: ConnectSchema | null = null;

  read(bytes: Buffer): Enveloped {
    const payload = this.#payloadOf(bytes);
    if (payload !== null) return { payload, schema: this.#schema };
    if (bytes[0] === 0) wrong("a record of a schema registry", jsonConverter);
    if (!isUtf8(bytes)) wrong("a record that is no text", jsonConverter);
    return this.ofText(bytes.toString());
  }

  ofText(text: string): Enveloped {
    if (!isJson(text)) wrong("a record that is no JSON", jsonConverter);
    if (!text.trimStart().startsWith("{")) return { payload: text.trim(), schema: null };
    const members = membersOf(text);
    const [schema, payload] = [members.get("schema"), members.get("payload")];
    if (members.size !== 2 || schema === undefined || payload === undefined) return { payload: text, schema: null };
    const beginning = `{"schema":${schema},"payload":`;
    this.#schema = readSchema(schema);
    this.#beginning = text === `${beginning}${payload}}` ? Buffer.from(beginning) : null;
    return { payload, schema: this.#schema };
  }

  /** Null where the record begins in another way than the one before. */
  #payloadOf(bytes: Buffer): string | null {
    const beginning = this.#beginning;
    const end = bytes.length - 1;
    if (beginning === null || end <= beginning.length || bytes[end] !== closingBrace) return null;
    if (bytes.compare(beginning, 0, beginning.length, 0, beginning.length) !== 0) return null;
    const inner = bytes.subarray(beginning.length, end);
    if (!isUtf8(inner)) return null;
    const payload = inner.toString();
    return isJson(payload) ? payload : null;
  }
}

const closingBrace = 0x7d;
const jsonConverter = "use org.apache.kafka.connect.json.JsonConverter as key.converter and value.converter";
