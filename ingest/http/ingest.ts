/** Events over HTTP: checked one by one, appended with a request id, answered once they are durable in the log. */

import { randomUUID } from "node:crypto";
import { decoderOf } from "../../shared/archive/segments.ts";
import { Decoder } from "../../shared/decode/decode.ts";
import { Shapes } from "../../shared/decode/shape.ts";
import type { ChangelogStream, StreamDefinition } from "../../shared/definition.ts";
import type { Host } from "../../shared/http/mount.ts";
import { Refusal } from "../../shared/http/problem.ts";
import { ArrayBatch } from "../../shared/log/batch.ts";
import type { Log, NewRecord } from "../../shared/log/log.ts";
import { partitionOf } from "../../shared/log/partitioner.ts";
import { positionOf } from "../../shared/position.ts";
import { inputOf } from "../../shared/reserved.ts";
import { logStream } from "../../shared/store/origin.ts";
import type { PositionTexts } from "../../shared/store/position-texts.ts";
import type { Asker } from "../../shared/waiting.ts";
import { appendPatiently } from "../append.ts";
import { eventKey, quickEventKey } from "../event-key.ts";
import { faultsIn } from "../judge.ts";
import { Numbering } from "../numbering.ts";
import type { Requests } from "../requests.ts";
import { isChangelog, type ReadChange, SentChanges } from "../sent-changes.ts";
import type { Incoming } from "./incoming.ts";

/** How long an append is retried before the failure is reported to the client, which may send the request again. */
const patienceMs = 5000;
/** How often a stream's topic is checked to be still the one that its origin names. */
const checkMs = 5000;

export interface IngestReport {
  readonly accepted: number;
  /** Index in the request, and the reason: these are not appended. */
  readonly refused: readonly { readonly index: number; readonly reason: string }[];
  readonly position: string;
}

/** A request that its client may send again. */
export interface KeyedRequest {
  /** The client's own id of it. */
  readonly id: string;
  /** Hash of everything that it says. */
  readonly fingerprint: string;
}

/** What is appended: valid events; dead letters, too; or nothing, to only check the events. */
export type AppendMode = "events" | "all" | "none";

/** An event with its index in the request. */
type PlacedEvent = Extract<Incoming, { readonly value: Buffer }> & { readonly index: number };

interface OpenStream {
  readonly partitions: number;
  /** Numbers events that are appended under the server's own request id. */
  readonly own: Numbering;
}

export interface IngestOptions {
  readonly log: Log;
  readonly project: string;
  readonly requests: Requests;
  readonly positions: PositionTexts;
  /** Lends a session, to check events whose shape is new. */
  readonly lend: Host["lend"];
  readonly signal: AbortSignal;
  /** The number of partitions that a stream's events are spread over; fails where they would not be read. */
  readonly partitionsOf: (stream: StreamDefinition) => Promise<number>;
}

export class Ingest {
  readonly #options: IngestOptions;
  /** Events without a request id of their client's are appended under this one. */
  readonly #own = `serve-${randomUUID()}`;
  readonly #open = new Map<string, { readonly open: Promise<OpenStream>; readonly checked: number }>();
  readonly #shapes = new Map<string, Shapes>();

  constructor(options: IngestOptions) {
    this.#options = options;
  }

  /**
   * @param request its events count once when it is sent again under the same id, whichever of them
   * were valid the first time. An event's own id takes precedence
   * @throws SERVE_BUSY; LOG_APPEND, LOG_UNREACHABLE; Refusal where the id belongs to another body; what `read` throws
   */
  async take(
    stream: StreamDefinition,
    read: () => readonly Incoming[],
    request: KeyedRequest | null,
    asker: Asker,
    mode: AppendMode = "events",
  ): Promise<IngestReport> {
    const { log, positions, signal } = this.#options;
    if (isChangelog(stream)) return this.#takeChanges(stream, read(), request, asker, mode);
    const incoming = read();
    const unreadable = incoming.flatMap((each, index) => ("reason" in each ? [{ index, reason: each.reason }] : []));
    const events = incoming.flatMap((each, index) => ("value" in each ? [{ ...each, index }] : []));
    const records = events.map(({ value }, offset) => ({ offset, timestamp: 0, key: null, value }));
    const batch = new ArrayBatch(0, 0, events.length, records);
    const proved = stream.upcast === null && this.#shapesOf(stream).prove(batch);
    const refused = proved ? [] : await this.#refusals(stream, batch, events, asker);
    const reasons = new Set(refused.map(({ index }) => index));
    const good = events.filter(({ index }) => mode === "all" || !reasons.has(index));
    const keyOfEvent = proved ? quickEventKey : eventKey;
    const placed =
      good.length === 0 || mode === "none"
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

  /** To a changelog's input: tidemark sources makes its records of them. */
  async #takeChanges(
    stream: ChangelogStream,
    incoming: readonly Incoming[],
    request: KeyedRequest | null,
    asker: Asker,
    mode: AppendMode,
  ): Promise<IngestReport> {
    const { lend, project, partitionsOf } = this.#options;
    const sent = incoming.flatMap((each) => ("value" in each ? [each] : []));
    const read = await lend(asker, (session) => new SentChanges(session, stream).read(sent.map(({ value }) => value)));
    const checked = new Map(sent.map((each, at): [Incoming, Incoming] => [each, placed(each, read[at]!)]));
    const input = inputOf(project, stream, await partitionsOf(stream));
    return this.take(input, () => incoming.map((each) => checked.get(each) ?? each), request, asker, mode);
  }

  /** Records that would become dead letters are refused here, where the reason still reaches their sender. */
  async #refusals(
    stream: StreamDefinition,
    batch: ArrayBatch,
    events: readonly PlacedEvent[],
    asker: Asker,
  ): Promise<IngestReport["refused"]> {
    if (events.length === 0) return [];
    const faults = await this.#options.lend(asker, (session) => faultsIn(new Decoder(session, stream), batch));
    return [...faults].map(([offset, reason]) => ({ index: events[offset]!.index, reason }));
  }

  async #records(
    stream: StreamDefinition,
    events: readonly PlacedEvent[],
    keyOfEvent: typeof eventKey,
  ): Promise<NewRecord[]> {
    const { partitions, own } = await this.#opened(stream);
    return events.map(({ value, id }) => {
      const key = keyOfEvent(stream, value);
      if (id !== undefined) return ownRecord(id, key, value, partitions);
      return own.record(key, value);
    });
  }

  /**
   * Numbers every event that was sent, including refused ones: when the request is sent again after
   * a refused event has become valid (a field was widened), the others keep their numbers. Events
   * go to the partitions that they went to first, even if the stream has more partitions by now.
   */
  async #recordsOf(
    stream: StreamDefinition,
    { id: request, fingerprint }: KeyedRequest,
    sent: readonly Incoming[],
    good: ReadonlySet<number>,
    keyOfEvent: typeof eventKey,
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
        "Idempotency-Key: it was used for a different body within the last day; a new request needs a new key",
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

  /** The shapes of a stream's events so far; a changed stream definition starts afresh. */
  #shapesOf(stream: StreamDefinition): Shapes {
    const id = `${stream.name} ${decoderOf(stream)}`;
    const known = this.#shapes.get(id);
    if (known) return known;
    const shapes = new Shapes(stream.fields);
    this.#shapes.set(id, shapes);
    return shapes;
  }

  /** @throws what is wrong with the stream: events that would not be read are not accepted */
  async #opened(stream: StreamDefinition): Promise<OpenStream> {
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

/** A change in the place of what was sent. */
function placed(sent: Extract<Incoming, { readonly value: Buffer }>, change: ReadChange): Incoming {
  return "value" in change ? { ...sent, value: change.value } : change;
}

/** An event with an id of its own goes to the same partition, whatever else is in its request. */
function ownRecord(id: string, key: Buffer | null, value: Buffer, partitions: number): NewRecord {
  const partition = partitionOf(key ?? Buffer.from(id), partitions);
  return { partition, key, value, id: { request: id, sequence: 0 } };
}
