/** All streams that can be read, each for itself: what is wrong with one leaves the others' archives growing. */
import type { StreamDefinition } from "../shared/definition.ts";
import type { TidemarkError } from "../shared/errors.ts";
import type { Log } from "../shared/log/log.ts";
import { ofStreams, type Position, places, positionOf } from "../shared/position.ts";
import { checkWithinLog, endsOf, isOfStream, originsOf } from "../shared/store/origin.ts";
import type { Store } from "../shared/store/store.ts";
import { type Archiver, archive } from "./archive.ts";

/** What of a log can be read. */
export interface Readable {
  /** Of every partition of every stream, also of those that are not read. */
  readonly origin: Position;
  readonly streams: readonly StreamDefinition[];
  /** Where these streams end. */
  readonly end: Position;
  /** Why the others are not read. */
  readonly stopped: ReadonlyMap<string, TidemarkError>;
}

/**
 * @param known a position of the store: the log must reach it
 * @throws the first one's trouble where no stream can be read
 */
export async function readable(
  store: Store,
  log: Log,
  streams: readonly StreamDefinition[],
  known: Position,
): Promise<Readable> {
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

/**
 * Archives the streams that can be read.
 * @returns also why others can't be
 * @throws the first one's trouble where none can be read
 */
export async function archiveStreams(
  archiver: Archiver,
  { streams, stopped: before }: Readable,
  upto: Position,
  onProgress?: (records: number) => void,
): Promise<{ readonly records: number; readonly stopped: ReadonlyMap<string, TidemarkError> }> {
  const stopped = new Map(before);
  let records = 0;
  let failed = 0;
  for (const stream of streams) {
    try {
      records += (await archive(archiver, [stream], upto, onProgress)).records;
    } catch (error) {
      if (!isOfStream(error)) throw error;
      stopped.set(stream.name, error);
      failed++;
    }
  }
  if (failed === streams.length) throw [...stopped.values()].at(-1)!;
  return { records, stopped };
}

function throwWhereAll(streams: readonly StreamDefinition[], stopped: ReadonlyMap<string, TidemarkError>): void {
  if (stopped.size > 0 && streams.every(({ name }) => stopped.has(name))) throw [...stopped.values()][0]!;
}
