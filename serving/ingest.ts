/** Events over HTTP: judged one by one, appended with a request id, answered once the log has them durably. */
import { randomUUID } from "node:crypto";
import { Decoder } from "../shared/decode/decode.ts";
import type { StreamDefinition } from "../shared/definition.ts";
import { TidemarkError } from "../shared/errors.ts";
import { appendPatiently } from "../shared/ingest/append.ts";
import { keyOf } from "../shared/ingest/event-key.ts";
import { ArrayBatch } from "../shared/log/batch.ts";
import type { Log, NewRecord } from "../shared/log/log.ts";
import { Partitioner } from "../shared/log/partitioner.ts";
import { formatPosition, positionOf } from "../shared/position.ts";
import { logStream } from "../shared/store/origin.ts";
import type { SessionPool } from "./pool.ts";

/** Bytes under way to the log; beyond that clients are told to wait. */
const underWayMax = 32 << 20;
/** How long the log may fail before a client hears of it. Its client may then try the same request again. */
const patienceMs = 5000;

export interface Ingested {
  readonly accepted: number;
  /** Place in the request, and why: these are not appended. */
  readonly refused: readonly { readonly index: number; readonly reason: string }[];
  readonly position: string;
}

interface Open {
  readonly partitions: number;
  readonly partitioner: Partitioner;
  /** Of the server's own request, how many records each partition got. */
  readonly sequences: Map<number, number>;
}

export class Ingest {
  readonly #log: Log;
  readonly #pool: SessionPool;
  readonly #signal: AbortSignal;
  /** Events without a request id of their client's go under this one. */
  readonly #own = `serve-${randomUUID()}`;
  readonly #open = new Map<string, Promise<Open>>();
  #underWay = 0;

  constructor(log: Log, pool: SessionPool, signal: AbortSignal) {
    this.#log = log;
    this.#pool = pool;
    this.#signal = signal;
  }

  /**
   * @param body a JSON object, a JSON array of objects or, where `lines`, one object a line
   * @param request the client's own id of the request: sent again under it, its events count once
   * @param gone aborts when nobody waits for the answer any more
   * @throws USAGE for a body that is none of these; INGEST_BUSY; LOG_APPEND, LOG_UNREACHABLE
   */
  async take(
    stream: StreamDefinition,
    body: Buffer,
    lines: boolean,
    request: string | null,
    gone: AbortSignal,
  ): Promise<Ingested> {
    if (this.#underWay + body.length > underWayMax && this.#underWay > 0) {
      throw new TidemarkError("INGEST_BUSY", "events come in faster than the log takes them", "try again in a second");
    }
    this.#underWay += body.length;
    try {
      const values = lines ? linesIn(body) : eventsIn(body);
      const refused = await this.#refusals(stream, values, gone);
      const reasons = new Set(refused.map(({ index }) => index));
      const good = values.filter((_, index) => !reasons.has(index));
      const records = await this.#records(stream, good, request);
      const ends =
        records.length === 0
          ? new Map<number, number>()
          : await appendPatiently(this.#log, logStream(stream), records, patienceMs, this.#signal);
      const position = positionOf([...ends].map(([partition, offset]) => ({ stream: stream.name, partition, offset })));
      return { accepted: good.length, refused, position: formatPosition(position) };
    } finally {
      this.#underWay -= body.length;
    }
  }

  /** What would be a dead letter is refused here, where its sender still hears of it. */
  async #refusals(
    stream: StreamDefinition,
    values: readonly Buffer[],
    gone: AbortSignal,
  ): Promise<Ingested["refused"]> {
    if (values.length === 0) return [];
    const records = values.map((value, offset) => ({ offset, timestamp: 0, key: null, value }));
    const session = await this.#pool.take();
    try {
      // it waited too long for its turn: work for nobody would make the others wait, too
      if (gone.aborted) throw new TidemarkError("INGEST_BUSY", "the client has gone", "send it again");
      const decoded = await new Decoder(session, stream).decode([new ArrayBatch(0, 0, values.length, records)]);
      await decoded.drop();
      return decoded.dead.map(({ offset, reason }) => ({ index: offset, reason }));
    } finally {
      this.#pool.giveBack(session);
    }
  }

  async #records(stream: StreamDefinition, values: readonly Buffer[], request: string | null): Promise<NewRecord[]> {
    const { partitions, partitioner, sequences } = await this.#opened(stream);
    // a request that is sent again must go the same ways
    const [chooser, counts] = request === null ? [partitioner, sequences] : [new Partitioner(partitions), new Map()];
    return values.map((value) => {
      const record = chooser.record(keyOf(stream, value), value);
      const sequence = counts.get(record.partition) ?? 0;
      counts.set(record.partition, sequence + 1);
      return { ...record, id: { request: request ?? this.#own, sequence } };
    });
  }

  #opened(stream: StreamDefinition): Promise<Open> {
    let found = this.#open.get(stream.topic);
    if (!found) {
      found = this.#log.ensure({ ...logStream(stream), existing: true }).then(({ first }) => {
        return { partitions: first.length, partitioner: new Partitioner(first.length), sequences: new Map() };
      });
      found.catch(() => this.#open.delete(stream.topic));
      this.#open.set(stream.topic, found);
    }
    return found;
  }
}

function linesIn(body: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let start = 0; start < body.length; ) {
    const end = body.indexOf(10, start);
    const line = body.subarray(start, end < 0 ? body.length : end);
    if (line.toString("latin1").trim() !== "") found.push(line);
    start = end < 0 ? body.length : end + 1;
  }
  return found;
}

/** Numbers keep their digits: what is appended is what was sent, wherever it is one event. */
function eventsIn(body: Buffer): Buffer[] {
  const text = body.toString();
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new TidemarkError(
      "USAGE",
      "the body is not JSON",
      "send one event, an array of events, or application/x-ndjson",
    );
  }
  // a line break in JSON stands between tokens only, and one line an event is what is read quickly
  const events = Array.isArray(parsed) ? elementsOf(text) : [text.trim()];
  return events.map((each) => Buffer.from(each.replace(/[\r\n]+/g, " ")));
}

/** The texts of a valid JSON array's elements. */
function elementsOf(text: string): string[] {
  const found: string[] = [];
  let [depth, start, inText] = [0, -1, false];
  for (let i = text.indexOf("[") + 1; i < text.length; i++) {
    const each = text[i]!;
    if (inText) {
      if (each === "\\") i++;
      else if (each === '"') inText = false;
      continue;
    }
    if (depth === 0 && (each === "," || each === "]")) {
      const element = start < 0 ? "" : text.slice(start, i).trim();
      if (element !== "") found.push(element);
      start = -1;
      if (each === "]") return found;
      continue;
    }
    if (start < 0 && !/\s/.test(each)) start = i;
    if (each === '"') inText = true;
    else if (each === "{" || each === "[") depth++;
    else if (each === "}" || each === "]") depth--;
  }
  return found;
}
