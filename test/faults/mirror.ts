import type { Log, LogStream, RecordBatch } from "../../shared/log/log.ts";

/** A topic's records as a reader was given them, kept to be counted plainly. */
export class Mirror {
  /** Next offset of each partition. */
  readonly at: number[];
  readonly #records: { readonly offset: number; readonly value: string }[][];
  /** Of each partition, what came under a request id already. */
  readonly #known: Set<string>[];
  /** Records that a producer sent again, and that do not count. */
  repeated = 0;
  /** What a reader must never do. */
  readonly failures: string[] = [];

  constructor(partitions: number) {
    this.at = Array.from({ length: partitions }, () => 0);
    this.#records = this.at.map(() => []);
    this.#known = this.at.map(() => new Set());
  }

  take(batch: RecordBatch): void {
    const { partition, from, upto } = batch;
    if (from !== this.at[partition]) {
      this.failures.push(
        `partition ${partition}: a batch starts at ${from}, the one before ended at ${this.at[partition]}`,
      );
    }
    let least = from;
    for (const { offset, value, id } of batch.records()) {
      if (offset < least || offset >= upto) {
        this.failures.push(
          `partition ${partition}: offset ${offset} in a batch of [${from}, ${upto}) after ${least - 1}`,
        );
      }
      least = offset + 1;
      const known = this.#known[partition]!;
      if (id && known.has(`${id.request}/${id.sequence}`)) {
        this.repeated++;
        continue;
      }
      if (id) known.add(`${id.request}/${id.sequence}`);
      this.#records[partition]!.push({ offset, value: String(value) });
    }
    this.at[partition] = upto;
  }

  /** Reads on until these next offsets are reached. @throws Error when they are not in time */
  async readTo(log: Log, stream: LogStream, ends: readonly number[], msMax: number): Promise<void> {
    const short = () => ends.some((end, partition) => this.at[partition]! < end);
    if (!short()) return;
    const until = performance.now() + msMax;
    const reader = await log.read(stream, new Map(this.at.entries()));
    try {
      while (short()) {
        if (performance.now() > until)
          throw new Error(`the topic was read to ${this.at}, not to ${ends}, in ${msMax} ms`);
        for (const batch of await reader.next(1 << 20, 200)) this.take(batch);
      }
    } finally {
      await reader.close();
    }
  }

  /** The values below these next offsets, partition by partition. */
  *below(ends: readonly number[] = this.at): Generator<{ partition: number; offset: number; value: string }> {
    for (const [partition, records] of this.#records.entries()) {
      for (const { offset, value } of records) if (offset < ends[partition]!) yield { partition, offset, value };
    }
  }
}
