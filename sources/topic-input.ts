/** A foreign topic's changes made into a changelog's records, partition by partition. */
import type { ChangelogStream, TopicOrigin } from "../shared/definition.ts";
import { isCode, TidemarkError } from "../shared/errors.ts";
import type { Log, LogReader, LogStream, RecordBatch } from "../shared/log/log.ts";
import type { ChangelogWriter, SourcedChange } from "./changelog-writer.ts";
import { debeziumReader, doubtRefused } from "./debezium.ts";
import type { ForeignChange, ForeignRecord, ForeignStream, Nothing, ReadRecord } from "./formats/foreign.ts";
import { isNewer } from "./formats/order.ts";
import type { KnownRow } from "./row-file.ts";
import { upsertReader } from "./upsert.ts";

const bytesAtATime = 4 << 20;
const waitMs = 200;
const rowsAtATime = 10_000;

/** How many records of each kind said nothing about a row. */
export type TopicCounts = Partial<Record<Nothing, number>>;

export class TopicInput {
  readonly #log: Log;
  readonly #topic: LogStream;
  readonly #foreign: ForeignStream;
  readonly #writer: ChangelogWriter;
  readonly #read: ReadRecord;
  #reader: LogReader | null = null;
  readonly counts: TopicCounts = {};
  #next: number[] = [];

  private constructor(log: Log, topic: LogStream, foreign: ForeignStream, writer: ChangelogWriter, read: ReadRecord) {
    this.#log = log;
    this.#topic = topic;
    this.#foreign = foreign;
    this.#writer = writer;
    this.#read = read;
  }

  /** @throws LOG_STREAM_MISSING; LOG_PARTITIONS where topic and changelog have not the same number */
  static async open(
    log: Log,
    { name, changelog: { row, key } }: ChangelogStream,
    from: TopicOrigin,
    writer: ChangelogWriter,
  ): Promise<TopicInput> {
    const topic: LogStream = { name: `${name} (${from.topic})`, topic: from.topic, existing: true, partitions: 1 };
    const partitions = (await log.ensure(topic)).first.length;
    if (partitions !== writer.partitions)
      throw new TidemarkError(
        "LOG_PARTITIONS",
        `topic ${from.topic} has ${partitions} partitions and its changelog ${name} has ${writer.partitions}`,
        `a row's changes have to stay in one order: give the stream another name, and partitions: ${partitions}`,
        { stream: name, topic: from.topic },
      );
    const foreign = { topic: from.topic, partitions, row, key };
    const reader = from.format === "debezium" ? debeziumReader : upsertReader;
    return new TopicInput(log, topic, foreign, writer, reader(foreign, from.settings));
  }

  /**
   * Takes what has arrived, waiting a moment for it.
   * @throws SOURCE_RECORD, SOURCE_SETTING, SOURCE_ROW; LOG_RANGE, LOG_UNREACHABLE, LOG_APPEND
   */
  async step(): Promise<boolean> {
    try {
      this.#reader ??= await this.#open();
      const batches = await this.#reader.next(bytesAtATime, waitMs);
      if (batches.length === 0) return false;
      for (const batch of batches) await this.#write(batch);
      return true;
    } catch (error) {
      await this.close();
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
    this.#reader = null;
  }

  async #open(): Promise<LogReader> {
    const first = await this.#log.first(this.#topic);
    const next = first.map((offset, partition): [number, number] => {
      const place = this.#writer.placeOf(partition);
      return [partition, place === "" ? offset : Number(place.slice(1)) + 1];
    });
    this.#next = next.map(([, offset]) => offset);
    return this.#log.read(this.#topic, new Map(next));
  }

  async #write(batch: RecordBatch): Promise<void> {
    const { partition } = batch;
    let waiting: SourcedChange[] = [];
    for (const record of batch.records()) {
      const foreign = { ...record, partition };
      const reading = this.#read(foreign);
      if (reading.is === "nothing") this.counts[reading.what] = (this.counts[reading.what] ?? 0) + 1;
      else if (reading.is === "changes")
        waiting.push(
          ...this.#placed(
            foreign,
            reading.changes.map((each) => this.#applicable(foreign, each)),
          ),
        );
      else {
        // of the rows as they are then
        await this.#writer.write(waiting);
        waiting = [];
        for (const some of this.#truncated(foreign, reading.order)) await this.#writer.write(some);
      }
    }
    await this.#writer.write(waiting);
    this.#next[partition] = batch.upto;
  }

  /** Only the last change of a record says that the record is done: what lies before it may be repeated. */
  #placed({ offset, partition }: ForeignRecord, changes: readonly Unplaced[]): SourcedChange[] {
    const last = changes.length - 1;
    return changes.map((each, i) => ({ ...each, place: `@${i === last ? offset : offset - 1}`, partition }));
  }

  #applicable(record: ForeignRecord, { change, order, moved, doubtful }: ForeignChange): Unplaced {
    const applies = (known: KnownRow) => {
      if (!isNewer(order, known.order)) return false;
      for (const field of doubtful ?? [])
        if (this.#hasValue(known, field)) throw doubtRefused(this.#foreign, record, field);
      return true;
    };
    return { change, order, moved: moved ?? false, applies };
  }

  #hasValue({ row }: KnownRow, field: number): boolean {
    const text = row === null ? undefined : this.#writer.textsOf(row)[field];
    return text !== undefined && text !== "null";
  }

  /** Removals of all rows, some at a time. */
  *#truncated({ offset, partition }: ForeignRecord, order: string | null): Generator<SourcedChange[]> {
    const keys = [...this.#writer.rows()].map((row) => this.#writer.keyOf(row));
    const applies = (known: KnownRow) => isNewer(order, known.order);
    for (let at = 0; at < keys.length; at += rowsAtATime) {
      const isLast = at + rowsAtATime >= keys.length;
      yield keys.slice(at, at + rowsAtATime).map((key, i, all) => ({
        change: { op: "d", key, after: null },
        order,
        applies,
        place: `@${isLast && i === all.length - 1 ? offset : offset - 1}`,
        partition,
      }));
    }
  }
}

type Unplaced = Omit<SourcedChange, "place">;
