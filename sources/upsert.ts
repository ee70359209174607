/** Records that hold a row each, and take its key's place: Kafka Connect, ksqlDB, compacted topics. */
import { isUtf8 } from "node:buffer";
import type { FormatSettings } from "../shared/format-settings.ts";
import { membersOf } from "../shared/values/json-parts.ts";
import type { RowTexts } from "./change.ts";
import { type Enveloped, Envelopes } from "./formats/envelope.ts";
import type { ForeignRecord, ForeignStream, Reading, ReadRecord } from "./formats/foreign.ts";
import { atPlace, wrong } from "./formats/refusal.ts";
import { RowReader } from "./formats/row.ts";

export function upsertReader(stream: ForeignStream, settings: FormatSettings): ReadRecord {
  const reader = new UpsertReader(stream, settings);
  return (record) => atPlace(stream.topic, record, () => reader.read(record));
}

class UpsertReader {
  readonly #stream: ForeignStream;
  readonly #rows: RowReader;
  readonly #values = new Envelopes();
  readonly #keys = new Envelopes();

  constructor(stream: ForeignStream, settings: FormatSettings) {
    this.#stream = stream;
    this.#rows = new RowReader(stream, settings, null);
  }

  read(record: ForeignRecord): Reading {
    const key = this.#key(record.key);
    const value = record.value === null ? null : this.#values.read(record.value);
    if (value === null || value.payload === "null") return changed("d", key, null);
    if (!value.payload.startsWith("{")) wrong("a value that is no JSON object", "check the stream's topic and format");
    const members = membersOf(value.payload);
    if (this.#marked(members)) return changed("d", key, null);
    // ksqlDB leaves the key's columns out of the value
    const after = this.#rows.row({ text: value.payload, schema: value.schema }, { key });
    const inRow = this.#rows.keyIn(after);
    if (inRow.some((text, i) => text !== key[i])) {
      wrong("the row's key is another than the record's", "name the topic's own key in key: …");
    }
    return changed("u", key, after);
  }

  /** What ExtractNewRecordState makes of a delete (delete.tombstone.handling.mode=rewrite). */
  #marked(members: ReadonlyMap<string, string>): boolean {
    const mark = members.get("__deleted");
    const isField = this.#stream.row.some(({ name }) => name === "__deleted");
    return !isField && (mark === '"true"' || mark === "true");
  }

  #key(bytes: Buffer | null): string[] {
    if (bytes === null) {
      return wrong("a record without a key", "let the topic's records have the row's key as their key");
    }
    const fields = this.#stream.key;
    // text is often its own key, and no JSON
    if (fields.length === 1 && isUtf8(bytes) && !isJsonKey(bytes)) {
      const ofText = this.#rows.keyOfTexts([bytes.toString()]);
      if (ofText !== null) return ofText;
    }
    const { payload, schema }: Enveloped = this.#keys.read(bytes);
    if (payload.startsWith("{")) return this.#rows.key({ text: payload, schema });
    const names = fields.join(", ");
    if (fields.length > 1) wrong(`a key of one value, and the stream's is ${names}`, "name one in key: …");
    return this.#rows.keyOf([payload], schema);
  }
}

function isJsonKey(bytes: Buffer): boolean {
  return bytes[0] === 0x22 || bytes[0] === 0x7b;
}

function changed(op: "u" | "d", key: readonly string[], after: RowTexts | null): Reading {
  return { is: "changes", changes: [{ change: { op, key, after }, order: null }] };
}
