/** Debezium's change events (as of 3.6, from PostgreSQL) as changes of keyed rows. */
import { TidemarkError } from "../shared/errors.ts";
import { type FormatSettings, placeholderDefault } from "../shared/format-settings.ts";
import { membersOf } from "../shared/values/json-parts.ts";
import { type Enveloped, Envelopes } from "./formats/envelope.ts";
import type { ForeignChange, ForeignRecord, ForeignStream, Reading, ReadRecord } from "./formats/foreign.ts";
import { orderText } from "./formats/order.ts";
import { Placeholder } from "./formats/placeholder.ts";
import { atPlace, unclear, wrong } from "./formats/refusal.ts";
import { type ForeignRow, RowReader } from "./formats/row.ts";

export function debeziumReader(stream: ForeignStream, settings: FormatSettings): ReadRecord {
  const reader = new DebeziumReader(stream, settings);
  return (record) => atPlace(stream.topic, record, () => reader.read(record));
}

class DebeziumReader {
  readonly #stream: ForeignStream;
  readonly #rows: RowReader;
  readonly #values = new Envelopes();
  readonly #keys = new Envelopes();

  constructor(stream: ForeignStream, settings: FormatSettings) {
    this.#stream = stream;
    const placeholder = new Placeholder(settings.placeholder ?? placeholderDefault);
    // Debezium writes JSON as text, always
    this.#rows = new RowReader(stream, { json: "text", ...settings }, placeholder);
  }

  read(record: ForeignRecord): Reading {
    if (record.value === null) return { is: "nothing", what: "tombstone" };
    const { payload, schema } = this.#values.read(record.value);
    if (payload === "null") return { is: "nothing", what: "tombstone" };
    if (!payload.startsWith("{")) return notDebezium();
    const event = membersOf(payload);
    const op = event.get("op");
    const row = (name: "before" | "after"): ForeignRow | null => {
      const text = event.get(name) ?? "null";
      return text === "null" ? null : { text, schema: schema?.fields?.get(name) ?? null };
    };
    const order = orderOf(event.get("source") ?? "{}");
    switch (op) {
      case '"r"':
      case '"c"':
      case '"u"':
      case '"d"':
        this.#checkKey(record.key);
        return { is: "changes", changes: this.#changes(record, op[1] as "r" | "c" | "u" | "d", row, order) };
      case '"t"':
        return this.#truncate(order);
      case '"m"':
        return { is: "nothing", what: "message" };
      case undefined:
        return withoutOp(event);
      default:
        return wrong("an operation that is none of r, c, u, d, t and m", "check the stream's topic and format");
    }
  }

  #changes(
    record: ForeignRecord,
    op: "r" | "c" | "u" | "d",
    row: (name: "before" | "after") => ForeignRow | null,
    order: string | null,
  ): ForeignChange[] {
    const [before, after] = [row("before"), row("after")];
    const headers = record.headers ?? {};
    if (op === "d") {
      const key = before === null ? this.#keyOfRecord(record.key) : this.#rows.key(before);
      const moved = headers["__debezium.newkey"] === undefined ? {} : { moved: true as const };
      return [{ change: { op, key, after: null }, order, ...moved }];
    }
    if (after === null) return wrong("a change without a row after it", "check the stream's topic and format");
    const oldKey = headers["__debezium.oldkey"];
    const places: number[] = [];
    const texts = this.#rows.row(after, { doubtful: places });
    // of an insert all is sent
    const doubtful = op === "u" || oldKey !== undefined ? this.#doubtful(before, places) : {};
    const key = this.#rows.keyIn(texts);
    if (op === "u" && before !== null) {
      const old = this.#rows.key(before);
      if (old.some((text, i) => text !== key[i])) {
        return [
          { change: { op: "d", key: old, after: null }, order, moved: true },
          { change: { op: "c", key, after: texts, base: old }, order, ...doubtful },
        ];
      }
    }
    if (oldKey === undefined || (!texts.includes(undefined) && !doubtful.doubtful)) {
      return [{ change: { op, key, after: texts }, order, ...doubtful }];
    }
    return [{ change: { op, key, after: texts, base: this.#keyOfHeader(oldKey) }, order, ...doubtful }];
  }

  /** A value that the row of before has would have been sent: there, null is NULL. */
  #doubtful(before: ForeignRow | null, places: readonly number[]): Pick<ForeignChange, "doubtful"> {
    if (places.length === 0) return {};
    const members = before === null ? null : membersOf(before.text);
    const { row } = this.#stream;
    const doubtful = places.filter((place) => (members?.get(row[place]!.name) ?? "null") === "null");
    return doubtful.length === 0 ? {} : { doubtful };
  }

  #truncate(order: string | null): Reading {
    const { partitions } = this.#stream;
    if (partitions === 1) return { is: "truncate", order };
    return unclear(
      `a truncate in one of ${partitions} partitions, in no order with changes in the others`,
      "leave truncates out (skipped.operations=t) and delete rows instead, or give the topic one partition",
    );
  }

  /** A topic whose records have another key has changes of one row in several partitions, or of several rows as one. */
  #checkKey(bytes: Buffer | null): void {
    const expected = this.#stream.key;
    const should = `name the topic's own key in key: …, or set message.key.columns in the connector`;
    if (bytes === null) wrong("a change without a key, so that changes of one row lie in any partition", should);
    const text = bytes.toString();
    if (!/^\s*\{/.test(text)) {
      if (expected.length > 1 || text.startsWith("Struct{")) wrong("a key that is no JSON object", jsonKeys);
      return;
    }
    const { payload } = this.#keys.read(bytes);
    if (!payload.startsWith("{")) {
      if (expected.length > 1) wrong("a key of one value", should);
      return;
    }
    const names = [...membersOf(payload).keys()];
    if (names.length === expected.length && expected.every((name) => names.includes(name))) return;
    wrong(`the records' key is ${names.join(", ")}, and the stream's ${expected.join(", ")}`, should);
  }

  #keyOfRecord(bytes: Buffer | null): string[] {
    return this.#keyOfJson(this.#keys.read(bytes!));
  }

  #keyOfJson({ payload, schema }: Enveloped): string[] {
    return payload.startsWith("{") ? this.#rows.key({ text: payload, schema }) : this.#rows.keyOf([payload], schema);
  }

  /** @param text JSON, or what Connect's default converter of headers makes of a key: Struct{id=7} */
  #keyOfHeader(text: string): string[] {
    if (text.startsWith("{")) return this.#keyOfJson(new Envelopes().ofText(text));
    const pattern = (value: string) =>
      new RegExp(
        `^Struct\\{${this.#stream.key.map((name) => `${name.replace(/[^\w]/g, "\\$&")}=${value}`).join(",")}\\}$`,
        "s",
      );
    const [first, other] = [pattern("(.*)").exec(text), pattern("(.*?)").exec(text)];
    const values = first?.slice(1);
    const known = values?.every((value, i) => value === other?.[i + 1]) ? this.#rows.keyOfTexts(values) : null;
    return known ?? unclear("the old key of an update of a key, in a header that is no JSON", headerConverter);
  }
}

const jsonKeys = "use org.apache.kafka.connect.json.JsonConverter as key.converter";
const headerConverter = "use org.apache.kafka.connect.json.JsonConverter as header.converter";

function orderOf(source: string): string | null {
  const members = membersOf(source);
  const lsn = members.get("lsn");
  if (lsn === undefined || !/^\d+$/.test(lsn)) return null;
  const [micros, millis] = [members.get("ts_us"), members.get("ts_ms")];
  const snapshot = members.get("snapshot") ?? '"false"';
  return orderText({
    lsn: BigInt(lsn),
    micros: integer(micros) ?? 1000n * (integer(millis) ?? 0n),
    snapshot: !/^("false"|false|null)$/.test(snapshot),
  });
}

function integer(raw: string | undefined): bigint | null {
  return raw !== undefined && /^-?\d+$/.test(raw) ? BigInt(raw) : null;
}

/** @param field that was doubtful, and of which the row that is known has a value */
export function doubtRefused(stream: ForeignStream, record: ForeignRecord, field: number): TidemarkError {
  const { topic, row } = stream;
  const { partition, offset } = record;
  return new TidemarkError(
    "SOURCE_SETTING",
    `topic ${topic}, partition ${partition}, offset ${offset}: field ${row[field]!.name}: NULL, or a large value ` +
      "that did not change and was not sent?",
    "ALTER TABLE … REPLICA IDENTITY FULL makes Debezium send it; for bytes, binary.handling.mode=bytes is enough",
    { topic, partition, offset },
  );
}

/** Records of Debezium's own that are no changes. */
function withoutOp(event: ReadonlyMap<string, string>): Reading {
  const names = [...event.keys()];
  if (names.includes("ts_ms") && names.every((name) => /^ts_[mun]s$/.test(name))) {
    return { is: "nothing", what: "heartbeat" };
  }
  if (event.has("status") && event.has("id") && event.has("event_count")) return { is: "nothing", what: "transaction" };
  return notDebezium();
}

function notDebezium(): never {
  return wrong(
    "a record that is no change event of Debezium",
    'where a transform takes the row out of the event (ExtractNewRecordState), set format: "upsert"',
  );
}
