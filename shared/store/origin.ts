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
 * The origin of every stream: read from the store, or written there at first contact (create-if-absent).
 *
 * @throws LOG_STREAM_MISSING when it was there and is not any more; LOG_PARTITIONS when the topic was recreated or has fewer or more
 *   partitions than it had
 */
export async function ensureOrigin(store: Store, log: Log, streams: readonly StreamDefinition[]): Promise<Position> {
  const found: Position[] = [];
  for (const stream of streams) {
    const name = layout.origin(stream.name);
    // what was there once is never made again: an empty one in its place would be another stream
    const known = await existsTwice(store, name);
    const now = known ? await ensureStill(log, stream) : await log.ensure(logStream(stream));
    const fresh: OriginFile = { stream: stream.name, topic: stream.topic, id: now.id, first: now.first };
    // whoever made it may not have got round to syncing its name
    if (known) await store.settle(layout.origins);
    else await createTwice(store, name, seal(fresh));
    const origin = await readOrigin(store, stream.name);
    if (origin.id !== now.id) {
      throw new TidemarkError(
        "LOG_PARTITIONS",
        `the log's "${stream.topic}" is not the one this data folder was made from (id ${now.id}, expected ${origin.id}): it was deleted and made again`,
        "use another data folder with --data for the new one",
      );
    }
    if (origin.first.length !== now.first.length) {
      throw new TidemarkError(
        "LOG_PARTITIONS",
        `"${stream.topic}" has ${now.first.length} partitions and had ${origin.first.length} at first contact`,
        "partitions can't be added in this version: use another data folder with --data",
      );
    }
    found.push(positionOf(origin.first.map((offset, partition) => ({ stream: stream.name, partition, offset }))));
  }
  return positionOf(found.flatMap(places));
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
      `the log has no "${stream.topic}" any more, and this data folder was made from it: it was deleted, or this is another log`,
      "restore it, or use another data folder with --data",
      { stream: stream.name, topic: stream.topic },
      error,
    );
  }
}

/** The log's end position over all partitions of these streams. */
export async function endOf(log: Log, streams: readonly StreamDefinition[]): Promise<Position> {
  const ends = await Promise.all(streams.map((stream) => log.end(logStream(stream))));
  return positionOf(
    streams.flatMap((stream, i) => ends[i]!.map((offset, partition) => ({ stream: stream.name, partition, offset }))),
  );
}

/**
 * Looks that no position in the store lies beyond the log's end: a log that lost its tail, or another log.
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
      );
    }
  }
}

/**
 * The newest version; version 0 (empty, its cut the origin) is made here where there is none, or none that can be read. Several that come
 * at once make one: they create the same number, and all but one find it there.
 */
export async function ensureVersion(
  store: Store,
  log: Log,
  makeDefinition: () => Promise<Definition>,
): Promise<VersionManifest> {
  // looked at first: what bears a number now, and no version does, is left over of one that is lost
  const number = await nextNumber(store);
  const newest = await newestVersion(store).catch(unlessCorrupt);
  if (newest) {
    await ensureOrigin(store, log, newest.definition.streams);
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
