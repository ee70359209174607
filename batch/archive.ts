/** log → archive: every record read becomes a row of a typed Parquet file, and the files tile the log by offset. */
import { randomUUID } from "node:crypto";
import type { Archive } from "../shared/archive/archive.ts";
import { noRecords, type Records } from "../shared/archive/records.ts";
import { clockAt } from "../shared/archive/segment-rows.ts";
import { archivedTypes, decoderOf, dedupOf } from "../shared/archive/segments.ts";
import { Decoder } from "../shared/decode/decode.ts";
import { placeTable } from "../shared/decode/place-tables.ts";
import type { StreamDefinition } from "../shared/definition.ts";
import { quoteName, quoteText, type Session } from "../shared/duckdb/duck.ts";
import { isCode, TidemarkError } from "../shared/errors.ts";
import { clipBatches } from "../shared/log/batch.ts";
import type { Log } from "../shared/log/log.ts";
import { ofStreams, type Position, places } from "../shared/position.ts";
import { openState, type StatePlace } from "../shared/state/open.ts";
import { type Suppression, suppression } from "../shared/state/suppression.ts";
import { layout, type Segment } from "../shared/store/layout.ts";
import { logStream } from "../shared/store/origin.ts";
import { relationOf } from "../shared/store/relation.ts";
import { seal } from "../shared/store/sealed.ts";
import type { FileRef, Store } from "../shared/store/store.ts";
import { createTwice, replaceTwice } from "../shared/store/twice.ts";

const defaultRecordsPerFile = 1_000_000;
const defaultBytesPerFile = 128 * 1024 * 1024;
const bytesPerRead = 16 * 1024 * 1024;

export interface Archiver {
  readonly store: Store;
  readonly log: Log;
  readonly records: Records;
  readonly session: Session;
  /**
   * False once a version with other fields of the stream is published: that version relies on everything from its cut
   * on being archived with its own fields.
   */
  readonly current?: (stream: StreamDefinition) => Promise<boolean>;
  /** A file closes at this many records (one million by default), or where the range ends; never by the clock. */
  readonly recordsPerFile?: number;
  /** A file closes at this many bytes of records; 128 MiB by default. */
  readonly bytesPerFile?: number;
}

/** The archive after a run, and how many records the run added. */
export interface ArchiveResult {
  readonly archive: Archive;
  readonly records: number;
}

/**
 * Archives the log up to `upto`; what is archived already stays.
 * Concurrent runs are safe: a stretch belongs to the run that creates its manifest first.
 *
 * @param before the archive as it was last read
 * @param onProgress called with the number of records archived since the last call
 * @returns the archive afterwards
 * @throws LOG_RANGE when the log no longer holds an offset that was never archived: events are lost, loudly
 */
export async function archive(
  archiver: Archiver,
  before: Archive,
  streams: readonly StreamDefinition[],
  upto: Position,
  onProgress: (records: number) => void = () => undefined,
): Promise<ArchiveResult> {
  let done: ArchiveResult = { archive: await before.withAdded(archiver.store, upto), records: 0 };
  for (const stream of streams) {
    for (const { partition, offset } of places(ofStreams(upto, [stream.name])))
      done = await archivePartition(archiver, done, stream, { partition, offset }, onProgress);
  }
  return done;
}

async function archivePartition(
  archiver: Archiver,
  done: ArchiveResult,
  stream: StreamDefinition,
  { partition, offset: target }: { readonly partition: number; readonly offset: number },
  onProgress: (records: number) => void,
): Promise<ArchiveResult> {
  const { store, session } = archiver;
  let { archive, records } = done;
  let duplicates: Suppression | null = null;
  try {
    for (let from = archive.upto(stream.name, partition); from < target; from = archive.upto(stream.name, partition)) {
      duplicates ??= await openDuplicates(archiver.records.over(archive), session, stream, { partition, offset: from });
      const stretch = { stream, partition, from, target, duplicates, replaces: null };
      const segment = await archiveStretch(archiver, stretch, onProgress).catch(async (error: unknown) => {
        // another run has archived it meanwhile, and the log was trimmed: nothing is lost
        if (
          isCode(error, "LOG_RANGE") &&
          (await archive.again(store, stream.name, partition)).upto(stream.name, partition) > from
        )
          return null;
        throw error;
      });
      if (segment) {
        archive = archive.with(segment);
        records += segment.rows;
        continue;
      }
      // another run has archived on meanwhile, and what counts from there on depends on its records
      archive = await archive.again(store, stream.name, partition);
      await duplicates.close();
      duplicates = null;
    }
  } finally {
    await duplicates?.close();
  }
  return { archive, records };
}

function openDuplicates(
  records: Records,
  session: Session,
  stream: StreamDefinition,
  place: StatePlace,
): Promise<Suppression> {
  return openState(suppression, { records, session, stream }, [place]);
}

interface Stretch {
  readonly stream: StreamDefinition;
  readonly partition: number;
  readonly from: number;
  readonly target: number;
  /** The state after the records below `from`. */
  readonly duplicates: Suppression;
  /** The damaged segment to replace, by a single file over the same offsets; null: the stretch is new. */
  readonly replaces: Segment | null;
}

/**
 * Rewrites a segment whose file is damaged from the log: the same offsets, decoded by the same rules.
 * @throws LOG_RANGE when the log no longer holds them; CONFIG_STREAM when the segment was decoded by other rules
 */
export async function archiveAgain(archiver: Archiver, stream: StreamDefinition, damaged: Segment): Promise<Segment> {
  const { partition, from, upto } = damaged;
  if (damaged.decoder !== decoderOf(stream)) {
    throw new TidemarkError(
      "CONFIG_STREAM",
      `${damaged.file.name} was archived with other fields of stream "${stream.name}"`,
      "restore the file from a backup",
    );
  }
  const { records, session } = archiver;
  const duplicates = await openDuplicates(records, session, stream, { partition, offset: from });
  try {
    const stretch = { stream, partition, from, target: upto, duplicates, replaces: damaged };
    return (await archiveStretch(archiver, stretch, () => undefined))!;
  } finally {
    await duplicates.close();
  }
}

/**
 * Records the offsets from the archive's end up to `upto` as lost: a segment without rows. False: another run
 * was first.
 */
export async function archiveLoss(
  archiver: Archiver,
  stream: StreamDefinition,
  partition: number,
  from: number,
  upto: number,
): Promise<boolean> {
  const segment: Segment = {
    stream: stream.name,
    partition,
    from,
    upto,
    file: await emptyFile(archiver, stream, partition, from, upto),
    rows: 0,
    dead: 0,
    duplicates: 0,
    late: 0,
    lost: true,
    requests: [],
    dedup: dedupOf(stream),
    ...kindOf(stream),
    latest: 0,
    clock: clockAt(await archiver.records.segments(stream.name, partition), from),
  };
  return createTwice(archiver.store, layout.segment(stream.name, partition, from), seal(segment));
}

/** Rewrites the file of a lost stretch, which is known to hold no rows. */
export async function archiveLossAgain(archiver: Archiver, stream: StreamDefinition, damaged: Segment): Promise<void> {
  const { partition, from, upto } = damaged;
  const file = await emptyFile(archiver, stream, partition, from, upto);
  const { nested: _, ...rest } = damaged;
  const again: Segment = { ...rest, file, ...kindOf(stream) };
  await replaceTwice(archiver.store, layout.segment(stream.name, partition, from), seal(again));
  await archiver.store.remove(damaged.file.name);
}

async function emptyFile(
  { store, session }: Archiver,
  stream: StreamDefinition,
  partition: number,
  from: number,
  upto: number,
): Promise<FileRef> {
  const run = randomUUID().slice(0, 8);
  const rows = await createRows(session, stream, partition, run);
  try {
    return await writeSegment(store, session, rows, layout.segmentFile(stream.name, partition, from, upto, run), 0);
  } finally {
    await session.run(`DROP TABLE IF EXISTS ${rows}`);
  }
}

/** How a segment's file is to be read. */
function kindOf(stream: StreamDefinition): Pick<Segment, "decoder" | "fields" | "nested"> {
  const { nested } = archivedTypes(stream.fields);
  return { decoder: decoderOf(stream), fields: stream.fields, ...(nested ? { nested } : {}) };
}

/** A table with the columns of an archive file. */
async function createRows(session: Session, stream: StreamDefinition, partition: number, run: string): Promise<string> {
  const rows = quoteName(`archive_${stream.name}_${partition}_${run}`);
  const { types } = archivedTypes(stream.fields);
  const columns = [
    ...stream.fields.map((field, i) => `${quoteName(field.name)} ${types[i]!}`),
    "__offset BIGINT",
    "__timestamp TIMESTAMP",
    "__key BLOB",
    "__raw BLOB",
    "__request VARCHAR",
    "__sequence BIGINT",
    "__fault VARCHAR",
  ];
  await session.run(`CREATE TEMP TABLE ${rows} (${columns.join(", ")})`);
  return rows;
}

/** Archives one file's worth of records from `from` on; null when another run was first. */
async function archiveStretch(
  archiver: Archiver,
  stretch: Stretch,
  onProgress: (records: number) => void,
): Promise<Segment | null> {
  const { store, session } = archiver;
  const { stream, partition, from, duplicates } = stretch;
  const run = randomUUID().slice(0, 8);
  const rows = await createRows(session, stream, partition, run);
  duplicates.startSegment(partition);
  try {
    const { upto, count, latest, counts } = await readStretch(archiver, stretch, rows, onProgress);
    const name = layout.segmentFile(stream.name, partition, from, upto, run);
    const file = await writeSegment(store, session, rows, name, count);
    const segment: Segment = {
      stream: stream.name,
      partition,
      from,
      upto,
      file,
      rows: count,
      ...counts,
      ...kindOf(stream),
      latest,
      ...(await duplicates.remembered(session, partition, rows)),
    };
    return await publishSegment(archiver, stretch, segment);
  } finally {
    await session.run(`DROP TABLE IF EXISTS ${rows}`);
  }
}

/** What reading a stretch yields besides its rows. */
interface StretchSummary {
  readonly upto: number;
  readonly count: number;
  readonly latest: number;
  readonly counts: Pick<Segment, "dead" | "duplicates" | "late">;
}

/** Reads records into the table `rows` until they make a file. */
async function readStretch(
  archiver: Archiver,
  { stream, partition, from, target, duplicates, replaces }: Stretch,
  rows: string,
  onProgress: (records: number) => void,
): Promise<StretchSummary> {
  const { log, session, recordsPerFile = defaultRecordsPerFile, bytesPerFile = defaultBytesPerFile } = archiver;
  const [recordsMax, bytesMax] = replaces ? [Infinity, Infinity] : [recordsPerFile, bytesPerFile];
  const reader = await log.read(logStream(stream), new Map([[partition, from]]));
  const decoder = new Decoder(session, stream);
  let [at, count, bytes, latest] = [from, 0, 0, 0];
  const counts = { dead: 0, duplicates: 0, late: 0 };
  try {
    while (at < target && count < recordsMax && bytes < bytesMax) {
      const read = await reader.next(Math.min(bytesPerRead, bytesMax), 10_000);
      const batches = clipBatches(read, target, recordsMax - count);
      const last = batches.at(-1);
      if (!last) throw noRecords(stream, { stream: stream.name, partition, from, upto: target }, at);
      const decoded = await decoder.decode(batches);
      const suppressed = await duplicates.fold(batches, decoded);
      const places = await placeTable(session, batches, decoded.dead);
      await session.run(
        `INSERT INTO ${rows} SELECT d.* EXCLUDE (__fault), p.*, d.__fault FROM ${decoded.table} d POSITIONAL JOIN ${places} p`,
      );
      await session.run(`DROP TABLE ${places}`);
      await decoded.close();
      at = last.upto;
      counts.dead += decoded.dead.length;
      counts.duplicates += suppressed.duplicates;
      counts.late += suppressed.late;
      onProgress(batches.reduce((sum, batch) => sum + batch.count, 0));
      for (const batch of batches) {
        count += batch.count;
        bytes += batch.bytes;
        latest = batch.timestamps.reduce((max, each) => Math.max(max, each), latest);
      }
    }
  } finally {
    await reader.close();
  }
  return { upto: at, count, latest, counts };
}

/**
 * Publishes the segment's manifest; null when another run was first. @throws BATCH_STALE when the stream has
 * other fields
 */
async function publishSegment(
  { store, current }: Archiver,
  { stream, replaces }: Stretch,
  segment: Segment,
): Promise<Segment | null> {
  const { partition, from, file } = segment;
  if (current && !(await current(stream))) {
    await store.remove(file.name);
    throw new TidemarkError(
      "BATCH_STALE",
      `a version with other fields of stream "${stream.name}" was published meanwhile`,
      "nothing is lost: the next run archives with the new fields",
    );
  }
  const manifest = layout.segment(stream.name, partition, from);
  if (replaces) {
    await replaceTwice(store, manifest, seal(segment));
    await store.remove(replaces.file.name);
    return segment;
  }
  const mine = await createTwice(store, manifest, seal(segment));
  if (!mine) await store.remove(file.name);
  return mine ? segment : null;
}

/** Writes, publishes durably, and reads back: the log may forget what an archive file holds. */
async function writeSegment(
  store: Store,
  session: Session,
  rows: string,
  name: string,
  count: number,
): Promise<FileRef> {
  const scratch = store.scratch("segment.parquet");
  await session.run(`COPY ${rows} TO ${quoteText(scratch)} (FORMAT parquet, COMPRESSION zstd)`);
  const file = await store.publish(scratch, name, { durable: true });
  const fingerprint = async (from: string) =>
    (await session.read(`SELECT count(*), sum(hash(__row)) FROM ${from} AS __row`)).getRowsJson()[0];
  const [written, found] = [await fingerprint(rows), await fingerprint(await relationOf(store, [file]))];
  if (JSON.stringify(written) !== JSON.stringify(found)) {
    await store.remove(name);
    throw new TidemarkError(
      "STORE_CORRUPT",
      `${name}: the file read back differs from the ${count} records written`,
      "check the disk; nothing was published, and the log keeps these events",
    );
  }
  return file;
}
