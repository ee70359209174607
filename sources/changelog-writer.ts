/**
 * The one writer of a changelog. It keeps what each row is by what the log says, so that every record says what its row
 * was; and it goes on after the last record of each partition that counts, which the log alone decides: its tail is the
 * only checkpoint. What a fenced writer appends has no effect.
 */
import { randomUUID } from "node:crypto";
import { appendPatiently } from "../ingest/append.ts";
import { Judge } from "../ingest/judge.ts";
import { rowStream } from "../ingest/sent-changes.ts";
import type { ChangelogStream } from "../shared/definition.ts";
import type { Session } from "../shared/duckdb/duck.ts";
import { chainStart, RecordChain, requestOfWriter } from "../shared/duplicates/record-chain.ts";
import { TidemarkError } from "../shared/errors.ts";
import type { Log, NewRecord, RecordBatch } from "../shared/log/log.ts";
import { partitionOf } from "../shared/log/partitioner.ts";
import { type Position, positionOf } from "../shared/position.ts";
import { logStream } from "../shared/store/origin.ts";
import type { Change, RowTexts } from "./change.ts";
import { type KnownRow, type Mark, movedKey, type RowFile } from "./row-file.ts";
import { keyText, RowWriter, readRecord, recordText } from "./row-texts.ts";
import { placeIn, readSource, sourceText } from "./source-text.ts";

const patienceMs = 60_000;
const bytesAtATime = 8 << 20;
const waitMs = 1000;
const keysAtATime = 1000;

/** A change, and where it comes from. */
export interface SourcedChange {
  readonly change: Change;
  /** Where in its source that is, for who goes on after it. */
  readonly place: string;
  /** Where it comes in the history of its key; left out: where it comes here. */
  readonly order?: string | null;
  /** Of a "d": the row goes on under another key, whose change may not say all of it. */
  readonly moved?: boolean;
  /** Left out: the one of its key. */
  readonly partition?: number;
  /** Whether it is made, by what is known of its row then; left out: always. */
  readonly applies?: (known: KnownRow) => boolean;
}

/** What came of changes. */
export interface WriteCounts {
  /** Records that were appended. */
  readonly records: number;
  /** Rows that were such already. */
  readonly unchanged: number;
  /** Removals of rows that were not there. */
  readonly absent: number;
  /** Changes that did not apply. */
  readonly passed: number;
}

export interface WriteResult extends WriteCounts {
  /** Next offsets, of the partitions that were written. */
  readonly ends: ReadonlyMap<number, number>;
}

export interface SeenKeysOfSnapshot {
  add(keys: readonly (readonly string[])[]): void;
  /** The keys of all other rows, some at a time. */
  others(): Iterable<string[][]>;
}

/** A changelog's rows by the past that the log no longer holds. */
export interface ArchivedRows {
  /**
   * The changes in `[from, to)` of a partition as far as the archive reaches, the last of each row.
   * @param use gets the key, and what is known of it then
   * @returns where that ends; null: the archive does not reach beyond `from`
   */
  recall(
    partition: number,
    from: number,
    to: number,
    use: (key: string, known: KnownRow) => void,
  ): Promise<Mark | null>;
}

export interface ChangelogWriterOptions {
  readonly log: Log;
  readonly stream: ChangelogStream;
  readonly rows: RowFile;
  readonly archived: ArchivedRows;
  /** Checks rows as their readers do. */
  readonly session: Session;
  readonly signal?: AbortSignal;
  /** Of a fold that is only read: which records' places are folded; left out: all. */
  readonly folds?: (place: string) => boolean;
}

/** Of one partition, as far as it is folded. */
interface PartitionState {
  upto: number;
  readonly chain: RecordChain;
  source: string;
  /** The request id of what this writer appends. */
  request: string;
}

export class ChangelogWriter {
  readonly stream: ChangelogStream;
  readonly #options: ChangelogWriterOptions;
  readonly #texts: RowWriter;
  readonly #judge: Judge;
  readonly #partitions: PartitionState[] = [];
  /** False where what the log says is not known. */
  #folded = false;
  #topic = "";
  #name = "";

  private constructor(options: ChangelogWriterOptions) {
    const { stream, session } = options;
    this.#options = options;
    this.stream = stream;
    this.#texts = new RowWriter(stream.changelog);
    this.#judge = new Judge(session, rowStream(stream));
  }

  /**
   * Folds what the log says since the rows were flushed.
   * @throws LOG_RANGE where neither log nor archive has it; LOG_UNREACHABLE, STORE_CORRUPT
   */
  static async open(options: ChangelogWriterOptions): Promise<ChangelogWriter> {
    const writer = new ChangelogWriter(options);
    await writer.#fold();
    return writer;
  }

  get partitions(): number {
    return this.#partitions.length;
  }

  /** Where the changelog ends, as far as it is folded. */
  get position(): Position {
    const { name: stream } = this.stream;
    return positionOf(this.#partitions.map(({ upto: offset }, partition) => ({ stream, partition, offset })));
  }

  partitionOf(key: readonly string[]): number {
    return partitionOf(Buffer.from(keyText(key)), this.#partitions.length);
  }

  /** Where its last record that counts came from; "": there is none. */
  placeOf(partition: number): string {
    return placeIn(this.#partitions[partition]!.source);
  }

  /** A row's JSON. */
  rowOf(key: readonly string[]): string | null {
    return this.#options.rows.get(keyText(key)).row;
  }

  /** The JSON of all rows. */
  rows(): Iterable<string> {
    this.#flush();
    return this.#options.rows.rows();
  }

  keyOf(row: string): string[] {
    return this.#texts.keyOf(row);
  }

  /** A row's fields. @param row its JSON */
  textsOf(row: string): RowTexts {
    return this.#texts.textsOf(row);
  }

  /** Notes which keys a snapshot has, to find those that it does not have. */
  beginSeen(): SeenKeysOfSnapshot {
    const { rows } = this.#options;
    rows.beginSeen();
    return {
      add: (keys) => rows.seeAll(keys.map(keyText)),
      others: () => this.#unseen(),
    };
  }

  *#unseen(): Generator<string[][]> {
    this.#flush();
    let keys: string[][] = [];
    // all of them before any is removed: what is read is not changed meanwhile
    const all = [...this.#options.rows.unseen()].map((row) => this.#texts.keyOf(row));
    for (const key of all) {
      keys.push(key);
      if (keys.length < keysAtATime) continue;
      yield keys;
      keys = [];
    }
    if (keys.length > 0) yield keys;
  }

  /**
   * Appends what changes anything, in order, in one append.
   * @throws SOURCE_FENCED where another has written meanwhile: then this goes on from what the log says now, and
   *   `placeOf` says from where; SOURCE_ROW for a row that is none of the stream; LOG_APPEND, LOG_UNREACHABLE
   */
  async write(changes: readonly SourcedChange[]): Promise<WriteResult> {
    const { rows, log, signal } = this.#options;
    if (!this.#folded) await this.#fold();
    try {
      const made = this.#recordsOf(changes);
      const { records, counts } = made;
      await this.#check(made);
      if (records.length === 0) return { ...counts, ends: new Map() };
      const ends = await appendPatiently(log, logStream(this.stream), records, patienceMs, signal);
      if (!this.#reached(records, ends)) await this.#readBack(made);
      for (const [partition, source] of made.sources) this.#partitions[partition]!.source = source;
      if (rows.isFull) this.#flush();
      return { ...counts, ends };
    } catch (error) {
      // what arrived is not known: the log is
      await this.#fold();
      throw error;
    }
  }

  async close(): Promise<void> {
    if (this.#folded) this.#flush();
    await this.#options.rows.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #recordsOf(changes: readonly SourcedChange[]): MadeRecords {
    const { rows } = this.#options;
    const records: NewRecord[] = [];
    const afters: Buffer[] = [];
    const sources = new Map<number, string>();
    let [unchanged, absent, passed] = [0, 0, 0];
    const nexts = this.#partitions.map(({ chain }) => chain.end?.next ?? 0);
    for (const { change, place, order = null, moved = false, partition, applies } of changes) {
      const key = keyText(change.key);
      const known = rows.get(key);
      if (applies && !applies(known)) {
        passed++;
        continue;
      }
      const before = known.row;
      const after = change.after && this.#texts.rowText(change.after, change.base ? this.#moved(change.base) : before);
      if (before === after) {
        if (before === null) absent++;
        else unchanged++;
        continue;
      }
      if (after !== null) afters.push(Buffer.from(after));
      rows.set(key, { row: after, order });
      if (moved) rows.set(movedKey(key), known);
      const source = sourceText({ place, order, moved });
      const to = partition ?? this.partitionOf(change.key);
      const op = after === null ? "d" : before === null ? (change.op === "r" ? "r" : "c") : "u";
      const { request } = this.#partitions[to]!;
      records.push({
        partition: to,
        key: Buffer.from(key),
        value: Buffer.from(recordText({ op, before, after, source })),
        id: { request, sequence: nexts[to]!++ },
      });
      sources.set(to, source);
    }
    return { records, afters, sources, nexts, counts: { records: records.length, unchanged, absent, passed } };
  }

  /** A row that has gone on, or is about to. */
  #moved(base: readonly string[]): string | null {
    const { rows } = this.#options;
    const key = keyText(base);
    return rows.get(key).row ?? rows.get(movedKey(key)).row;
  }

  async #check({ afters }: MadeRecords): Promise<void> {
    const [fault] = (await this.#judge.faults(afters)).values();
    if (fault === undefined) return;
    throw new TidemarkError(
      "SOURCE_ROW",
      `stream ${this.stream.name}: a row that is none of its own: ${fault}`,
      "declare the field as what its source has, such as VARCHAR, and run tidemark batch --once",
      { stream: this.stream.name },
    );
  }

  /** True where the log ends right after these records, so that they are all that was appended. */
  #reached(records: readonly NewRecord[], ends: ReadonlyMap<number, number>): boolean {
    const counts = new Map<number, number>();
    for (const { partition } of records) counts.set(partition, (counts.get(partition) ?? 0) + 1);
    for (const [partition, count] of counts)
      if (ends.get(partition) !== this.#partitions[partition]!.upto + count) return false;
    for (const [partition, count] of counts) {
      const own = this.#partitions[partition]!;
      own.upto += count;
      own.chain.end = { writer: this.#name, next: (own.chain.end?.next ?? 0) + count };
    }
    return true;
  }

  /** @throws SOURCE_FENCED where not exactly these records have come to count */
  async #readBack({ nexts, sources }: MadeRecords): Promise<void> {
    const name = this.#name;
    await this.#fold();
    const isOurs = (partition: number) => {
      const { end } = this.#partitions[partition]!.chain;
      return end?.writer === name && end.next === nexts[partition];
    };
    if ([...sources.keys()].every(isOurs)) return;
    throw new TidemarkError(
      "SOURCE_FENCED",
      `stream ${this.stream.name}: another process writes it, too`,
      "one is enough; both go on, and nothing is lost or counted twice",
      { stream: this.stream.name },
    );
  }

  /** To what the log says now. */
  async #fold(): Promise<void> {
    const { rows, log, archived } = this.#options;
    const target = logStream(this.stream);
    this.#folded = false;
    this.#name = randomUUID();
    rows.discard();
    const { id, first } = await log.ensure(target);
    if (rows.marks && rows.marks.topic !== id) rows.clear();
    const { marks } = rows;
    this.#topic = id;
    this.#partitions.length = 0;
    for (let partition = 0; partition < first.length; partition++) {
      const mark = marks?.partitions[partition] ?? { upto: 0, chain: chainStart, source: "" };
      this.#partitions.push(stateOf(mark));
    }
    const kept = await log.first(target);
    for (const [partition, own] of this.#partitions.entries()) {
      if (kept[partition]! <= own.upto) continue;
      const mark = await archived.recall(partition, own.upto, kept[partition]!, (key, known) => this.#set(key, known));
      if (mark) this.#partitions[partition] = stateOf(mark);
    }
    await this.#foldLog(await log.end(target));
    for (const own of this.#partitions) own.request = requestOfWriter(this.#name, own.chain.end ?? chainStart);
    this.#folded = true;
  }

  async #foldLog(ends: readonly number[]): Promise<void> {
    const { log } = this.#options;
    const isBehind = () => this.#partitions.some(({ upto }, partition) => upto < ends[partition]!);
    if (!isBehind()) return;
    const reader = await log.read(
      logStream(this.stream),
      new Map(this.#partitions.map(({ upto }, partition) => [partition, upto])),
    );
    const until = performance.now() + patienceMs;
    try {
      while (isBehind()) {
        if (performance.now() > until)
          throw new TidemarkError(
            "LOG_UNREACHABLE",
            `reading ${this.stream.topic} from the log timed out`,
            "is it up?",
          );
        for (const batch of await reader.next(bytesAtATime, waitMs)) this.#take(batch);
      }
    } finally {
      await reader.close();
    }
  }

  #take(batch: RecordBatch): void {
    const own = this.#partitions[batch.partition]!;
    for (const { id, key, value } of batch.records()) {
      if (!id || !key || !value || own.chain.take(id.request, id.sequence) !== "counts") continue;
      const { before, after, source } = readRecord(value.toString());
      const { place, order, moved } = readSource(source);
      if (this.#options.folds?.(place) === false) continue;
      this.#set(key.toString(), { row: after, order });
      if (moved) this.#set(movedKey(key.toString()), { row: before, order });
      own.source = source;
    }
    own.upto = batch.upto;
  }

  #set(key: string, known: KnownRow): void {
    this.#options.rows.set(key, known);
    // until the marks of this are there, it is folded again from where they are
    if (this.#options.rows.isFull) this.#flush();
  }

  #flush(): void {
    const partitions = this.#partitions.map(({ upto, chain, source }) => ({ upto, chain: chain.end, source }));
    this.#options.rows.flush({ topic: this.#topic, partitions });
  }
}

/** Records that are to be appended, and what they lead to. */
interface MadeRecords {
  readonly records: readonly NewRecord[];
  /** The rows among them. */
  readonly afters: readonly Buffer[];
  /** Where the last record of each partition that has one comes from. */
  readonly sources: ReadonlyMap<number, string>;
  /** The number after the last record of each partition. */
  readonly nexts: readonly number[];
  readonly counts: WriteCounts;
}

function stateOf({ upto, chain: end, source }: Mark): PartitionState {
  const chain = new RecordChain();
  chain.end = end;
  return { upto, chain, source, request: "" };
}
