/**
 * The records of the past as they lie: archive below, log above, joined by offset. Archive files are checked
 * (size and hash) before their first use.
 */
import type { StreamDefinition } from "../definition.ts";
import { isCode, TidemarkError } from "../errors.ts";
import { clipBatches } from "../log/batch.ts";
import type { Log, RecordBatch } from "../log/log.ts";
import { offsetAt, type Position, type Range } from "../position.ts";
import type { Segment } from "../store/layout.ts";
import { logStream } from "../store/origin.ts";
import { relationIn } from "../store/relation.ts";
import type { LocalFile, Store } from "../store/store.ts";
import type { Archive } from "./archive.ts";
import { checkEvolution } from "./evolution.ts";
import { decoderOf, readSegments } from "./segments.ts";

const bytesAtATime = 32 * 1024 * 1024;
/** A log that returns nothing for this long, of offsets that it has, counts as unreachable. */
const patienceMs = 10_000;

export class Records {
  readonly store: Store;
  readonly #log: Log;
  readonly #origin: Position;
  /** What was archived when it was read; null: it is read again for each question. */
  readonly #archive: Archive | null;
  /** By name: two partitions may hold the same bytes, and one of the files be damaged. */
  readonly #checked: Set<string>;

  constructor(store: Store, log: Log, origin: Position, archive: Archive | null = null, checked = new Set<string>()) {
    this.store = store;
    this.#log = log;
    this.#origin = origin;
    this.#archive = archive;
    this.#checked = checked;
  }

  /** The same records, by what was archived when it was read: what lies above that is read from the log. */
  over(archive: Archive | null): Records {
    return new Records(this.store, this.#log, this.#origin, archive, this.#checked);
  }

  /** The segments of one partition. @throws STORE_GAP, STORE_CORRUPT */
  async segments(stream: string, partition: number): Promise<readonly Segment[]> {
    if (this.#archive) return this.#archive.of(stream, partition);
    return readSegments(this.store, stream, partition, this.originAt(stream, partition));
  }

  /** How far the archive of a partition reaches. */
  async archivedTo(stream: string, partition: number): Promise<number> {
    return (await this.segments(stream, partition)).at(-1)?.upto ?? this.originAt(stream, partition);
  }

  /** A partition that was added later begins at 0. */
  originAt(stream: string, partition: number): number {
    return offsetAt(this.#origin, stream, partition) ?? 0;
  }

  /**
   * Of segments with these fields, or others that can become them. @throws CONFIG_STREAM, STORE_CORRUPT,
   * STORE_MISSING
   */
  async check(stream: StreamDefinition, segments: readonly Segment[]): Promise<void> {
    for (const segment of segments) {
      if (segment.decoder !== decoderOf(stream)) {
        if (!segment.fields) {
          throw new TidemarkError(
            "CONFIG_STREAM",
            `the fields of stream "${stream.name}" have changed, and ${segment.file.name} does not say what they were`,
            "put the old fields back, or use another data folder with --data",
          );
        }
        checkEvolution(stream, { fields: segment.fields }, `as archived in ${segment.file.name}`);
      }
      await this.#open(segment);
    }
  }

  /** A segment's rows as a relation; its file is checked once. @throws STORE_CORRUPT, STORE_MISSING */
  async rowsOf(segment: Segment): Promise<string> {
    const [opened] = await this.open([segment]);
    return relationIn([opened!]);
  }

  /** The files of segments, each checked once. @throws STORE_CORRUPT, STORE_MISSING */
  async open(segments: readonly Segment[]): Promise<readonly LocalFile[]> {
    const opened: LocalFile[] = [];
    for (const segment of segments) opened.push(await this.#open(segment));
    return opened;
  }

  async #open({ stream, partition, from, upto, file }: Segment): Promise<LocalFile> {
    try {
      return (await this.store.open([file], this.#checked))[0]!;
    } catch (error) {
      if (!isCode(error, "STORE_CORRUPT", "STORE_MISSING")) throw error;
      throw new TidemarkError(
        error.code,
        `${file.name} is ${error.code === "STORE_MISSING" ? "missing" : "damaged"}: it is the archive of ${stream} partition ${partition}, offsets ${from} to ${upto}`,
        "rebuild it while the log still holds these offsets: tidemark repair; else restore it from a backup",
        { file: file.name, stream, partition, from, upto },
        error,
      );
    }
  }

  /**
   * @param use gets the range's records from the log, in order
   * @param bytesMax of records at a time
   * @throws LOG_RANGE where the log does not hold one of them any more; LOG_UNREACHABLE where it gives none
   */
  async readLog(
    stream: StreamDefinition,
    range: Range,
    use: (batches: readonly RecordBatch[]) => Promise<void>,
    bytesMax = bytesAtATime,
  ): Promise<void> {
    const reader = await this.#log.read(logStream(stream), new Map([[range.partition, range.from]]));
    try {
      for (let at = range.from; at < range.upto; ) {
        const batches = await reader.next(bytesMax, patienceMs);
        const last = batches.at(-1);
        if (!last) throw noRecords(stream, range, at);
        at = last.upto;
        await use(clipBatches(batches, range.upto));
      }
    } finally {
      await reader.close();
    }
  }
}

/** The log has these offsets by its own account, and returns none of them. */
export function noRecords(stream: StreamDefinition, { partition, upto }: Range, at: number): TidemarkError {
  return new TidemarkError(
    "LOG_UNREACHABLE",
    `stream ${stream.name} partition ${partition}: the log returned nothing from offset ${at} for ` +
      `${patienceMs / 1000} s, though it ends at ${upto}`,
    "check that the log is up and reachable; the work is retried",
    { stream: stream.name, partition, offset: at },
  );
}
