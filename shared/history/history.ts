/**
 * The one reader of the past: archive below, log above, joined by offset, as typed events. Recompute, verify, a damaged delta
 * and a speed layer that must go back further than the log still reaches all read through it.
 */
import type { Inputs } from "../compiler/texts.ts";
import { type DeadLetter, type Decoded, Decoder, suppressedFaults } from "../decode/decode.ts";
import type { Definition, StreamDefinition, ViewDefinition } from "../definition.ts";
import { quoteName, quoteText, type Session } from "../duckdb/duck.ts";
import { Duplicates } from "../duplicates/duplicates.ts";
import { replayPrefix } from "../duplicates/partition.ts";
import { Spill } from "../duplicates/spill.ts";
import { isCode, TidemarkError } from "../errors.ts";
import { clipBatches } from "../log/batch.ts";
import type { Log, RecordBatch } from "../log/log.ts";
import { offsetAt, type Position, places, type Range } from "../position.ts";
import { addCounts, type Counts, noCounts } from "../store/counts.ts";
import type { Entry, Segment } from "../store/layout.ts";
import { logStream } from "../store/origin.ts";
import { loadReferences } from "../store/reference-tables.ts";
import type { Store } from "../store/store.ts";
import type { LetterTable } from "./dead-letters.ts";
import { rememberArchived, rememberTold } from "./duplicates-at.ts";
import { checkEvolution } from "./evolution.ts";
import { inputsOf } from "./inputs.ts";
import { clocksOf, countsOf } from "./segment-rows.ts";
import { decoderOf, eventsIn, noEvents, readSegments } from "./segments.ts";

/** What the archive tells of a stretch beside its events. */
export interface Archived {
  readonly counts: Counts;
  readonly dead: readonly DeadLetter[];
  /** Latest log timestamp, ms; 0 where there is no record. */
  readonly latest: number;
}

const bytesAtATime = 32 * 1024 * 1024;

export class History {
  readonly #store: Store;
  readonly #log: Log;
  readonly #origin: Position;
  readonly #checked = new Set<string>();

  constructor(store: Store, log: Log, origin: Position) {
    this.#store = store;
    this.#log = log;
    this.#origin = origin;
  }

  /** The segments of one partition. @throws STORE_GAP, STORE_CORRUPT */
  segments(stream: string, partition: number): Promise<Segment[]> {
    return readSegments(this.#store, stream, partition, this.#originAt(stream, partition));
  }

  /** How far the archive of a partition reaches. */
  async archivedTo(stream: string, partition: number): Promise<number> {
    return (await this.segments(stream, partition)).at(-1)?.upto ?? this.#originAt(stream, partition);
  }

  /** A partition that was added later begins at 0. */
  #originAt(stream: string, partition: number): number {
    return offsetAt(this.#origin, stream, partition) ?? 0;
  }

  /** How far the archive of a partition reaches in files that end below a time, ms, by the log's own timestamps. */
  async archivedBefore(stream: string, partition: number, time: number): Promise<number> {
    const segments = await this.segments(stream, partition);
    return segments[clocksOf(segments).findLastIndex(({ stamp }) => stamp < time)]?.upto ?? 0;
  }

  /**
   * A SELECT of the valid events of a stream in these ranges, with their places in the log's order where `ordered`. Archive files are checked (size and hash) before their first
   * use; what the archive does not hold yet is read from the log into a temporary table of the session.
   *
   * @throws STORE_CORRUPT, STORE_GAP; LOG_RANGE where neither archive nor log has an offset any more
   */
  async events(session: Session, stream: StreamDefinition, ranges: readonly Range[], ordered = false): Promise<string> {
    const parts: string[] = [];
    for (const range of ranges.filter((each) => each.stream === stream.name)) {
      const segments = await this.segments(stream.name, range.partition);
      const archived = segments.at(-1)?.upto ?? range.from;
      const inside = segments.filter((segment) => segment.from < range.upto && segment.upto > range.from);
      await this.#check(stream, inside);
      if (inside.length > 0) parts.push(eventsIn(this.#store, stream, inside, range, ordered));
      const from = Math.max(archived, range.from);
      if (archived < range.upto) parts.push(await this.#tail(session, stream, { ...range, from }, ordered));
    }
    return parts.join(" UNION ALL ") || noEvents(stream, ordered);
  }

  /**
   * What any view of a definition reads in these ranges; each stream is read once, when the first view asks for it.
   * @throws as `events`, and STORE_CORRUPT, STORE_MISSING for a reference table
   */
  inputs(
    session: Session,
    definition: Definition,
    ranges: readonly Range[],
  ): (view: ViewDefinition) => Promise<Inputs> {
    const read = new Map<string, Promise<string>>();
    let references: Promise<ReadonlyMap<string, string>> | null = null;
    const eventsOf = (stream: StreamDefinition, ordered: boolean) => {
      const events = read.get(stream.name) ?? this.events(session, stream, ranges, ordered);
      read.set(stream.name, events);
      return events;
    };
    return async (view) => {
      references ??= loadReferences(session, this.#store, definition);
      return inputsOf(definition, view, eventsOf, await references);
    };
  }

  /**
   * What the archive tells of these ranges beside the events themselves.
   * @throws STORE_CORRUPT, STORE_GAP; RangeError where a range goes beyond the archive
   */
  async archived(session: Session, stream: StreamDefinition, ranges: readonly Range[]): Promise<Archived> {
    const dead: DeadLetter[] = [];
    let counts = noCounts;
    let latest = 0;
    for (const range of ranges.filter((each) => each.stream === stream.name)) {
      const segments = await this.segments(stream.name, range.partition);
      if ((segments.at(-1)?.upto ?? 0) < range.upto) throw new RangeError("the archive does not reach that far");
      const inside = segments.filter((segment) => segment.from < range.upto && segment.upto > range.from);
      await this.#check(stream, inside);
      for (const segment of inside) {
        counts = addCounts(counts, await countsOf(session, this.#store, segments, segment, range.from, range.upto));
        const rows = await session.rows(
          `SELECT coalesce(epoch_ms(max(__timestamp)), 0) AS latest,
             list({o: __offset, f: __fault} ORDER BY __offset) FILTER (WHERE __fault NOT IN (${suppressedFaults}))::JSON::VARCHAR AS dead
           FROM read_parquet(${quoteText(this.#store.path(segment.file.name))}) WHERE __offset >= ${range.from} AND __offset < ${range.upto}`,
        );
        const row = rows[0]!;
        latest = Math.max(latest, Number(row.latest));
        const found = JSON.parse(String(row.dead ?? "[]")) as { o: number; f: string }[];
        for (const { o, f } of found)
          dead.push({ stream: stream.name, partition: range.partition, offset: o, reason: f });
      }
    }
    return { counts, dead, latest };
  }

  /**
   * Puts the dead letters of these ranges into a table, with what was sent, and the requests of dead letters that were replayed.
   * @throws as `events`
   */
  async deadLetters(
    session: Session,
    stream: StreamDefinition,
    ranges: readonly Range[],
    table: LetterTable,
  ): Promise<void> {
    for (const range of ranges.filter((each) => each.stream === stream.name)) {
      const { partition } = range;
      const segments = await this.segments(stream.name, partition);
      const inside = segments.filter((segment) => segment.from < range.upto && segment.upto > range.from);
      for (const segment of inside) {
        if (segment.dead === 0 && segment.requests?.length === 0) continue;
        await this.#check(stream, [segment]);
        const file = `read_parquet(${quoteText(this.#store.path(segment.file.name))})`;
        await table.addFrom(
          `SELECT ${quoteText(stream.name)}, ${partition}, __offset, __fault, __raw FROM ${file} WHERE __fault NOT IN (${suppressedFaults}) AND __offset >= ${range.from} AND __offset < ${range.upto} ORDER BY __offset`,
        );
        if (segment.requests === null)
          await table.replayedFrom(
            `SELECT DISTINCT __request FROM ${file} WHERE starts_with(__request, ${quoteText(replayPrefix)})`,
          );
        else await table.replayed(replaysIn(segment.requests));
      }
      const from = Math.max(segments.at(-1)?.upto ?? range.from, range.from);
      if (from >= range.upto) continue;
      const duplicates = await this.duplicatesAt(session, stream, [{ partition, offset: from }]);
      try {
        await this.#decodeFromLog(session, stream, { ...range, from }, duplicates, async (decoded, batches) => {
          for (const { requests } of batches) await table.replayed(replaysIn(requests));
          if (decoded.dead.length === 0) return;
          const records = batches.flatMap((batch) => batch.records());
          const values = new Map(records.map((record) => [record.offset, record.value]));
          await table.add(decoded.dead.map((letter) => ({ ...letter, value: values.get(letter.offset) ?? null })));
        });
      } finally {
        await duplicates.close();
      }
    }
  }

  /** Counts of all records below a cut that the archive reaches. @throws STORE_CORRUPT, STORE_GAP */
  async counts(session: Session, cut: Position): Promise<Counts> {
    let counts = noCounts;
    for (const { stream, partition, offset } of places(cut)) {
      const segments = await this.segments(stream, partition);
      for (const segment of segments.filter((each) => each.from < offset)) {
        // only a file that the cut divides is opened
        if (segment.upto > offset) await this.#checkFile(segment);
        counts = addCounts(counts, await countsOf(session, this.#store, segments, segment, 0, offset));
      }
    }
    return counts;
  }

  /**
   * The state of duplicate suppression at these places of a stream. The caller closes it.
   * @param entries a chain that ends there: what it tells need not be read from the log again
   * @throws STORE_CORRUPT, STORE_GAP; LOG_RANGE where neither archive nor log has an offset any more
   */
  async duplicatesAt(
    session: Session,
    stream: StreamDefinition,
    at: readonly { readonly partition: number; readonly offset: number }[],
    entries: readonly Entry[] = [],
  ): Promise<Duplicates> {
    const duplicates = new Duplicates(stream.dedupMs, new Spill(this.#store.scratch("ids")));
    /** How far the archive of each partition reached when it was looked at. */
    const reached = new Map<number, number>();
    try {
      for (const { partition, offset } of at) {
        const segments = await this.segments(stream.name, partition);
        const check = (segment: Segment) => this.#check(stream, [segment]);
        await rememberArchived({ session, store: this.#store, stream, partition, segments, check }, offset, duplicates);
        const archived = segments.at(-1)?.upto ?? this.#originAt(stream.name, partition);
        reached.set(partition, archived);
        const from = rememberTold(stream, partition, entries, archived, duplicates);
        const tail = { stream: stream.name, partition, from, upto: offset };
        if (from >= offset) continue;
        // requests are known by their records' headers alone
        if (stream.dedupMs === null)
          await this.#readFromLog(stream, tail, async (batches) => void duplicates.judge(batches, null));
        else await this.#decodeFromLog(session, stream, tail, duplicates, async () => undefined);
      }
      return duplicates;
    } catch (error) {
      await duplicates.close();
      // trimmed since it was looked at: then the archive reaches further by now
      const moved = async () => {
        for (const [partition, before] of reached)
          if ((await this.archivedTo(stream.name, partition)) > before) return true;
        return false;
      };
      if (isCode(error, "LOG_RANGE") && (await moved())) return this.duplicatesAt(session, stream, at, entries);
      throw error;
    }
  }

  async #check(stream: StreamDefinition, segments: readonly Segment[]): Promise<void> {
    for (const segment of segments) {
      if (segment.decoder !== decoderOf(stream)) {
        if (!segment.fields) {
          throw new TidemarkError(
            "CONFIG_STREAM",
            `the fields of stream "${stream.name}" have changed, and ${segment.file.name} does not say what they were`,
            "put the old fields back, or use another data folder with --data",
          );
        }
        checkEvolution(stream, segment.fields, `as archived in ${segment.file.name}`);
      }
      // by name: two partitions may hold the same bytes, and one of the files be damaged
      if (this.#checked.has(segment.file.name)) continue;
      await this.#checkFile(segment);
      this.#checked.add(segment.file.name);
    }
  }

  async #checkFile({ stream, partition, from, upto, file }: Segment): Promise<void> {
    try {
      await this.#store.check(file);
    } catch (error) {
      if (!isCode(error, "STORE_CORRUPT", "STORE_MISSING")) throw error;
      throw new TidemarkError(
        error.code,
        `${file.name} is ${error.code === "STORE_MISSING" ? "missing" : "damaged"}: it is the archive of ${stream} partition ${partition}, offsets ${from} to ${upto}`,
        "make it again, as long as the log still holds these offsets: tidemark repair; else restore it from a copy",
        { file: file.name, stream, partition, from, upto },
        error,
      );
    }
  }

  /** What the archive did not hold when it was looked at. The log may have been trimmed since: then the archive holds it by now. */
  async #tail(session: Session, stream: StreamDefinition, range: Range, ordered: boolean): Promise<string> {
    try {
      return await this.#fromLog(session, stream, range, ordered);
    } catch (error) {
      if (!isCode(error, "LOG_RANGE") || (await this.archivedTo(stream.name, range.partition)) <= range.from)
        throw error;
      return this.events(session, stream, [range], ordered);
    }
  }

  async #fromLog(session: Session, stream: StreamDefinition, range: Range, ordered: boolean): Promise<string> {
    const table = `tail_${stream.name}_${range.partition}_${range.from}_${range.upto}`;
    await session.run(`CREATE OR REPLACE TEMP TABLE ${quoteName(table)} AS ${noEvents(stream, ordered)}`);
    const duplicates = await this.duplicatesAt(session, stream, [{ partition: range.partition, offset: range.from }]);
    try {
      await this.#decodeFromLog(session, stream, range, duplicates, async (decoded) => {
        await session.run(`INSERT INTO ${quoteName(table)} ${await decoded.select({ ordered })}`);
      });
    } finally {
      await duplicates.close();
    }
    return `SELECT * FROM ${quoteName(table)}`;
  }

  /** @param use gets what was decoded, in order */
  async #decodeFromLog(
    session: Session,
    stream: StreamDefinition,
    range: Range,
    duplicates: Duplicates,
    use: (decoded: Decoded, batches: readonly RecordBatch[]) => Promise<void>,
  ): Promise<void> {
    const decoder = new Decoder(session, stream);
    await this.#readFromLog(stream, range, async (batches) => {
      const decoded = await decoder.decode(batches, duplicates);
      await use(decoded, batches);
      await decoded.drop();
    });
  }

  /** @param use gets the range's records, in order. @throws LOG_RANGE */
  async #readFromLog(
    stream: StreamDefinition,
    range: Range,
    use: (batches: readonly RecordBatch[]) => Promise<void>,
  ): Promise<void> {
    const reader = await this.#log.read(logStream(stream), new Map([[range.partition, range.from]]));
    try {
      for (let at = range.from; at < range.upto; ) {
        const batches = await reader.next(bytesAtATime, 10_000);
        const last = batches.at(-1);
        if (!last) {
          throw new TidemarkError(
            "LOG_RANGE",
            `${stream.name} partition ${range.partition}: the log gave nothing from offset ${at} on, and ${range.upto} was expected`,
            "is the log complete and reachable?",
          );
        }
        at = last.upto;
        await use(clipBatches(batches, range.upto));
      }
    } finally {
      await reader.close();
    }
  }
}

function* replaysIn(requests: Iterable<{ readonly request: string }>): Generator<string> {
  for (const { request } of requests) if (request.startsWith(replayPrefix)) yield request;
}
