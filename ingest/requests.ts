/**
 * Decides which body a request id belongs to. The log decides, in a reserved stream of the project,
 * so that all processes and replicas agree, also after a restart. The first record of an id is valid
 * for as long as the records appended under it are remembered (see duplicates.ts). It says how many
 * partitions they were spread over, so that a repeated request uses the same partitions even if the
 * stream has more by now.
 */
import { createHash } from "node:crypto";
import { LogTime } from "../shared/duplicates/log-time.ts";
import { requestHourMs, requestWindowMs } from "../shared/duplicates/partition.ts";
import { SeenKeys } from "../shared/duplicates/seen.ts";
import { Spill } from "../shared/duplicates/spill.ts";
import { isCode, TidemarkError } from "../shared/errors.ts";
import type { Log, LogReader, LogRecord, LogStream, RecordBatch } from "../shared/log/log.ts";
import { partitionOf } from "../shared/log/partitioner.ts";
import { reservedTopic } from "../shared/reserved.ts";
import { appendPatiently } from "./append.ts";

/** What is registered of a request. */
export interface Registration {
  /** Hash of what is sent under the id; null: not known, and not compared. */
  readonly fingerprint: string | null;
  /** The number of partitions that its records are spread over. */
  readonly partitions: number;
  /**
   * Where its stream ended when it was registered, by partition: none of its records is before that.
   * Null where its records are never searched for.
   */
  readonly from: readonly number[] | null;
}

export interface RegisteredRequest extends Registration {
  /** The id had not been registered before. */
  readonly first: boolean;
}

interface Entry extends Registration {
  readonly time: number;
  readonly place: string;
}

const partitionsMade = 4;
/** How long it may take to read back what was appended, ms. */
const patienceMs = 10_000;
/** Longer than a registration is valid: a reader that begins at the first kept record sees every valid one. */
const keptMs = requestWindowMs + requestHourMs;

export class Requests {
  readonly #log: Log;
  readonly #stream: LogStream;
  readonly #spill: Spill;
  readonly #signal: AbortSignal | undefined;
  #opened: Promise<Index> | null = null;
  #reading: Promise<void> | null = null;
  #queued: Promise<void> | null = null;

  /** @param folder for entries that don't fit into memory; created on demand, deleted by `close` */
  constructor(log: Log, project: string, folder: string, signal?: AbortSignal) {
    this.#log = log;
    this.#stream = requestsOf(project);
    this.#spill = new Spill(folder);
    this.#signal = signal;
  }

  /**
   * @param wanted what the caller is about to append, or has
   * @returns the id's valid registration: the caller's own, or an earlier one
   * @throws LOG_APPEND, LOG_UNREACHABLE
   */
  async register(request: string, wanted: Registration): Promise<RegisteredRequest> {
    await this.#catchUp();
    const index = await this.#open();
    const partition = partitionOf(Buffer.from(request), index.partitions);
    let before = index.find(partition, request);
    if (before && before.fingerprint !== wanted.fingerprint) {
      // the log's clock only advances with records: append one, so that a registration that is too old expires
      await this.#append(partition, request, {});
      before = index.find(partition, request);
    }
    if (before) return { ...registrationOf(before), first: false };
    const end = await this.#append(partition, request, { request, ...wanted });
    const found = index.find(partition, request);
    if (!found)
      throw new TidemarkError(
        "LOG_APPEND",
        `what was appended to ${this.#stream.topic} can't be read back from the log`,
        "send the request again",
      );
    return { ...registrationOf(found), first: found.place === placeOf(partition, end - 1) };
  }

  /** @returns the partition's end after the record, once it has been read back */
  async #append(partition: number, request: string, said: object): Promise<number> {
    const record = { partition, key: Buffer.from(request), value: Buffer.from(JSON.stringify(said)) };
    const ends = await appendPatiently(this.#log, this.#stream, [record], patienceMs, this.#signal);
    await this.#catchUp();
    return ends.get(partition)!;
  }

  async close(): Promise<void> {
    const index = await this.#opened?.catch(() => null);
    await this.#reading?.catch(() => undefined);
    await index?.close();
    await this.#spill.close();
  }

  /** Reads all that was in the log when it was called. Concurrent callers share the next read. */
  #catchUp(): Promise<void> {
    if (!this.#reading) {
      this.#reading = this.#read().finally(() => {
        this.#reading = null;
      });
      return this.#reading;
    }
    this.#queued ??= this.#reading
      .catch(() => undefined)
      .then(() => {
        this.#queued = null;
        return this.#catchUp();
      });
    return this.#queued;
  }

  async #read(): Promise<void> {
    const index = await this.#open();
    const ends = await this.#log.end(this.#stream);
    try {
      await index.readUpto(ends, performance.now() + patienceMs);
    } catch (error) {
      // retention has dropped records at the reader's offset
      if (!isCode(error, "LOG_RANGE")) throw error;
      await index.reopen(await this.#log.first(this.#stream));
      await index.readUpto(ends, performance.now() + patienceMs);
    }
    await index.trim();
  }

  #open(): Promise<Index> {
    if (!this.#opened) {
      const opening = this.#log
        .ensure(this.#stream)
        .then(({ first }) => Index.open(this.#log, this.#stream, first, this.#spill));
      this.#opened = opening;
      opening.catch(() => {
        this.#opened = null;
      });
    }
    return this.#opened;
  }
}

/** The registrations that have been read from the stream so far. */
class Index {
  readonly #log: Log;
  readonly #stream: LogStream;
  readonly #spill: Spill;
  #reader: LogReader;
  #next: number[];
  readonly #entries: SeenKeys<Entry>[];
  /** Log time, by partition. */
  readonly #clocks: LogTime[];
  /** The first record of each hour that is still kept, by partition. */
  readonly #hours: { readonly time: number; readonly offset: number }[][];
  #trimmed = Number.NEGATIVE_INFINITY;

  private constructor(log: Log, stream: LogStream, reader: LogReader, first: readonly number[], spill: Spill) {
    this.#log = log;
    this.#stream = stream;
    this.#reader = reader;
    this.#spill = spill;
    this.#next = [...first];
    this.#entries = first.map((_, partition) => new SeenKeys<Entry>(requestHourMs, `q${partition}`, this.#spill));
    this.#clocks = first.map(() => new LogTime());
    this.#hours = first.map(() => []);
  }

  static async open(log: Log, stream: LogStream, first: readonly number[], spill: Spill): Promise<Index> {
    return new Index(log, stream, await log.read(stream, byPartition(first)), first, spill);
  }

  get partitions(): number {
    return this.#next.length;
  }

  find(partition: number, request: string): Entry | undefined {
    const found = this.#entries[partition]!.get(request);
    return found && this.#clocks[partition]!.time - found.time <= requestWindowMs ? found : undefined;
  }

  /** @throws LOG_RANGE; LOG_UNREACHABLE when the ends are not reached by `until` (performance.now(), ms) */
  async readUpto(ends: readonly number[], until: number): Promise<void> {
    while (this.#next.some((offset, partition) => offset < (ends[partition] ?? 0))) {
      if (performance.now() > until)
        throw new TidemarkError(
          "LOG_UNREACHABLE",
          `reading ${this.#stream.topic} from the log timed out`,
          "is the log up?",
        );
      for (const batch of await this.#reader.next(1 << 20, 100)) this.#take(batch);
    }
  }

  async reopen(first: readonly number[]): Promise<void> {
    await this.#reader.close();
    this.#next = this.#next.map((offset, partition) => Math.max(offset, first[partition] ?? 0));
    this.#reader = await this.#log.read(this.#stream, byPartition(this.#next));
  }

  /** Once an hour: drops expired registrations from the log, where retention is left to the log's users. */
  async trim(): Promise<void> {
    const clock = Math.min(...this.#clocks.map(({ time }) => time).filter((time) => time > 0));
    if (!Number.isFinite(clock) || clock - this.#trimmed < requestHourMs) return;
    this.#trimmed = clock;
    for (const entries of this.#entries) entries.forgetBefore(clock - keptMs);
    const below = new Map<number, number>();
    for (const [partition, hours] of this.#hours.entries()) {
      const old = hours.findLastIndex(({ time }) => time <= clock - keptMs);
      if (old < 0) continue;
      below.set(partition, hours[old]!.offset);
      hours.splice(0, old);
    }
    await this.#log.trim(this.#stream, below);
  }

  close(): Promise<void> {
    return this.#reader.close();
  }

  #take(batch: RecordBatch): void {
    const { partition } = batch;
    const clock = this.#clocks[partition]!;
    const hours = this.#hours[partition]!;
    for (const record of batch.records()) {
      clock.pass(record.timestamp);
      const { time } = clock;
      if (time - (hours.at(-1)?.time ?? Number.NEGATIVE_INFINITY) >= requestHourMs)
        hours.push({ time, offset: record.offset });
      const read = entryOf(record);
      if (!read || this.find(partition, read.request)) continue;
      const place = placeOf(partition, record.offset);
      this.#entries[partition]!.set(read.request, { ...read.registration, time, place }, time);
    }
    this.#next[partition] = batch.upto;
  }
}

/** The hash of what is sent, and of the type it is sent as. */
export function fingerprintOf(...sent: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const each of sent) hash.update(`${each.length} `).update(each);
  return hash.digest("base64url");
}

/** The stream that requests of a project are registered in. */
function requestsOf(project: string): LogStream {
  const name = "__requests";
  const topic = reservedTopic(project, name);
  return { name, topic, existing: false, partitions: partitionsMade, retentionMs: 2 * keptMs };
}

function registrationOf({ fingerprint, partitions, from }: Registration): Registration {
  return { fingerprint, partitions, from };
}

/** Null for a record that another program wrote. */
function entryOf({ value }: LogRecord): { request: string; registration: Registration } | null {
  try {
    const { request, fingerprint, partitions, from } = JSON.parse(value!.toString()) as Registration & {
      request: string;
    };
    const good =
      typeof request === "string" &&
      (fingerprint === null || typeof fingerprint === "string") &&
      Number.isSafeInteger(partitions) &&
      partitions > 0 &&
      (from === null || (Array.isArray(from) && from.every(Number.isSafeInteger)));
    return good ? { request, registration: { fingerprint, partitions, from } } : null;
  } catch {
    return null;
  }
}

function placeOf(partition: number, offset: number): string {
  return `${partition}/${offset}`;
}

function byPartition(offsets: readonly number[]): Map<number, number> {
  return new Map(offsets.map((offset, partition) => [partition, offset]));
}
