/** What HTTP and load have sent to a changelog, made into its records, partition by partition. */
import { Duplicates } from "../shared/duplicates/duplicates.ts";
import { requestHourMs, requestWindowMs } from "../shared/duplicates/partition.ts";
import type { Spill } from "../shared/duplicates/spill.ts";
import { isCode, TidemarkError } from "../shared/errors.ts";
import type { Log, LogReader, LogStream, RecordBatch } from "../shared/log/log.ts";
import { elementsOf, membersOf } from "../shared/values/json-parts.ts";
import { isJson } from "../shared/values/json-text.ts";
import type { ChangelogWriter, SourcedChange, WriteCounts } from "./changelog-writer.ts";

const defaultBytesAtATime = 1 << 20;
const waitMs = 200;
/** A request that is sent again is known for as long as its records are kept. */
const keptMs = requestWindowMs + requestHourMs;

/** What has come of the records of an input. */
export interface InputCounts extends WriteCounts {
  /** Records that are no changes. */
  readonly invalid: number;
  /** Requests that had been there. */
  readonly repeated: number;
}

export interface SentInputOptions {
  readonly log: Log;
  readonly input: LogStream;
  readonly writer: ChangelogWriter;
  readonly spill: Spill;
  /** How much is made into one append; one batch of the log always fits. */
  readonly bytesAtATime?: number;
  readonly onCounts: (counts: InputCounts) => void;
}

export class SentInput {
  readonly #options: SentInputOptions;
  #duplicates: Duplicates;
  #reader: LogReader | null = null;
  /** By partition, the first record of each hour of log time that is kept. */
  readonly #hours: { readonly time: number; readonly offset: number }[][] = [];
  /** Next offset that is not made into records yet, by partition. */
  #next: number[] = [];

  constructor(options: SentInputOptions) {
    this.#options = options;
    this.#duplicates = new Duplicates(null, options.spill);
  }

  /**
   * Takes what has arrived, waiting a moment for it.
   * @returns false where there was nothing
   * @throws LOG_RANGE, LOG_UNREACHABLE, LOG_APPEND; SOURCE_ROW
   */
  async step(): Promise<boolean> {
    try {
      this.#reader ??= await this.#open();
      const batches = await this.#reader.next(this.#options.bytesAtATime ?? defaultBytesAtATime, waitMs);
      if (batches.length === 0) return false;
      await this.#take(batches);
      return true;
    } catch (error) {
      await this.#reader?.close();
      this.#reader = null;
      // another has gone on with it: the changelog says how far
      if (isCode(error, "SOURCE_FENCED")) return true;
      throw error;
    }
  }

  /** The next offset of each partition that is not made into records yet. */
  get next(): readonly number[] {
    return this.#next;
  }

  async close(): Promise<void> {
    await this.#reader?.close();
    await this.#duplicates.close();
  }

  /** Reads from the first record that is kept: requests of before may be sent again. */
  async #open(): Promise<LogReader> {
    const { log, input, writer, spill } = this.#options;
    const { first } = await log.ensure(input);
    if (first.length !== writer.partitions)
      throw new TidemarkError(
        "LOG_PARTITIONS",
        `"${input.topic}" has ${first.length} partitions, and its changelog ${writer.stream.name} ${writer.partitions}`,
        "give both the same number: a row's changes have to stay in one order",
      );
    const kept = await log.first(input);
    this.#next = kept.map((offset, partition) => {
      const next = this.#nextOf(partition);
      if (next < offset && (next > 0 || writer.placeOf(partition) !== ""))
        throw new TidemarkError(
          "LOG_RANGE",
          `${input.topic} partition ${partition}: offsets ${next} to ${offset} are gone, not in ${writer.stream.name}`,
          "keep the input's records for longer than tidemark sources may be away",
        );
      return Math.max(next, offset);
    });
    await this.#duplicates.close();
    this.#duplicates = new Duplicates(null, spill);
    this.#hours.length = 0;
    return log.read(input, new Map(kept.map((offset, partition) => [partition, offset])));
  }

  #nextOf(partition: number): number {
    const place = this.#options.writer.placeOf(partition);
    return place === "" ? 0 : Number(place.slice(1)) + 1;
  }

  async #take(batches: readonly RecordBatch[]): Promise<void> {
    const { writer, onCounts } = this.#options;
    const { repeated } = this.#duplicates.judge(batches, null);
    const again = new Set(repeated);
    const changes: SourcedChange[] = [];
    const counts = { invalid: 0, repeated: 0 };
    let row = 0;
    for (const batch of batches) {
      this.#noteHour(batch);
      for (const { offset, value } of batch.records()) {
        const isRepeated = again.has(row++);
        if (offset < this.#next[batch.partition]!) continue;
        const place = `@${offset}`;
        const change = isRepeated ? null : this.#changeOf(value);
        if (change) changes.push({ ...change, place, partition: batch.partition });
        else counts[isRepeated ? "repeated" : "invalid"]++;
      }
      this.#next[batch.partition] = Math.max(this.#next[batch.partition]!, batch.upto);
    }
    const { ends: _, ...written } = await writer.write(changes);
    onCounts({ ...counts, ...written });
    await this.#trim();
  }

  /** Null: none that the door would have let in. */
  #changeOf(value: Buffer | null): Pick<SourcedChange, "change" | "applies"> | null {
    const text = value?.toString() ?? "";
    if (!isJson(text) || !text.startsWith("{")) return null;
    const sent = membersOf(text);
    const [key, op, row] = [sent.get("key"), sent.get("op"), sent.get("row")];
    if (!key?.startsWith('"[') || !row?.startsWith("{")) return null;
    const { key: names, row: fields } = this.#options.writer.stream.changelog;
    const values = elementsOf(JSON.parse(key) as string, Number.POSITIVE_INFINITY);
    if (values.length !== names.length) return null;
    const given = membersOf(row);
    const texts = (missing: string | undefined) =>
      fields.map(({ name }) => {
        const at = names.indexOf(name);
        return at < 0 ? (given.get(name) ?? missing) : values[at]!;
      });
    switch (op) {
      case '"upsert"':
        return { change: { op: "u", key: values, after: texts("null") } };
      case '"patch"':
        return { change: { op: "u", key: values, after: texts(undefined) }, applies: ({ row }) => row !== null };
      case '"delete"':
        return { change: { op: "d", key: values, after: null } };
      default:
        return null;
    }
  }

  #noteHour({ partition, timestamps, offsets }: RecordBatch): void {
    const clock = this.#duplicates.clockOf(partition);
    const hours = this.#hours[partition] ?? [];
    this.#hours[partition] = hours;
    if (timestamps.length === 0 || clock.time - (hours.at(-1)?.time ?? Number.NEGATIVE_INFINITY) < requestHourMs)
      return;
    hours.push({ time: clock.time, offset: offsets[0]! });
  }

  /** What is made into records, and so old that no request of then is sent again. */
  async #trim(): Promise<void> {
    const below = new Map<number, number>();
    for (const [partition, hours] of this.#hours.entries()) {
      const { time } = this.#duplicates.clockOf(partition);
      const old = hours?.findLastIndex((hour) => hour.time <= time - keptMs) ?? -1;
      if (old < 1) continue;
      below.set(partition, Math.min(hours![old]!.offset, this.#nextOf(partition)));
      hours!.splice(0, old);
    }
    if (below.size > 0) await this.#options.log.trim(this.#options.input, below);
  }
}
