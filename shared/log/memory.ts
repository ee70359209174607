import { randomUUID } from "node:crypto";
import { stampOf } from "../duplicates/log-time.ts";
import { ArrayBatch, recordBytes } from "./batch.ts";
import { closed, noPartition, outOfRange, streamMissing } from "./faults.ts";
import type { Log, LogOrigin, LogReader, LogRecord, LogStream, NewRecord, RecordBatch } from "./log.ts";
import { Wake } from "./wake.ts";

interface Partition {
  first: number;
  end: number;
  /** Ascending and without gaps: the record at offset o is `records[o - first]`. */
  records: LogRecord[];
}

interface Stream {
  readonly id: string;
  readonly partitions: readonly Partition[];
}

/** The specification: what any log must do, over arrays. Lives as long as the process. */
export class MemoryLog implements Log {
  readonly kind = "memory";
  readonly #now: () => number;
  readonly #stamp: (now: number, before: number) => number;
  readonly #streams = new Map<string, Stream>();
  readonly #wake = new Wake();

  /**
   * @param now milliseconds since the epoch; becomes the log timestamp of appended records
   * @param stamp which timestamp a record gets, from the clock and the one of the record before it: logs with
   *   clocks of their producers take any
   */
  constructor(now: () => number = Date.now, stamp: (now: number, before: number) => number = stampOf) {
    this.#now = now;
    this.#stamp = stamp;
  }

  async ensure(stream: LogStream): Promise<LogOrigin> {
    if (!this.#streams.has(stream.topic)) {
      if (stream.existing) throw streamMissing(stream, "the memory log");
      const partitions = Array.from({ length: stream.partitions }, () => ({ first: 0, end: 0, records: [] }));
      this.#streams.set(stream.topic, { id: randomUUID(), partitions });
    }
    return { id: this.#find(stream).id, first: await this.first(stream) };
  }

  async append(stream: LogStream, records: readonly NewRecord[]): Promise<Map<number, number>> {
    const ends = new Map<number, number>();
    for (const { partition } of records) this.#partition(stream, partition);
    for (const { partition, key, value, headers, id } of records) {
      const to = this.#partition(stream, partition);
      const timestamp = this.#stamp(this.#now(), to.records.at(-1)?.timestamp ?? 0);
      const record = { offset: to.end++, timestamp, key: copyOf(key), value: copyOf(value) };
      to.records.push({ ...record, ...(headers ? { headers: { ...headers } } : {}), ...(id ? { id } : {}) });
      ends.set(partition, to.end);
    }
    this.#wake.wake();
    return ends;
  }

  async read(stream: LogStream, from: ReadonlyMap<number, number>): Promise<LogReader> {
    for (const partition of from.keys()) this.#partition(stream, partition);
    const at = new Map(from);
    let open = true;
    return {
      next: async (maxBytes, waitMs) => {
        if (!open) throw closed("the reader");
        const until = performance.now() + waitMs;
        for (;;) {
          const batches = this.#batches(stream, at, maxBytes);
          const left = until - performance.now();
          if (batches.length > 0 || left <= 0 || !open) return batches;
          await this.#wake.wait(left);
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
    return this.#find(stream).partitions.map((partition) => partition.first);
  }

  async end(stream: LogStream): Promise<number[]> {
    return this.#find(stream).partitions.map((partition) => partition.end);
  }

  async trim(stream: LogStream, below: ReadonlyMap<number, number>): Promise<void> {
    for (const [number, offset] of below) {
      const partition = this.#partition(stream, number);
      const first = Math.min(Math.max(offset, partition.first), partition.end);
      partition.records = partition.records.slice(first - partition.first);
      partition.first = first;
    }
  }

  async close(): Promise<void> {
    this.#wake.wake();
  }

  /** As an operator does it on a broker: more partitions, or none at all any more. */
  setPartitions(stream: LogStream, count: number): void {
    if (count === 0) this.#streams.delete(stream.topic);
    else {
      const { id, partitions } = this.#find(stream);
      const kept = Array.from({ length: count }, (_, i) => partitions[i] ?? { first: 0, end: 0, records: [] });
      this.#streams.set(stream.topic, { id, partitions: kept });
    }
    this.#wake.wake();
  }

  /** Takes what can be read now, in turns over the partitions, and moves `at` past it. */
  #batches(stream: LogStream, at: Map<number, number>, maxBytes: number): RecordBatch[] {
    const batches: RecordBatch[] = [];
    let left = maxBytes;
    for (const [number, from] of [...at]) {
      const { first, end, records } = this.#partition(stream, number);
      if (from < first || from > end) throw outOfRange(stream, number, from, first, end);
      const taken: LogRecord[] = [];
      for (let offset = from; offset < end; offset++) {
        const record = records[offset - first]!;
        left -= recordBytes(record);
        if (left < 0 && (batches.length > 0 || taken.length > 0)) break;
        taken.push(record);
      }
      if (taken.length === 0) continue;
      const upto = from + taken.length;
      batches.push(new ArrayBatch(number, from, upto, taken));
      // The partition served goes to the back of the queue.
      at.delete(number);
      at.set(number, upto);
    }
    return batches;
  }

  #find(stream: LogStream): Stream {
    const found = this.#streams.get(stream.topic);
    if (!found) throw streamMissing(stream, "the memory log");
    return found;
  }

  #partition(stream: LogStream, number: number): Partition {
    const { partitions } = this.#find(stream);
    const found = partitions[number];
    if (!found) throw noPartition(stream, number, partitions.length);
    return found;
  }
}

function copyOf(bytes: Buffer | null): Buffer | null {
  return bytes && Buffer.from(bytes);
}
