/** What is wrong with the archive, and what of it can be put right: damaged files from the log, lost offsets only by accepting the loss. */
import { Archive } from "../shared/archive/archive.ts";
import { Records } from "../shared/archive/records.ts";
import type { StreamDefinition } from "../shared/definition.ts";
import { Duck } from "../shared/duckdb/duck.ts";
import { isCode, type TidemarkError } from "../shared/errors.ts";
import { furthest, offsetAt, ofStreams, type Position, places, type Range } from "../shared/position.ts";
import { damagesOf } from "../shared/store/damage.ts";
import { layout, type Segment } from "../shared/store/layout.ts";
import { checkWithinLog, logStream } from "../shared/store/origin.ts";
import { bestSnapshot, lostVersions, newestVersion, unlessCorrupt } from "../shared/store/versions.ts";
import { type Archiver, archiveAgain, archiveLoss, archiveLossAgain } from "./archive.ts";
import { readable } from "./archive-streams.ts";
import type { Batch, BatchResult } from "./batch.ts";
import { mendAll } from "./mending.ts";
import { runBatch } from "./run.ts";
import { damagedViews } from "./situation.ts";

export interface Repaired {
  /** Files that are kept twice, made again from the other one of the two. */
  readonly mended: readonly string[];
  /** Archive files that the log has told again. */
  readonly remade: readonly Range[];
  /** Archive files that are damaged, and why they stay so. */
  readonly damaged: readonly (Range & { readonly why: string })[];
  /** Offsets that neither archive nor log have: nothing goes on beyond them. */
  readonly missing: readonly Range[];
  /** Offsets that somebody has accepted as lost, now or before. */
  readonly lost: readonly Range[];
  /** Of those accepted now: their events, some at least, are in the answers, for speed had seen them. */
  readonly answered: readonly Range[];
  /** The version with views that were damaged, made again, or in place of one that can't be read; null where there was no need. */
  readonly views: BatchResult | null;
}

/**
 * @param acceptLoss offsets that are missing are lost from here on; an archive run that is under way may still hold them, so let none be
 * @throws LOG_PARTITIONS, LOG_STREAM_MISSING, STORE_BEYOND_LOG where the log is not the one of this store; STORE_GAP
 */
export async function repair(batch: Batch, acceptLoss: boolean): Promise<Repaired | null> {
  const { store, log } = batch;
  const mended = await mendAll(store, () => undefined);
  const lost = (await lostVersions(store)).length > 0;
  const newest = await newestVersion(store).catch(unlessCorrupt);
  if (!newest && !lost) return null;
  if (!newest) {
    // by the project's files, as at first contact
    const views = await runBatch(batch);
    return { ...((await repair(batch, acceptLoss)) as Repaired), mended, views };
  }
  const { definition } = newest;
  const known = furthest(newest.cut, newest.origin);
  const { origin, streams, end } = await readable(store, log, definition.streams, known);
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
  // what an unfinished rebuild has read from the log may be of what is lost now
  if (acceptLoss && found.lost.length > 0) await store.remove(layout.rebuilds);
  return { ...found, views: lost && !isBroken(found) ? await runBatch(batch) : await runRepair(batch) };
}

type Found = { [key in Exclude<keyof Repaired, "views">]: Repaired[key][number][] };

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

/** @param answered what answers cover before */
async function acceptMissing(
  archiver: Archiver,
  stream: StreamDefinition,
  answered: Position,
  found: Found,
): Promise<void> {
  for (const missing of found.missing.splice(0)) {
    const { partition, from, upto } = missing;
    // where it is not accepted here, another run was first: with its events, or as lost
    if (!(await archiveLoss(archiver, stream, partition, from, upto))) continue;
    found.lost.push(missing);
    if ((offsetAt(answered, stream.name, partition) ?? 0) > from) found.answered.push(missing);
  }
}

/** No version can be made then. */
function isBroken({ damaged, missing }: Found): boolean {
  return damaged.length + missing.length > 0;
}

function rangeOf({ stream, partition, from, upto }: Segment): Range {
  return { stream, partition, from, upto };
}

function whyNot(error: unknown): string {
  // also where what came before is damaged: what counted there is not known then
  if (isCode(error, "LOG_RANGE", "CONFIG_STREAM", "STORE_CORRUPT", "STORE_MISSING"))
    return (error as TidemarkError).line;
  throw error;
}

/**
 * Makes the views of the newest version again whose files readers found damaged, at its own cut and by its own definition. Null where
 * there are none.
 */
export async function runRepair(batch: Batch): Promise<BatchResult | null> {
  const { store } = batch;
  const newest = await newestVersion(store);
  if (!newest || (await damagesOf(store, newest.number)).length === 0) return null;
  if ((await damagedViews(store, newest, batch.say)).size === 0) {
    // the reader that reported it has read it wrongly
    await store.remove(layout.damagesOf(newest.number));
    return null;
  }
  return runBatch({ ...batch, makeDefinition: async () => newest.definition }, "repair");
}
