/**
 * Finds damage in the archive and repairs it: damaged files are rewritten from the log; offsets that neither has are
 * lost, and have to be accepted as lost.
 */
import { Archive } from "../shared/archive/archive.ts";
import { Records } from "../shared/archive/records.ts";
import type { Definition, StreamDefinition } from "../shared/definition.ts";
import { Duck } from "../shared/duckdb/duck.ts";
import { isCode, type TidemarkError } from "../shared/errors.ts";
import { furthest, offsetAt, ofStreams, type Position, places, type Range } from "../shared/position.ts";
import { damagesOf } from "../shared/store/damage.ts";
import { layout, type Segment } from "../shared/store/layout.ts";
import { checkWithinLog, logStream } from "../shared/store/origin.ts";
import { isIntact } from "../shared/store/reference-tables.ts";
import type { Store } from "../shared/store/store.ts";
import { bestSnapshot, lostVersions, newestVersion, unlessCorrupt } from "../shared/store/versions.ts";
import { type Archiver, archiveAgain, archiveLoss, archiveLossAgain } from "./archive.ts";
import { readableStreams } from "./archive-streams.ts";
import type { Batch, BatchResult } from "./batch.ts";
import { mendAll } from "./mending.ts";
import { runBatch } from "./run.ts";
import { damagedViews } from "./situation.ts";

export interface RepairResult {
  /** Damaged files that were restored from their other copy. */
  readonly mended: readonly string[];
  /** Archive files that were rewritten from the log. */
  readonly remade: readonly Range[];
  /** Archive files that stay damaged, and why. */
  readonly damaged: readonly (Range & { readonly why: string })[];
  /** Offsets that neither archive nor log has; archiving stops before them. */
  readonly missing: readonly Range[];
  /** Offsets that an operator accepted as lost, now or before. */
  readonly lost: readonly Range[];
  /** Offsets accepted as lost now, of which the answers count at least some events, since speed had read them. */
  readonly answered: readonly Range[];
  /** The version that replaces damaged views or an unreadable version; null: none was needed. */
  readonly views: BatchResult | null;
}

/**
 * @param acceptLoss record missing offsets as lost; no archive run may be under way, since it may still hold them
 * @throws LOG_PARTITIONS, LOG_STREAM_MISSING, STORE_BEYOND_LOG when the log does not belong to this store; STORE_GAP
 */
export async function repair(batch: Batch, acceptLoss: boolean): Promise<RepairResult | null> {
  const { store, log } = batch;
  const mended = await mendAll(store, () => undefined);
  const lost = (await lostVersions(store)).length > 0;
  const newest = await newestVersion(store).catch(unlessCorrupt);
  if (!newest && !lost) return null;
  if (!newest) {
    // no version says how to decode, so the project's files do, as at first contact
    const views = await runBatch(batch);
    return { ...((await repair(batch, acceptLoss)) as RepairResult), mended, views };
  }
  const { definition } = newest;
  const renews = lost || !(await areIntact(store, definition));
  const known = furthest(newest.cut, newest.origin);
  const { origin, streams, end } = await readableStreams(store, log, definition.streams, known);
  const answered = (await bestSnapshot(store).catch(() => null))?.position ?? newest.cut;
  const found: Found = { mended, remade: [], damaged: [], missing: [], lost: [], answered: [] };
  const duck = await Duck.open({
    memoryLimit: batch.memoryLimit,
    tempDir: store.scratch("spill"),
    timezone: definition.timezone,
  });
  const session = await duck.session();
  try {
    const records = new Records(store, log, origin);
    const own = ofStreams(origin, Object.keys(end));
    checkWithinLog((await Archive.read(store, own)).uptoIn(own), end);
    const archiver: Archiver = { store, log, records, session };
    for (const stream of streams) {
      const first = await log.first(logStream(stream));
      for (const { partition } of places(origin).filter((place) => place.stream === stream.name)) {
        for (const segment of await records.segments(stream.name, partition))
          await repairSegment(archiver, stream, segment, found);
        const from = await records.archivedTo(stream.name, partition);
        const upto = first[partition] ?? 0;
        if (upto > from) found.missing.push({ stream: stream.name, partition, from, upto });
      }
      if (acceptLoss) await acceptMissing(archiver, stream, answered, found);
    }
  } finally {
    session.close();
    duck.close();
  }
  // an unfinished rebuild may have read events from the log that are lost now
  if (acceptLoss && found.lost.length > 0) await store.remove(layout.rebuilds);
  return { ...found, views: renews && !isBroken(found) ? await runBatch(batch) : await runRepair(batch) };
}

/** Whether the rows of all reference tables are as they were read. */
async function areIntact(store: Store, { references }: Definition): Promise<boolean> {
  for (const { file } of references) if (!(await isIntact(store, file))) return false;
  return true;
}

type Found = { [key in Exclude<keyof RepairResult, "views">]: RepairResult[key][number][] };

async function repairSegment(
  archiver: Archiver,
  stream: StreamDefinition,
  segment: Segment,
  found: Found,
): Promise<void> {
  if (segment.lost) found.lost.push(rangeOf(segment));
  try {
    await archiver.store.check(segment.file);
  } catch (error) {
    if (!isCode(error, "STORE_CORRUPT", "STORE_MISSING")) throw error;
    const again = segment.lost ? archiveLossAgain : archiveAgain;
    const why = await again(archiver, stream, segment).then(() => null, whyNot);
    if (why === null) found.remade.push(rangeOf(segment));
    else found.damaged.push({ ...rangeOf(segment), why });
  }
}

/** @param answered the position that answers cover */
async function acceptMissing(
  archiver: Archiver,
  stream: StreamDefinition,
  answered: Position,
  found: Found,
): Promise<void> {
  for (const missing of found.missing.splice(0)) {
    const { partition, from, upto } = missing;
    // false: another run was first, either with the events or recording the loss
    if (!(await archiveLoss(archiver, stream, partition, from, upto))) continue;
    found.lost.push(missing);
    if ((offsetAt(answered, stream.name, partition) ?? 0) > from) found.answered.push(missing);
  }
}

/** True when no version can be computed from the archive. */
function isBroken({ damaged, missing }: Found): boolean {
  return damaged.length + missing.length > 0;
}

function rangeOf({ stream, partition, from, upto }: Segment): Range {
  return { stream, partition, from, upto };
}

function whyNot(error: unknown): string {
  // also when earlier segments are damaged: the duplicates below are unknown then
  if (isCode(error, "LOG_RANGE", "CONFIG_STREAM", "STORE_CORRUPT", "STORE_MISSING"))
    return (error as TidemarkError).line;
  throw error;
}

/**
 * Recomputes the views of the newest version whose files readers have reported as damaged, at the version's own cut and
 * by its own definition. Null when there are none.
 */
export async function runRepair(batch: Batch): Promise<BatchResult | null> {
  const { store } = batch;
  const newest = await newestVersion(store);
  if (!newest || (await damagesOf(store, newest.number)).length === 0) return null;
  if ((await damagedViews(store, newest, batch.say)).size === 0) {
    // the files are intact: the reader that reported damage misread them
    await store.remove(layout.damagesOf(newest.number));
    return null;
  }
  return runBatch({ ...batch, makeDefinition: async () => newest.definition }, "repair");
}
