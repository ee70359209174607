/** What is sent to a changelog: rows that come or change, that go, single fields; checked before it is appended. */
import { Decoder } from "../shared/decode/decode.ts";
import type { Changelog, ChangelogStream, FieldDefinition, StreamDefinition } from "../shared/definition.ts";
import type { Session } from "../shared/duckdb/duck.ts";
import { ArrayBatch } from "../shared/log/batch.ts";
import { membersOf } from "../shared/values/json-parts.ts";
import { isJson } from "../shared/values/json-text.ts";
import { faultsIn } from "./judge.ts";

const ops = ["upsert", "delete", "patch"] as const;
type Op = (typeof ops)[number];

/** A change as it is appended to the changelog's input, or why it is none. */
export type ReadChange = { readonly value: Buffer } | { readonly reason: string };

interface Sent {
  readonly op: Op;
  /** Its members as they were sent, by name. */
  readonly row: ReadonlyMap<string, string>;
}

export class SentChanges {
  readonly #session: Session;
  readonly #changelog: Changelog;
  readonly #streams: Readonly<Record<Op, StreamDefinition>>;
  readonly #keys: StreamDefinition;

  constructor(session: Session, stream: ChangelogStream) {
    const { changelog } = stream;
    const plain = rowStream(stream);
    const isKey = ({ name }: FieldDefinition) => changelog.key.includes(name);
    const keys = changelog.row.filter(isKey);
    const optional = changelog.row.map((field) => (isKey(field) ? field : { ...field, nullable: true }));
    this.#session = session;
    this.#changelog = changelog;
    this.#keys = { ...plain, fields: keys };
    this.#streams = {
      upsert: plain,
      delete: this.#keys,
      patch: { ...plain, fields: optional },
    };
  }

  /**
   * `{"op": "upsert" | "delete" | "patch", "row": {…}}`; an object of another shape is a row, to be there as it is.
   * Each in its place.
   */
  async read(values: readonly Buffer[]): Promise<ReadChange[]> {
    const sent = values.map((value) => this.#sentOf(value.toString()));
    const reasons = new Map<number, string>();
    for (const op of ops) {
      const own = sent.flatMap((each, index) => (typeof each !== "string" && each.op === op ? [index] : []));
      const rows = own.map((index) => Buffer.from(textOf((sent[index] as Sent).row)));
      for (const [at, reason] of await this.#faults(this.#streams[op], rows)) reasons.set(own[at]!, reason);
    }
    const good = sent.flatMap((each, index) => (typeof each === "string" || reasons.has(index) ? [] : [index]));
    const keys = await this.#keysOf(good.map((index) => Buffer.from(textOf((sent[index] as Sent).row))));
    const made = new Map(good.map((index, at) => [index, changeText(sent[index] as Sent, keys[at]!)]));
    return sent.map((each, index) => {
      if (typeof each === "string") return { reason: each };
      const reason = reasons.get(index);
      return reason === undefined ? { value: Buffer.from(made.get(index)!) } : { reason };
    });
  }

  /** A reason as a text. */
  #sentOf(text: string): Sent | string {
    if (!text.trimStart().startsWith("{") || !isJson(text)) return "not a JSON object";
    const members = membersOf(text);
    const isChange =
      members.has("row") && members.size <= 2 && [...members.keys()].every((name) => name === "op" || name === "row");
    if (!isChange) return { op: "upsert", row: members };
    const op = ops.find((each) => JSON.stringify(each) === (members.get("op") ?? '"upsert"'));
    if (op === undefined) return `op: none of ${ops.join(", ")}`;
    const row = members.get("row")!;
    if (!row.startsWith("{")) return "row: not a JSON object";
    const fields = membersOf(row);
    return op === "patch" ? (this.#patchFault(fields) ?? { op, row: fields }) : { op, row: fields };
  }

  /** A name that is no field's would change nothing. */
  #patchFault(fields: ReadonlyMap<string, string>): string | null {
    for (const [name, value] of fields) {
      const field = this.#changelog.row.find((each) => each.name === name);
      if (!field) return `a field that the stream does not have`;
      if (!field.nullable && value === "null") return `${name}: required field is missing`;
    }
    return null;
  }

  async #faults(stream: StreamDefinition, rows: readonly Buffer[]): Promise<ReadonlyMap<number, string>> {
    return rows.length === 0 ? new Map() : faultsIn(new Decoder(this.#session, stream), batchOf(rows));
  }

  /** The keys in their one way of writing. */
  async #keysOf(rows: readonly Buffer[]): Promise<string[]> {
    if (rows.length === 0) return [];
    const decoded = await new Decoder(this.#session, this.#keys).decode([batchOf(rows)]);
    const columns = await Promise.all(this.#changelog.key.map((name) => decoded.texts(name)));
    await decoded.close();
    const written = this.#changelog.key.map((name) =>
      writtenBare(this.#changelog.row.find((each) => each.name === name)!),
    );
    return rows.map((_, i) => {
      const values = columns.map((texts, at) => (written[at] ? texts[i]! : JSON.stringify(texts[i]!)));
      return `[${values.join(",")}]`;
    });
  }
}

/** The stream of a changelog's rows alone. Of another stream, itself. */
export function rowStream(stream: StreamDefinition): StreamDefinition {
  const { changelog, ...rest } = stream;
  return changelog ? { ...rest, fields: changelog.row } : stream;
}

export function isChangelog(stream: StreamDefinition): stream is ChangelogStream {
  return stream.changelog !== undefined;
}

/** True for a type whose text is JSON. */
function writtenBare({ type }: FieldDefinition): boolean {
  return /INT|^DECIMAL|^BOOLEAN/.test(type);
}

function batchOf(values: readonly Buffer[]): ArrayBatch {
  const records = values.map((value, offset) => ({ offset, timestamp: 0, key: null, value }));
  return new ArrayBatch(0, 0, values.length, records);
}

function textOf(row: ReadonlyMap<string, string>): string {
  // a record is a line; in JSON line breaks are never part of a value
  const members = [...row].map(([name, value]) => `${JSON.stringify(name)}:${value.replace(/[\r\n]+/g, " ")}`);
  return `{${members.join(",")}}`;
}

function changeText({ op, row }: Sent, key: string): string {
  return `{"key":${JSON.stringify(key)},"op":"${op}","row":${textOf(row)}}`;
}
