/**
 * A transactional outbox: events that the application commits together with its rows, in a table with Debezium's
 * columns or as messages in the WAL. They come in commit order, each once under its own id, and are never polled for.
 */

import { appendPatiently } from "../ingest/append.ts";
import { eventKey } from "../ingest/event-key.ts";
import { Judge } from "../ingest/judge.ts";
import type { StreamDefinition } from "../shared/definition.ts";
import type { Session } from "../shared/duckdb/duck.ts";
import type { Log, NewRecord } from "../shared/log/log.ts";
import { partitionOf } from "../shared/log/partitioner.ts";
import { type Position, positionOf } from "../shared/position.ts";
import { logStream } from "../shared/store/origin.ts";
import { membersOf } from "../shared/values/json-parts.ts";
import { isJson } from "../shared/values/json-text.ts";
import type { RowTexts } from "./change.ts";
import type { SourceTable } from "./postgres/tables.ts";

const patienceMs = 60_000;
const bytesAtATime = 4 << 20;
const waitMs = 1000;
/** The request id of an event: the row's id says what it is, at any time. */
const requestPrefix = "outbox:";

/** The columns of an outbox, as Debezium's router has them. */
const columns = ["id", "aggregatetype", "aggregateid", "type", "payload"] as const;
type Column = (typeof columns)[number];

export function outboxTable(table: string): SourceTable {
  const row = columns.map((name) => ({
    name,
    type: name === "id" ? "UUID" : name === "payload" ? "JSON" : "VARCHAR",
    nullable: name !== "id",
  }));
  return { table, row, key: ["id"], insertsOnly: true };
}

/** An event that is none: it blocks nothing, and is kept with its reason. */
export interface OutboxLetter {
  readonly lsn: string;
  readonly n: number;
  readonly reason: string;
  /** What was committed, as JSON. */
  readonly row: string;
}

/** What was committed to an outbox. */
export interface OutboxRow {
  readonly lsn: string;
  readonly n: number;
  /** JSON texts by column. */
  readonly values: ReadonlyMap<string, string>;
  /** False: a message, of which the database keeps nothing. */
  readonly isRow: boolean;
}

/** @param texts of the columns, in their order */
export function rowOfTexts(texts: RowTexts): ReadonlyMap<string, string> {
  return new Map(columns.flatMap((name, i) => (texts[i] === undefined ? [] : [[name, texts[i]] as const])));
}

/** Null: no JSON object. */
export function rowOfMessage(content: Buffer): ReadonlyMap<string, string> | null {
  const text = content.toString();
  return isJson(text) && text.trimStart().startsWith("{") ? membersOf(text) : null;
}

interface Target {
  readonly stream: StreamDefinition;
  readonly judge: Judge;
  partitions: number;
  /** Where the stream ends, as far as is known. */
  readonly ends: number[];
}

export class OutboxWriter {
  readonly #log: Log;
  readonly #targets: ReadonlyMap<string, Target>;
  /** Ids of events that the streams had already when this was opened, of what was not acknowledged. */
  readonly #known: ReadonlySet<string>;

  private constructor(log: Log, targets: ReadonlyMap<string, Target>, known: ReadonlySet<string>) {
    this.#log = log;
    this.#targets = targets;
    this.#known = known;
  }

  /**
   * @param streams those that events may go to, by their names; changelogs are none
   * @param noted a position's text, below which the streams have all that was acknowledged; null: nothing was
   */
  static async open(
    log: Log,
    session: Session,
    streams: readonly StreamDefinition[],
    noted: string | null,
  ): Promise<OutboxWriter> {
    const targets = new Map<string, Target>();
    const known = new Set<string>();
    for (const stream of streams.filter(({ changelog }) => !changelog)) {
      const { first } = await log.ensure(logStream(stream));
      const ends = await log.end(logStream(stream));
      targets.set(stream.name, { stream, judge: new Judge(session, stream), partitions: first.length, ends });
      const before = offsetsIn(noted ?? "", stream.name);
      const from = new Map(ends.map((end, partition) => [partition, before.get(partition) ?? end]));
      await idsSince(log, stream, from, ends, known);
    }
    return new OutboxWriter(log, targets, known);
  }

  /** Where the streams end with what was appended. */
  get position(): Position {
    return positionOf(
      [...this.#targets.values()].flatMap(({ stream: { name }, ends }) =>
        ends.map((offset, partition) => ({ stream: name, partition, offset })),
      ),
    );
  }

  /**
   * Appends events in commit order, one append for each stream.
   * @returns those that are none, in their order
   * @throws LOG_APPEND, LOG_UNREACHABLE
   */
  async append(rows: readonly OutboxRow[]): Promise<OutboxLetter[]> {
    const reasons = new Map<OutboxRow, string>();
    const byStream = new Map<string, { readonly row: OutboxRow; readonly id: string; readonly value: Buffer }[]>();
    for (const row of rows) {
      const found = this.#eventOf(row);
      if (typeof found === "string") reasons.set(row, found);
      else if (!this.#known.has(found.id))
        byStream.set(found.stream, [...(byStream.get(found.stream) ?? []), { row, ...found }]);
    }
    const appends = [...byStream].map(async ([name, events]) => {
      const target = this.#targets.get(name)!;
      const faults = await target.judge.faults(events.map(({ value }) => value));
      for (const [index, reason] of faults) reasons.set(events[index]!.row, reason);
      const records = events.flatMap(({ id, value }, index) =>
        faults.has(index) ? [] : [recordOf(target, id, value)],
      );
      if (records.length === 0) return;
      const ends = await appendPatiently(this.#log, logStream(target.stream), records, patienceMs);
      for (const [partition, end] of ends) target.ends[partition] = Math.max(end, target.ends[partition] ?? 0);
    });
    await Promise.all(appends);
    return rows.flatMap((row) => (reasons.has(row) ? [letterOf(row, reasons.get(row)!)] : []));
  }

  #eventOf({ values }: OutboxRow): { readonly stream: string; readonly id: string; readonly value: Buffer } | string {
    const text = (name: Column): string | null => {
      const json = values.get(name) ?? "null";
      return json === "null" ? null : json.startsWith('"') ? (JSON.parse(json) as string) : json;
    };
    const [id, stream, payload] = [text("id"), text("aggregatetype"), values.get("payload") ?? "null"];
    if (id === null) return "id: an event needs one";
    const target = stream === null ? undefined : this.#targets.get(stream);
    if (!target) return "aggregatetype: the project has no stream of that name";
    // a payload that was stored as a text is JSON in a text
    const body = payload.startsWith('"') ? (JSON.parse(payload) as string) : payload;
    if (!isJson(body) || !body.trimStart().startsWith("{")) return "payload: not a JSON object";
    const members = membersOf(body);
    const { fields, id: idField } = target.stream;
    // what the stream wants and the payload does not say
    if (idField !== null && !members.has(idField)) members.set(idField, JSON.stringify(id));
    for (const name of ["type", "aggregateid"] as const)
      if (!members.has(name) && text(name) !== null && fields.some((field) => field.name === name))
        members.set(name, JSON.stringify(text(name)));
    const written = [...members].map(([name, value]) => `${JSON.stringify(name)}:${value.replace(/[\r\n]+/g, " ")}`);
    return { stream: target.stream.name, id, value: Buffer.from(`{${written.join(",")}}`) };
  }
}

function recordOf({ stream, partitions }: Target, id: string, value: Buffer): NewRecord {
  const key = eventKey(stream, value);
  return {
    partition: partitionOf(key ?? Buffer.from(id), partitions),
    key,
    value,
    id: { request: `${requestPrefix}${id}`, sequence: 0 },
  };
}

function letterOf({ lsn, n, values }: OutboxRow, reason: string): OutboxLetter {
  const row = `{${[...values].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;
  return { lsn, n, reason, row };
}

/** Ids of events of outboxes in a stretch of a stream. */
async function idsSince(
  log: Log,
  stream: StreamDefinition,
  from: ReadonlyMap<number, number>,
  ends: readonly number[],
  known: Set<string>,
): Promise<void> {
  const next = new Map(from);
  const isBehind = () => [...next].some(([partition, at]) => at < ends[partition]!);
  if (!isBehind()) return;
  const reader = await log.read(logStream(stream), next);
  try {
    while (isBehind())
      for (const { partition, upto, requests } of await reader.next(bytesAtATime, waitMs)) {
        next.set(partition, upto);
        for (const { request } of requests)
          if (request.startsWith(requestPrefix)) known.add(request.slice(requestPrefix.length));
      }
  } finally {
    await reader.close();
  }
}

/** Offsets of a stream in a position's text; undefined where it does not name them. */
function offsetsIn(text: string, stream: string): ReadonlyMap<number, number> {
  const part = text.split(";").find((each) => each.slice(0, each.lastIndexOf("@")) === stream) ?? "";
  const pairs = part.slice(part.lastIndexOf("@") + 1).split(",");
  return new Map(pairs.filter(Boolean).map((pair) => pair.split(":").map(Number) as [number, number]));
}
