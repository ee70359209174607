import { randomUUID } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { crc32 } from "node:zlib";
import type { Database, RootDatabase } from "lmdb";
import { stampOf } from "../duplicates/log-time.ts";
import { messageOf, TidemarkError } from "../errors.ts";
import { firstMapBytes, openLmdb } from "../lmdb.ts";
import { joinBatches } from "./batch.ts";
import { type Block, BlockBatch, type Draft, draftBlocks, openBlock, sealBlock } from "./block.ts";
import { closed, corruptLog, noPartition, notAppended, outOfRange, streamMissing } from "./faults.ts";
import type { Log, LogOrigin, LogReader, LogStream, NewRecord, RecordBatch } from "./log.ts";
import { Wake } from "./wake.ts";

/** Records of one partition are cut into blocks of about this size. */
const blockBytesMax = 1 << 20;
/** Appends waiting together are committed together, up to this size. */
const commitBytesMax = 16 << 20;
/**
 * Neighbouring blocks smaller than this are read as one batch, so that single appends don't make batches of one
 * record.
 */
const smallBytes = 64 << 10;
/** How soon a reader at the end sees what another process committed. */
const pollMs = 7;
/** Blocks removed in one write transaction by `trim`, so that appends get in between. */
const trimBlocks = 256;

export interface EmbeddedOptions {
  /** Milliseconds since the epoch; becomes the log timestamp. */
  readonly now?: () => number;
}

/** What the log keeps about one partition beside its blocks. */
interface Place {
  readonly first: number;
  readonly end: number;
  /** The last record's. */
  readonly timestamp: number;
}

interface Registered {
  readonly id: string;
  readonly partitions: number;
}

type Key = readonly (string | number)[];

interface Pending {
  readonly stream: LogStream;
  readonly records: readonly NewRecord[];
  readonly bytes: number;
  resolve(ends: Map<number, number>): void;
  reject(error: unknown): void;
}

/** One partition's share of a commit. */
interface Share {
  readonly stream: LogStream;
  readonly partition: number;
  readonly records: NewRecord[];
  /** Which append ends after how many of `records`. */
  readonly marks: Map<Pending, number>;
}

/**
 * A log in one LMDB folder, for one machine: several processes may append to it and read it at the same time.
 *
 * A write transaction commits and syncs before it returns (`overlappingSync: false`), so a reader sees only
 * what is durable. Transactions are synchronous: a commit blocks the process for one fdatasync, and a failed
 * one (a full disk) is an exception here; lmdb's asynchronous writes would raise two unhandled rejections
 * beside it.
 */
export class EmbeddedLog implements Log {
  readonly kind = "embedded";
  readonly #folder: string;
  readonly #now: () => number;
  readonly #root: RootDatabase<Buffer, string>;
  readonly #streams: Database<Buffer, string>;
  readonly #places: Database<Buffer, Key[number][]>;
  readonly #blocks: Database<Buffer, Key[number][]>;
  readonly #wake = new Wake();
  #pending: Pending[] = [];
  #scheduled = false;
  #closed = false;
  /**
   * Why this process can't read or write any more: a commit failed at its last write, after which LMDB refuses
   * all use of the environment.
   */
  #broken: TidemarkError | null = null;

  /**
   * @param folder made when it is not there
   * @throws LOG_UNREACHABLE when the folder cannot be opened
   */
  constructor(folder: string, options: EmbeddedOptions = {}) {
    this.#folder = resolve(folder);
    this.#now = options.now ?? Date.now;
    try {
      const made = mkdirSync(this.#folder, { recursive: true });
      this.#root = openLmdb({
        path: this.#folder,
        noSubdir: false,
        mapSize: firstMapBytes,
        overlappingSync: false,
        encoding: "binary",
        maxDbs: 4,
        maxReaders: 510,
      });
      const binary = { encoding: "binary", cache: false } as const;
      this.#streams = this.#root.openDB("streams", binary);
      this.#places = this.#root.openDB("places", binary);
      this.#blocks = this.#root.openDB("blocks", binary);
      syncFolder(this.#folder);
      // a new folder is durable only once the folder that holds it is on disk too
      for (let each = this.#folder; made && each.length >= made.length; each = dirname(each)) syncFolder(dirname(each));
    } catch (error) {
      throw new TidemarkError(
        "LOG_UNREACHABLE",
        `cannot open the embedded log at ${this.#folder}: ${messageOf(error)}`,
        "check the folder's permissions and the space on its disk",
        { folder: this.#folder },
        error,
      );
    }
  }

  async ensure(stream: LogStream): Promise<LogOrigin> {
    this.#refresh();
    let found = this.#registered(stream);
    if (!found) {
      if (stream.existing) throw this.#missing(stream);
      found = this.#root.transactionSync(() => this.#registered(stream) ?? this.#register(stream));
    }
    return { id: found.id, first: await this.first(stream) };
  }

  append(stream: LogStream, records: readonly NewRecord[]): Promise<Map<number, number>> {
    return new Promise((resolve, reject) => {
      this.#refresh();
      const partitions = this.#partitions(stream);
      let bytes = 0;
      for (const { partition, key, value } of records) {
        if (!(partition < partitions)) throw noPartition(stream, partition, partitions);
        bytes += (key?.length ?? 0) + (value?.length ?? 0);
      }
      this.#pending.push({ stream, records, bytes, resolve, reject });
      this.#schedule();
    });
  }

  async read(stream: LogStream, from: ReadonlyMap<number, number>): Promise<LogReader> {
    this.#refresh();
    const partitions = this.#partitions(stream);
    for (const partition of from.keys())
      if (!(partition < partitions)) throw noPartition(stream, partition, partitions);
    const at = new Map(from);
    let open = true;
    return {
      next: async (maxBytes, waitMs) => {
        if (!open) throw closed("the reader");
        const until = performance.now() + waitMs;
        for (;;) {
          this.#refresh();
          const batches = this.#batches(stream, at, maxBytes);
          const left = until - performance.now();
          if (batches.length > 0 || left <= 0) return batches;
          await this.#wake.wait(Math.min(left, pollMs));
          if (!open || this.#closed) return [];
        }
      },
      close: async () => {
        open = false;
        this.#wake.wake();
      },
    };
  }

  async settings(): Promise<null> {
    return null;
  }

  async first(stream: LogStream): Promise<number[]> {
    return this.#each(stream, (partition) => this.#place(stream, partition).first);
  }

  async end(stream: LogStream): Promise<number[]> {
    return this.#each(stream, (partition) => this.#place(stream, partition).end);
  }

  async trim(stream: LogStream, below: ReadonlyMap<number, number>): Promise<void> {
    this.#refresh();
    const partitions = this.#partitions(stream);
    // A killed reader would hold back the reuse of freed pages for ever.
    this.#root.readerCheck();
    for (const [partition, asked] of below) {
      if (!(partition < partitions)) throw noPartition(stream, partition, partitions);
      for (;;) {
        const removed = this.#root.transactionSync(() => {
          const place = this.#place(stream, partition);
          const first = Math.max(place.first, Math.min(asked, place.end));
          if (first > place.first) this.#putPlace(stream, partition, { ...place, first });
          // A block that holds `first` stays whole; its earlier records are out of range all the same.
          const keys = this.#blocks.getKeys({
            start: [stream.topic, partition, 0],
            end: [stream.topic, partition, first],
            limit: trimBlocks,
          });
          const gone = [...keys];
          for (const key of gone) this.#blocks.removeSync(key);
          return gone.length;
        });
        if (removed < trimBlocks) break;
        await new Promise(setImmediate);
      }
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    while (this.#pending.length > 0) this.#commit();
    this.#closed = true;
    this.#wake.wake();
    await this.#root.close();
  }

  // Registry

  #registered(stream: LogStream): Registered | undefined {
    const bytes = this.#streams.get(stream.topic);
    if (!bytes) return undefined;
    const text = bytes.subarray(4);
    if (bytes.length < 4 || bytes.readUInt32LE(0) !== crc32(text))
      throw corruptLog(stream.name, 0, "all offsets", "its registration is damaged");
    return JSON.parse(text.toString());
  }

  #register(stream: LogStream): Registered {
    const registered: Registered = { id: randomUUID(), partitions: stream.partitions };
    const text = Buffer.from(JSON.stringify(registered));
    const head = Buffer.alloc(4);
    head.writeUInt32LE(crc32(text));
    this.#streams.putSync(stream.topic, Buffer.concat([head, text]));
    return registered;
  }

  #partitions(stream: LogStream): number {
    const found = this.#registered(stream);
    if (!found) throw this.#missing(stream);
    return found.partitions;
  }

  #missing(stream: LogStream): TidemarkError {
    return streamMissing(stream, `the embedded log at ${this.#folder}`);
  }

  #each(stream: LogStream, of: (partition: number) => number): number[] {
    this.#refresh();
    return Array.from({ length: this.#partitions(stream) }, (_, partition) => of(partition));
  }

  #place(stream: LogStream, partition: number): Place {
    const bytes = this.#places.get([stream.topic, partition]);
    if (!bytes) return { first: 0, end: 0, timestamp: 0 };
    if (bytes.length !== 28 || bytes.readUInt32LE(24) !== crc32(bytes.subarray(0, 24))) {
      throw corruptLog(stream.name, partition, "all offsets", "the record of its first and end offset is damaged");
    }
    return { first: bytes.readDoubleLE(0), end: bytes.readDoubleLE(8), timestamp: bytes.readDoubleLE(16) };
  }

  #putPlace(stream: LogStream, partition: number, { first, end, timestamp }: Place): void {
    const bytes = Buffer.alloc(28);
    bytes.writeDoubleLE(first, 0);
    bytes.writeDoubleLE(end, 8);
    bytes.writeDoubleLE(timestamp, 16);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 24)), 24);
    this.#places.putSync([stream.topic, partition], bytes);
  }

  // Writing

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#pending.length === 0) return;
      this.#commit();
      if (this.#pending.length > 0) this.#schedule();
    });
  }

  /** One transaction, one sync, for as many waiting appends as fit. */
  #commit(): void {
    const group: Pending[] = [];
    let bytes = 0;
    while (this.#pending.length > group.length && bytes < commitBytesMax) {
      const pending = this.#pending[group.length]!;
      bytes += pending.bytes;
      group.push(pending);
    }
    this.#pending = this.#pending.slice(group.length);
    try {
      const shares = sharesOf(group);
      const drafts = shares.map((share) => draftBlocks(share.records, blockBytesMax));
      const bases = this.#root.transactionSync(() =>
        shares.map(({ stream, partition }, i) => this.#write(stream, partition, drafts[i]!)),
      );
      const ends = new Map(group.map((pending) => [pending, new Map<number, number>()]));
      shares.forEach(({ partition, marks }, i) => {
        for (const [pending, count] of marks) ends.get(pending)!.set(partition, bases[i]! + count);
      });
      for (const pending of group) pending.resolve(ends.get(pending)!);
      this.#wake.wake();
    } catch (error) {
      this.#broken = this.#panic(error);
      for (const pending of group) pending.reject(notAppended(pending.stream, messageOf(error), error));
    }
  }

  /** The error of a log that can't be used any more, where LMDB can't after this failed commit; else null. */
  #panic(cause: unknown): TidemarkError | null {
    try {
      this.#root.resetReadTxn();
      this.#streams.get("");
      return null;
    } catch {
      return panicked(this.#folder, cause);
    }
  }

  /** @returns the offset of the first record */
  #write(stream: LogStream, partition: number, drafts: readonly Draft[]): number {
    const { first, end, timestamp } = this.#place(stream, partition);
    const now = stampOf(this.#now(), timestamp);
    let at = end;
    for (const draft of drafts) {
      this.#blocks.putSync([stream.topic, partition, at + draft.count - 1], sealBlock(draft, at, now));
      at += draft.count;
    }
    this.#putPlace(stream, partition, { first, end: at, timestamp: now });
    return end;
  }

  // Reading

  /** Lets reads see what other processes have committed. */
  #refresh(): void {
    if (this.#closed) throw closed("the embedded log");
    if (this.#broken) throw this.#broken;
    this.#root.resetReadTxn();
  }

  /** Takes what can be read now, in turns over the partitions, and moves `at` past it. */
  #batches(stream: LogStream, at: Map<number, number>, maxBytes: number): RecordBatch[] {
    const ends = new Map<number, number>();
    for (const [partition, from] of at) {
      const { first, end } = this.#place(stream, partition);
      if (from < first || from > end) throw outOfRange(stream, partition, from, first, end);
      if (from < end) ends.set(partition, end);
    }
    const batches: RecordBatch[] = [];
    let left = maxBytes;
    while (ends.size > 0 && left > 0) {
      // An equal share each first, then what the shares left over.
      const share = Math.ceil(left / ends.size);
      for (const [partition, end] of [...ends]) {
        if (left <= 0) break;
        const from = at.get(partition)!;
        const taken = this.#take(stream, partition, from, end, Math.min(share, left), batches.length === 0);
        const upto = taken.at(-1)?.upto ?? from;
        for (const batch of taken) batches.push(batch);
        for (const batch of taken) left -= batch.bytes;
        if (upto === end || taken.length === 0) ends.delete(partition);
        // The partition served goes to the back of the queue.
        at.delete(partition);
        at.set(partition, upto);
      }
    }
    return batches;
  }

  /** Batches from `from` on, together at most `maxBytes`; at least one block when `atLeastOne`. */
  #take(
    stream: LogStream,
    partition: number,
    from: number,
    end: number,
    maxBytes: number,
    atLeastOne: boolean,
  ): RecordBatch[] {
    const batches: RecordBatch[] = [];
    let small: RecordBatch[] = [];
    let joined = 0;
    const flush = (): void => {
      if (small.length > 0) batches.push(joinBatches(small));
      small = [];
      joined = 0;
    };
    let at = from;
    let bytes = 0;
    const range = this.#blocks.getRange({
      start: [stream.topic, partition, from],
      end: [stream.topic, partition, end],
    });
    for (const { key, value } of range) {
      const block = openAt(stream, partition, value, key, at);
      const batch = new BlockBatch(partition, block, at);
      const size = batch.bytes;
      if (bytes + size > maxBytes && !(atLeastOne && bytes === 0 && small.length === 0)) {
        flush();
        return batches;
      }
      if (joined + size > smallBytes) flush();
      small.push(batch);
      joined += size;
      bytes += size;
      at = batch.upto;
    }
    flush();
    if (at !== end) throw corruptLog(stream.name, partition, `offsets ${at} to ${end - 1}`, "they are missing");
    return batches;
  }
}

/** @returns the block, which holds `offset` and ends at its key */
function openAt(stream: LogStream, partition: number, bytes: Buffer, key: Key, offset: number): Block {
  const last = Number(key[2]);
  const block = openBlock(bytes);
  if (typeof block === "string") throw corruptLog(stream.name, partition, `offsets ${offset} to ${last}`, block);
  if (block.base > offset || block.base + block.count - 1 !== last) {
    throw corruptLog(
      stream.name,
      partition,
      `offsets ${offset} to ${last}`,
      "a block is missing or in the wrong place",
    );
  }
  return block;
}

/** The records of a group of appends by partition, each partition's in the order they were appended. */
function sharesOf(group: readonly Pending[]): Share[] {
  const shares = new Map<string, Map<number, Share>>();
  for (const pending of group) {
    const { stream } = pending;
    let ofStream = shares.get(stream.topic);
    if (!ofStream) {
      ofStream = new Map();
      shares.set(stream.topic, ofStream);
    }
    for (const record of pending.records) {
      const { partition } = record;
      let share = ofStream.get(partition);
      if (!share) {
        share = { stream, partition, records: [], marks: new Map() };
        ofStream.set(partition, share);
      }
      share.records.push(record);
      share.marks.set(pending, share.records.length);
    }
  }
  return [...shares.values()].flatMap((ofStream) => [...ofStream.values()]);
}

/** LMDB syncs its file, not the folder entry that makes the file findable. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function panicked(folder: string, cause: unknown): TidemarkError {
  return new TidemarkError(
    "LOG_FAILED",
    `the embedded log at ${folder} failed in the middle of a commit: ${messageOf(cause)}`,
    "what was committed is safe: check the disk, then restart this process",
    { folder },
    cause,
  );
}
