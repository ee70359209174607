/** Events over HTTP: judged one by one, appended with a request id, answered once the log has them durably. */

import { randomUUID } from "node:crypto";
import { decoderOf } from "../../shared/archive/segments.ts";
import { Decoder } from "../../shared/decode/decode.ts";
import { Shapes } from "../../shared/decode/shape.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import type { Host } from "../../shared/http/mount.ts";
import { Refusal } from "../../shared/http/problem.ts";
import { ArrayBatch } from "../../shared/log/batch.ts";
import type { Log, NewRecord } from "../../shared/log/log.ts";
import { partitionOf } from "../../shared/log/partitioner.ts";
import { positionOf } from "../../shared/position.ts";
import { logStream } from "../../shared/store/origin.ts";
import type { PositionTexts } from "../../shared/store/position-texts.ts";
import type { Asker } from "../../shared/waiting.ts";
import { appendPatiently } from "../append.ts";
import { keyOf, quickKeyOf } from "../event-key.ts";
import { faultsIn } from "../judge.ts";
import { Numbering } from "../numbering.ts";
import type { Requests } from "../requests.ts";
import type { Incoming } from "./incoming.ts";

/** How long the log may fail before a client hears of it. Its client may then try the same request again. */
const patienceMs = 5000;
/** How often it is looked whether the log still is the one that is read. */
const checkMs = 5000;

export interface Ingested {
  readonly accepted: number;
  /** Place in the request, and why: these are not appended. */
  readonly refused: readonly { readonly index: number; readonly reason: string }[];
  readonly position: string;
}

/** A request that its client may send again. */
export interface KeyedRequest {
  /** The client's own id of it. */
  readonly id: string;
  /** Hash of all that it says. */
  readonly fingerprint: string;
}

/** What is appended: the events; dead letters, too; or nothing, where it is only asked what would be. */
export type Taking = "events" | "all" | "none";

/** An event with its place in the request. */
type Placed = Extract<Incoming, { readonly value: Buffer }> & { readonly index: number };

interface Open {
  readonly partitions: number;
  /** Of the server's own request. */
  readonly own: Numbering;
}

export interface IngestOptions {
  readonly log: Log;
  readonly requests: Requests;
  readonly positions: PositionTexts;
  /** Lends a session, to judge events of a new kind. */
  readonly lend: Host["lend"];
  readonly signal: AbortSignal;
  /** How many partitions of a stream events go to; fails where they would not be read. */
  readonly partitionsOf: (stream: StreamDefinition) => Promise<number>;
}

export class Ingest {
  readonly #options: IngestOptions;
  /** Events without a request id of their client's go under this one. */
  readonly #own = `serve-${randomUUID()}`;
  readonly #open = new Map<string, { readonly open: Promise<Open>; readonly checked: number }>();
  readonly #shapes = new Map<string, Shapes>();

  constructor(options: IngestOptions) {
    this.#options = options;
  }

  /**
   * @param request sent again under its id, its events count once, whatever of them could be taken
   * the first time. An event's own id goes before it
   * @throws SERVE_BUSY; LOG_APPEND, LOG_UNREACHABLE; Refusal where the id is another body's; what `read` throws
   */
  async take(
    stream: StreamDefinition,
    read: () => readonly Incoming[],
    request: KeyedRequest | null,
    asker: Asker,
    how: Taking = "events",
  ): Promise<Ingested> {
    const { log, positions, signal } = this.#options;
    const incoming = read();
    const unreadable = incoming.flatMap((each, index) => ("reason" in each ? [{ index, reason: each.reason }] : []));
    const events = incoming.flatMap((each, index) => ("value" in each ? [{ ...each, index }] : []));
    const records = events.map(({ value }, offset) => ({ offset, timestamp: 0, key: null, value }));
    const batch = new ArrayBatch(0, 0, events.length, records);
    const proved = stream.upcast === null && this.#shapesOf(stream).prove(batch);
    const refused = proved ? [] : await this.#refusals(stream, batch, events, asker);
    const reasons = new Set(refused.map(({ index }) => index));
    const good = events.filter(({ index }) => how === "all" || !reasons.has(index));
    const keyOfEvent = proved ? quickKeyOf : keyOf;
    const placed =
      good.length === 0 || how === "none"
        ? []
        : request === null
          ? await this.#records(stream, good, keyOfEvent)
          : await this.#recordsOf(stream, request, incoming, new Set(good.map(({ index }) => index)), keyOfEvent);
    const ends =
      placed.length === 0
        ? new Map<number, number>()
        : await appendPatiently(log, logStream(stream), placed, patienceMs, signal);
    const position = positionOf([...ends].map(([partition, offset]) => ({ stream: stream.name, partition, offset })));
    return {
      accepted: events.length - refused.length,
      refused: [...unreadable, ...refused].sort((left, right) => left.index - right.index),
      position: await positions.textOf(position),
    };
  }

  /** What would be a dead letter is refused here, where its sender still hears of it. */
  async #refusals(
    stream: StreamDefinition,
    batch: ArrayBatch,
    events: readonly Placed[],
    asker: Asker,
  ): Promise<Ingested["refused"]> {
    if (events.length === 0) return [];
    const faults = await this.#options.lend(asker, (session) => faultsIn(new Decoder(session, stream), batch));
    return [...faults].map(([offset, reason]) => ({ index: events[offset]!.index, reason }));
  }

  async #records(stream: StreamDefinition, events: readonly Placed[], keyOfEvent: typeof keyOf): Promise<NewRecord[]> {
    const { partitions, own } = await this.#opened(stream);
    return events.map(({ value, id }) => {
      const key = keyOfEvent(stream, value);
      if (id !== undefined) return ownRecord(id, key, value, partitions);
      return own.record(key, value);
    });
  }

  /**
   * What is numbered is what was sent, also what is refused: sent again when that can be taken (a
   * field was widened), each of the others still bears its number. It goes the ways that it went
   * first, also where the stream has more partitions by now.
   */
  async #recordsOf(
    stream: StreamDefinition,
    { id: request, fingerprint }: KeyedRequest,
    sent: readonly Incoming[],
    good: ReadonlySet<number>,
    keyOfEvent: typeof keyOf,
  ): Promise<NewRecord[]> {
    const opened = await this.#opened(stream);
    const registered = await this.#options.requests.register(`${stream.name} ${request}`, {
      fingerprint,
      partitions: opened.partitions,
      from: null,
    });
    if (registered.fingerprint !== fingerprint)
      throw new Refusal(
        422,
        "IDEMPOTENCY_REUSED",
        "Idempotency-Key: another body was sent under it, within the last day; a new request needs a new key",
      );
    const numbering = new Numbering(request, registered.partitions);
    const records: NewRecord[] = [];
    sent.forEach((each, index) => {
      const value = "value" in each ? each.value : null;
      const key = value && keyOfEvent(stream, value);
      if (value && "id" in each && each.id !== undefined) {
        if (good.has(index)) records.push(ownRecord(each.id, key, value, opened.partitions));
        return;
      }
      const record = numbering.record(key, value);
      if (good.has(index)) records.push(record);
    });
    return records;
  }

  /** What its events have looked like so far; a stream that means something else now has shapes of its own. */
  #shapesOf(stream: StreamDefinition): Shapes {
    const id = `${stream.name} ${decoderOf(stream)}`;
    const known = this.#shapes.get(id);
    if (known) return known;
    const shapes = new Shapes(stream.fields);
    this.#shapes.set(id, shapes);
    return shapes;
  }

  /** @throws what is wrong with the stream: what nobody will read is not taken */
  async #opened(stream: StreamDefinition): Promise<Open> {
    const known = this.#open.get(stream.topic);
    if (known && performance.now() - known.checked < checkMs) return known.open;
    const open = Promise.all([this.#options.partitionsOf(stream), known?.open]).then(([partitions, before]) => {
      if (before?.partitions === partitions) return before;
      return { partitions, own: new Numbering(this.#own, partitions) };
    });
    this.#open.set(stream.topic, { open, checked: performance.now() });
    open.catch(() => this.#open.delete(stream.topic));
    return open;
  }
}

/** An event with an id of its own goes the same way whatever comes beside it. */
function ownRecord(id: string, key: Buffer | null, value: Buffer, partitions: number): NewRecord {
  const partition = partitionOf(key ?? Buffer.from(id), partitions);
  return { partition, key, value, id: { request: id, sequence: 0 } };
}
