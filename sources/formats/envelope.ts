/** A JSON converter's bytes → the value, and its schema where it is in there. */
import { isUtf8 } from "node:buffer";
import { membersOf } from "../../shared/values/json-parts.ts";
import { type ConnectSchema, readSchema } from "./connect-schema.ts";
import { wrong } from "./refusal.ts";

export interface Enveloped {
  /** JSON text. */
  readonly payload: string;
  readonly schema: ConnectSchema | null;
}

/** Remembers the schema that came last: it is most of a record, and nearly always the same. */
export class Envelopes {
  #beginning: string | null = null;
  #schema: ConnectSchema | null = null;

  read(bytes: Buffer): Enveloped {
    if (bytes[0] === 0) wrong("a record of a schema registry", jsonConverter);
    if (!isUtf8(bytes)) wrong("a record that is no text", jsonConverter);
    return this.ofText(bytes.toString());
  }

  ofText(text: string): Enveloped {
    if (this.#beginning !== null && text.startsWith(this.#beginning) && text.endsWith("}")) {
      const payload = text.slice(this.#beginning.length, -1);
      if (parses(payload)) return { payload, schema: this.#schema };
    }
    if (!parses(text)) wrong("a record that is no JSON", jsonConverter);
    if (!text.trimStart().startsWith("{")) return { payload: text.trim(), schema: null };
    const members = membersOf(text);
    const [schema, payload] = [members.get("schema"), members.get("payload")];
    if (members.size !== 2 || schema === undefined || payload === undefined) return { payload: text, schema: null };
    const beginning = `{"schema":${schema},"payload":`;
    this.#schema = readSchema(schema);
    this.#beginning = text === `${beginning}${payload}}` ? beginning : null;
    return { payload, schema: this.#schema };
  }
}

const jsonConverter = "use org.apache.kafka.connect.json.JsonConverter as key.converter and value.converter";

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
