/**
 * Events of a stream's log from a position on, decoded once for all who read there: it goes on when one of them
 * asks, and keeps what it has read last.
 */
import { setMaxListeners } from "node:events";
import type { Records } from "../../shared/archive/records.ts";
import { Decoder } from "../../shared/decode/decode.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import type { Session } from "../../shared/duckdb/duck.ts";
import { isCode } from "../../shared/errors.ts";
import type { Log, LogReader, RecordBatch } from "../../shared/log/log.ts";
import { pause } from "../../shared/pause.ts";
import { openState } from "../../shared/state/open.ts";
import { type Suppression, suppression } from "../../shared/state/suppression.ts";
import { logStream } from "../../shared/store/origin.ts";
import type { Asker } from "../../shared/waiting.ts";
import { type EventChunk, eventTexts, type ReadEvent, sizeOf } from "./event-texts.ts";

/** Of records that are read from the log together: the first time, at least and at most. */
const [firstBytes, leastBytes, mostBytes] = [64 << 10, 8 << 10, 1 << 20];
/** Of the text of a chunk, about. */
const bytesPerChunk = 256 << 10;
/** What a chunk takes besides its events, about. */
const chunkBytes = 200;
/** Of the text of the chunks that are kept. */
const bytesKept = 4 << 20;
/** After less than this, more is awaited for a moment: many small appends are decoded together. */
const [fewBytes, momentMs] = [64 << 10, 20];
/** How often it is checked whether partitions were added: once in as many steps. */
const stepsPerCheck = 10;

/** Offsets by partition. */
export type Offsets = ReadonlyMap<number, number>;

/** What runs work with. */
export interface RunTools {
  readonly log: Log;
  /** Lends a session in the project's time zone. @throws SERVE_BUSY */
  readonly lend: <T>(asker: Asker, work: (session: Session) => Promise<T>) => Promise<T>;
  /** Aborts when the server stops. */
  readonly signal: AbortSignal;
}

export interface RunOptions extends RunTools {
  readonly records: Records;
  readonly stream: StreamDefinition;
}

interface Kept {
  /** Every chunk from here on is kept. */
  start: number;
  head: number;
  readonly chunks: EventChunk[];
}

export class LogRun {
  readonly stream: StreamDefinition;
  readonly #options: RunOptions;
  readonly #reader: LogReader;
  readonly #state: Suppression;
  readonly #partitions: ReadonlyMap<number, Kept>;
  /** The same chunks, the oldest first. */
  readonly #oldest: { readonly chunk: EventChunk; readonly bytes: number }[] = [];
  #bytes = 0;
  #step: Promise<void> | null = null;
  #steps = 0;
  /** Read, and not decoded yet. */
  #pending: readonly RecordBatch[] | null = null;
  #bytesAtATime = firstBytes;
  /** Of records, in the newest step. */
  #lastBytes = mostBytes;
  readonly #stop = new AbortController();
  /** How many partitions the stream has, by the newest check. */
  partitions: number;

  private constructor(options: RunOptions, reader: LogReader, state: Suppression, at: Offsets) {
    this.#options = options;
    this.stream = options.stream;
    this.#reader = reader;
    this.#state = state;
    this.#partitions = new Map([...at].map(([p, offset]) => [p, { start: offset, head: offset, chunks: [] }]));
    this.partitions = at.size;
  }

  /**
   * @param at of the partitions that are read
   * @throws STORE_*; LOG_RANGE where neither archive nor log has what decides there
   */
  static async open(options: RunOptions, at: Offsets): Promise<LogRun> {
    const { log, records, stream, lend } = options;
    const asker = askerOf(options);
    const from = [...at].map(([partition, offset]) => ({ partition, offset }));
    const state = await lend(asker, (session) => openState(suppression, { records, session, stream }, from));
    try {
      return new LogRun(options, await log.read(logStream(stream), at), state, at);
    } catch (error) {
      await state.close();
      throw error;
    }
  }

  get isClosed(): boolean {
    return this.#stop.signal.aborted;
  }

  /** How far it has read. */
  get heads(): Offsets {
    return new Map([...this.#partitions].map(([partition, { head }]) => [partition, head]));
  }

  /** Whether all that comes after these offsets is kept, or still to be read. */
  covers(at: Offsets): boolean {
    return (
      !this.isClosed &&
      [...at].every(([partition, offset]) => {
        const kept = this.#partitions.get(partition);
        return kept !== undefined && kept.start <= offset;
      })
    );
  }

  /** The next events of a partition after these offsets; null: they are still to be read. */
  chunkAt(at: Offsets): EventChunk | null {
    for (const [partition, offset] of at) {
      const { head, chunks } = this.#partitions.get(partition)!;
      if (head <= offset) continue;
      const chunk = chunks.findLast(({ from }) => from <= offset)!;
      return chunk.from >= offset ? chunk : withoutBefore(chunk, offset);
    }
    return null;
  }

  /**
   * Reads on, once for all who wait for it; comes back without news after `waitMs`. After a failure it is closed.
   * @throws LOG_RANGE, LOG_UNREACHABLE, SERVE_BUSY
   */
  async advance(waitMs: number): Promise<void> {
    // others wait longer than this one would
    if (waitMs === 0 && this.#step) return;
    this.#step ??= this.#advance(waitMs).finally(() => {
      this.#step = null;
    });
    return this.#step;
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.#stop.abort();
    await this.#step?.catch(() => undefined);
    await this.#reader.close();
    await this.#state.close();
  }

  async #advance(waitMs: number): Promise<void> {
    const { log, lend, signal } = this.#options;
    try {
      const stop = AbortSignal.any([signal, this.#stop.signal]);
      setMaxListeners(0, stop);
      if (this.#lastBytes < fewBytes && waitMs > 0) await pause(momentMs, stop);
      if (stop.aborted) return;
      if (this.#steps++ % stepsPerCheck === stepsPerCheck - 1)
        this.partitions = (await log.end(logStream(this.stream))).length;
      const batches = this.#pending ?? (await this.#reader.next(this.#bytesAtATime, waitMs));
      this.#lastBytes = batches.reduce((sum, { bytes }) => sum + bytes, 0);
      if (batches.length === 0) return;
      this.#pending = batches;
      await lend(askerOf(this.#options), (session) => {
        this.#pending = null;
        return this.#take(session, batches);
      });
    } catch (error) {
      // unless it only had to wait too long for a session, what was read may be lost
      if (!isCode(error, "SERVE_BUSY")) void this.close().catch(() => undefined);
      throw error;
    }
  }

  async #take(session: Session, batches: readonly RecordBatch[]): Promise<void> {
    const decoded = await new Decoder(session, this.stream).decode(batches);
    await this.#state.fold(batches, decoded);
    const events = await eventTexts(session, this.stream, await decoded.select({ ordered: true }));
    await decoded.close();
    const before = this.#bytes;
    let added = 0;
    for (const { partition, from, upto } of batches) {
      const own = (events.get(partition) ?? []).filter(({ offset }) => offset >= from && offset < upto);
      for (const chunk of divided({ partition, from, upto, events: own, lost: false })) added += this.#keep(chunk);
    }
    if (added > bytesKept / 2) this.#bytesAtATime = Math.max(leastBytes, this.#bytesAtATime >> 1);
    else if (added > 0 && added < bytesKept / 8) this.#bytesAtATime = Math.min(mostBytes, 2 * this.#bytesAtATime);
    // what was read right now is needed, however much it is
    this.#drop(Math.min(before, before + added - bytesKept));
  }

  /** @returns its bytes */
  #keep(chunk: EventChunk): number {
    const own = this.#partitions.get(chunk.partition)!;
    own.chunks.push(chunk);
    own.head = chunk.upto;
    const bytes = sizeOf(chunk.events) + chunkBytes;
    this.#oldest.push({ chunk, bytes });
    this.#bytes += bytes;
    return bytes;
  }

  /** The oldest chunks, as long as they make no more than these bytes. */
  #drop(bytes: number): void {
    const left = this.#bytes - bytes;
    while (this.#bytes > left) {
      const { chunk, bytes: its } = this.#oldest.shift()!;
      const kept = this.#partitions.get(chunk.partition)!;
      kept.chunks.shift();
      kept.start = chunk.upto;
      this.#bytes -= its;
    }
  }
}

function withoutBefore(chunk: EventChunk, offset: number): EventChunk {
  return { ...chunk, from: offset, events: chunk.events.filter((each) => each.offset >= offset) };
}

/** A run reads for many: none of them has to wait for all others' turns. */
function askerOf({ signal }: RunTools): Asker {
  return { client: "streams", line: signal, gone: signal };
}

/** The same events in chunks of the right size. */
function* divided(chunk: EventChunk): Generator<EventChunk> {
  let [from, some, bytes]: [number, ReadEvent[], number] = [chunk.from, [], 0];
  for (const event of chunk.events) {
    if (bytes > bytesPerChunk) {
      yield { ...chunk, from, upto: event.offset, events: some };
      [from, some, bytes] = [event.offset, [], 0];
    }
    some.push(event);
    bytes += sizeOf([event]);
  }
  yield { ...chunk, from, events: some };
}
