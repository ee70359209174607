/** First contact with the log: origins, and version 0, which any role may make. */
import type { Definition, StreamDefinition } from "../definition.ts";
import { isCode, TidemarkError } from "../errors.ts";
import type { Log, LogOrigin, LogStream } from "../log/log.ts";
import { type Position, places, positionOf } from "../position.ts";
import { noCounts } from "./counts.ts";
import { layout, manifestFormat, type OriginFile, type VersionManifest } from "./layout.ts";
import { seal } from "./sealed.ts";
import type { Store } from "./store.ts";
import { createTwice, existsTwice, readTwice } from "./twice.ts";
import { newestVersion, nextNumber, unlessCorrupt } from "./versions.ts";

/** A stream as the log knows it. */
export function logStream(stream: StreamDefinition): LogStream {
  return { name: stream.name, topic: stream.topic, existing: stream.existing, partitions: stream.partitions };
}

/**
 * A stream's origin: read from the store, or written there at first contact (create-if-absent). Partitions that
 * were added since begin at 0.
 *
 * @throws LOG_COMPACTED; LOG_RANGE for a changelog whose beginning is gone; LOG_STREAM_MISSING when it was there
 *   and is not any more; LOG_PARTITIONS when the topic was recreated, has fewer partitions than it had, or has more
 *   and suppresses repeated ids: those would go to other partitions than before
 */
export async function originOf(store: Store, log: Log, stream: StreamDefinition): Promise<StreamOrigin> {
  const name = layout.origin(stream.name);
  // a stream that existed once is never created again: an empty one in its place would be another stream
  const known = await existsTwice(store, name);
  const now = known ? await ensureStill(log, stream) : await log.ensure(logStream(stream));
  if ((await log.settings(logStream(stream)))?.compacted) {
    throw new TidemarkError(
      "LOG_COMPACTED",
      `"${stream.topic}" is a compacted topic: Kafka removes records of it that may have been counted`,
      `set its cleanup.policy to delete, or let stream "${stream.name}" read another topic that keeps all records`,
      { stream: stream.name, topic: stream.topic },
    );
  }
  if (!known && stream.changelog && now.first.some((offset) => offset > 0)) {
    throw new TidemarkError(
      "LOG_RANGE",
      `"${stream.topic}" is a changelog whose beginning the log no longer holds: its rows can't be known`,
      "use the data folder whose archive has it, or another project name, whose changelogs begin anew",
      { stream: stream.name, topic: stream.topic },
    );
  }
  const fresh: OriginFile = { stream: stream.name, topic: stream.topic, id: now.id, first: now.first };
  // its creator may have been killed before it synced the name
  if (known) await store.settle(layout.origins);
  else await createTwice(store, name, seal(fresh));
  const { id, first } = await readOrigin(store, stream.name);
  const facts = { stream: stream.name, topic: stream.topic };
  if (id !== now.id) {
    throw new TidemarkError(
      "LOG_PARTITIONS",
      `the log's "${stream.topic}" is not the one this data folder was made from ` +
        `(id ${now.id}, expected ${id}): it was deleted and recreated`,
      "use another data folder with --data for the new one",
      facts,
    );
  }
  const [had, has] = [first.length, now.first.length];
  if (has < had) throw fewerPartitions(stream, has, had);
  if (has > had && stream.dedupMs !== null) {
    throw new TidemarkError(
      "LOG_PARTITIONS",
      `"${stream.topic}" has ${has} partitions and had ${had} at first contact, and stream "${stream.name}" ` +
        "suppresses repeated ids: an id may be in another partition now than before",
      `take dedup out of the stream and run batch, or use a new topic and another data folder (--data)`,
      facts,
    );
  }
  const origin = positionOf(
    now.first.map((_, partition) => ({ stream: stream.name, partition, offset: first[partition] ?? 0 })),
  );
  return { origin, partitions: had };
}

export interface StreamOrigin {
  /** The first offset of each partition that the stream has now. */
  readonly origin: Position;
  /**
   * How many it had at first contact. Producers keep to these: a key, and so a request that is sent again, stays
   * in its partition when others are added.
   */
  readonly partitions: number;
}

/** @param had how many there were */
export function fewerPartitions(stream: StreamDefinition, has: number, had: number): TidemarkError {
  return new TidemarkError(
    "LOG_PARTITIONS",
    `"${stream.topic}" has ${has} partitions and had ${had}: it was deleted and recreated`,
    "use another data folder with --data for the new one",
    { stream: stream.name, topic: stream.topic },
  );
}

/** The origin of every stream. @throws as `originOf` */
export async function ensureOrigin(store: Store, log: Log, streams: readonly StreamDefinition[]): Promise<Position> {
  const found: Position[] = [];
  for (const stream of streams) found.push((await originOf(store, log, stream)).origin);
  return positionOf(found.flatMap(places));
}

/**
 * The origins of all streams, and of those that are in trouble of their own why they can't be read; their
 * origins are the known ones.
 */
export async function originsOf(
  store: Store,
  log: Log,
  streams: readonly StreamDefinition[],
): Promise<{ readonly origin: Position; readonly stopped: ReadonlyMap<string, TidemarkError> }> {
  const found: Position[] = [];
  const stopped = new Map<string, TidemarkError>();
  for (const stream of streams) {
    try {
      found.push((await originOf(store, log, stream)).origin);
    } catch (error) {
      if (!isOfStream(error) || !(await existsTwice(store, layout.origin(stream.name)))) throw error;
      stopped.set(stream.name, error);
      const { first } = await readOrigin(store, stream.name);
      found.push(positionOf(first.map((offset, partition) => ({ stream: stream.name, partition, offset }))));
    }
  }
  if (stopped.size > 0 && stopped.size === streams.length) throw [...stopped.values()][0]!;
  return { origin: positionOf(found.flatMap(places)), stopped };
}

/** True for what is wrong with one stream alone: the others can be read all the same. */
export function isOfStream(error: unknown): error is TidemarkError {
  if (
    isCode(
      error,
      "LOG_RANGE",
      "LOG_STREAM_MISSING",
      "LOG_PARTITIONS",
      "LOG_COMPACTED",
      "LOG_CORRUPT",
      "STORE_BEYOND_LOG",
    )
  )
    return true;
  // of its archive, or of its part of the log
  return (
    isCode(error, "LOG_UNREACHABLE", "STORE_GAP", "STORE_CORRUPT", "STORE_MISSING") &&
    typeof error.facts.stream === "string"
  );
}

/** @throws STORE_CORRUPT, STORE_MISSING */
export async function readOrigin(store: Store, stream: string): Promise<OriginFile> {
  const name = layout.origin(stream);
  const origin = await readTwice<OriginFile>(store, name);
  if (!origin) throw new TidemarkError("STORE_MISSING", `${name} is missing from the store`, "restore it from a copy");
  return origin;
}

/** The stream as it is now, which was there before. @throws LOG_STREAM_MISSING */
async function ensureStill(log: Log, stream: StreamDefinition): Promise<LogOrigin> {
  try {
    return await log.ensure({ ...logStream(stream), existing: true });
  } catch (error) {
    if (!isCode(error, "LOG_STREAM_MISSING")) throw error;
    throw new TidemarkError(
      "LOG_STREAM_MISSING",
      `the log no longer has "${stream.topic}", from which this data folder was made: ` +
        "it was deleted, or this is another log",
      "restore it, or use another data folder with --data",
      { stream: stream.name, topic: stream.topic },
      error,
    );
  }
}

/** Where the streams end; for each that can't be read, why. @throws what is not one stream's own trouble */
export async function endsOf(
  log: Log,
  streams: readonly StreamDefinition[],
): Promise<{ readonly end: Position; readonly stopped: ReadonlyMap<string, TidemarkError> }> {
  const stopped = new Map<string, TidemarkError>();
  const ends = await Promise.all(
    streams.map((stream) =>
      endOf(log, [stream]).catch((error: unknown) => {
        if (!isOfStream(error)) throw error;
        stopped.set(stream.name, error);
        return {};
      }),
    ),
  );
  return { end: positionOf(ends.flatMap(places)), stopped };
}

/** The log's end position over all partitions of these streams. */
export async function endOf(log: Log, streams: readonly StreamDefinition[]): Promise<Position> {
  const ends = await Promise.all(streams.map((stream) => log.end(logStream(stream))));
  return positionOf(
    streams.flatMap((stream, i) => ends[i]!.map((offset, partition) => ({ stream: stream.name, partition, offset }))),
  );
}

/**
 * Checks that no position in the store lies beyond the log's end: then the log lost its tail, or is another one.
 * @throws STORE_BEYOND_LOG naming the partition
 */
export function checkWithinLog(position: Position, end: Position): void {
  for (const { stream, partition, offset } of places(position)) {
    const last = end[stream]?.[partition];
    if (last !== undefined && last < offset) {
      throw new TidemarkError(
        "STORE_BEYOND_LOG",
        `the store knows ${stream} partition ${partition} up to offset ${offset}, but the log ends at ${last}`,
        "the log lost events or is another one: restore it, or start over with another data folder (--data)",
        { stream, partition },
      );
    }
  }
}

/**
 * The newest version; version 0 (empty, its cut the origin) is made here where there is none, or none that can
 * be read. Several that come at once make one: they create the same number, and all but one find it there.
 */
export async function ensureVersion(
  store: Store,
  log: Log,
  makeDefinition: () => Promise<Definition>,
): Promise<VersionManifest> {
  // read first: a number that is in use now, though no version has it, is left over from a lost version
  const number = await nextNumber(store);
  const newest = await newestVersion(store).catch(unlessCorrupt);
  if (newest) {
    await originsOf(store, log, newest.definition.streams);
    return newest;
  }
  const definition = await makeDefinition();
  const origin = await ensureOrigin(store, log, definition.streams);
  const first: VersionManifest = {
    number,
    format: manifestFormat,
    createdAt: new Date().toISOString(),
    cause: "origin",
    definition,
    origin,
    cut: origin,
    views: Object.fromEntries(definition.views.map((view) => [view.name, { file: null, rows: 0 }])),
    ...noCounts,
    proof: { state: "unproved", by: "the empty version", views: 0 },
  };
  await createTwice(store, layout.version(number), seal(first));
  return (await newestVersion(store))!;
}
