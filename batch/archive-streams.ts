/** Archives every stream that can be read; a stream that can't be read doesn't stop the others' archives. */
import { Archive } from "../shared/archive/archive.ts";
import { Records } from "../shared/archive/records.ts";
import { decoderOf } from "../shared/archive/segments.ts";
import type { StreamDefinition } from "../shared/definition.ts";
import { Duck } from "../shared/duckdb/duck.ts";
import type { TidemarkError } from "../shared/errors.ts";
import type { Log } from "../shared/log/log.ts";
import { ofStreams, type Position, places, positionOf, withAdded } from "../shared/position.ts";
import { checkWithinLog, endsOf, ensureVersion, isOfStream, originsOf } from "../shared/store/origin.ts";
import type { Store } from "../shared/store/store.ts";
import { newestVersion } from "../shared/store/versions.ts";
import { type ArchiveResult, type Archiver, archive } from "./archive.ts";
import type { Batch } from "./batch.ts";

/** The streams of a log that can be read, and why the others can't. */
export interface ReadableStreams {
  /** The first offset of every partition of every stream, including streams that are not read. */
  readonly origin: Position;
  readonly streams: readonly StreamDefinition[];
  /** Where these streams end. */
  readonly end: Position;
  /** Why the others are not read. */
  readonly stopped: ReadonlyMap<string, TidemarkError>;
}

/**
 * @param known a position of the store: the log must reach it
 * @throws the first stream's error when no stream can be read
 */
export async function readableStreams(
  store: Store,
  log: Log,
  streams: readonly StreamDefinition[],
  known: Position,
): Promise<ReadableStreams> {
  const { origin, stopped: noOrigin } = await originsOf(store, log, streams);
  const stopped = new Map(noOrigin);
  const { end, stopped: noEnd } = await endsOf(
    log,
    streams.filter(({ name }) => !stopped.has(name)),
  );
  for (const [name, error] of noEnd) stopped.set(name, error);
  for (const { name } of streams) {
    try {
      checkWithinLog(ofStreams(known, [name]), end);
    } catch (error) {
      if (!isOfStream(error)) throw error;
      stopped.set(name, error);
    }
  }
  throwWhereAll(streams, stopped);
  const added = places(ofStreams(known, Object.keys(origin))).map((place) => ({ ...place, offset: 0 }));
  const read = streams.filter(({ name }) => !stopped.has(name));
  return {
    origin: positionOf([...added, ...places(origin)]),
    streams: read,
    end: ofStreams(
      end,
      read.map(({ name }) => name),
    ),
    stopped,
  };
}

/** The archive after a run over all streams, and why some streams could not be read, or not to the end. */
export interface StreamsArchiveResult extends ArchiveResult {
  readonly stopped: ReadonlyMap<string, TidemarkError>;
}

/**
 * Archives the streams that can be read.
 * @param before what was archived when it was read
 * @throws the last stream's error when none could be archived
 */
export async function archiveStreams(
  archiver: Archiver,
  before: Archive,
  { streams, stopped: unread }: ReadableStreams,
  upto: Position,
  onProgress?: (records: number) => void,
): Promise<StreamsArchiveResult> {
  const stopped = new Map(unread);
  let [done, failed] = [{ archive: before, records: 0 }, 0];
  for (const stream of streams) {
    try {
      const { archive: reached, records } = await archive(archiver, done.archive, [stream], upto, onProgress);
      done = { archive: reached, records: done.records + records };
    } catch (error) {
      if (!isOfStream(error)) throw error;
      stopped.set(stream.name, error);
      failed++;
      // only the manifests record how far the failed stream got
      for (const { partition } of places(ofStreams(upto, [stream.name])))
        done = { ...done, archive: await done.archive.again(archiver.store, stream.name, partition) };
    }
  }
  if (failed === streams.length) throw [...stopped.values()].at(-1)!;
  return { ...done, stopped };
}

function throwWhereAll(streams: readonly StreamDefinition[], stopped: ReadonlyMap<string, TidemarkError>): void {
  if (stopped.size > 0 && streams.every(({ name }) => stopped.has(name))) throw [...stopped.values()][0]!;
}

/** Archives up to the log's end, without a new version. */
export async function runArchive(batch: Batch): Promise<number> {
  const { store, log, memoryLimit } = batch;
  const newest = await ensureVersion(store, log, batch.makeDefinition);
  const { streams, timezone } = newest.definition;
  using duck = await Duck.open({ memoryLimit, tempDir: store.scratch("spill"), timezone });
  using session = await duck.session();
  const known = withAdded(newest.origin, newest.cut);
  const before = await Archive.read(store, known);
  const from = await readableStreams(store, log, streams, before.uptoIn(known));
  const current = async (stream: StreamDefinition) => {
    const now = (await newestVersion(store))!.definition.streams.find(({ name }) => name === stream.name);
    return now !== undefined && decoderOf(now) === decoderOf(stream);
  };
  const archiver = { store, log, records: new Records(store, log, newest.origin), session, current };
  const all = await before.and(store, from.origin);
  const { records, stopped } = await archiveStreams(archiver, all, from, from.end, batch.onArchived);
  batch.onStopped?.(stopped);
  return records;
}
