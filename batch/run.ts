/**
 * One batch run: pin → archive → recompute → prove → publish → clean.
 */

import { Archive } from "../shared/archive/archive.ts";
import { decoderOf } from "../shared/archive/segments.ts";
import { countsBelow } from "../shared/archive/stretch.ts";
import type { Definition, StreamDefinition } from "../shared/definition.ts";
import { Duck } from "../shared/duckdb/duck.ts";
import { isCode, messageOf, TidemarkError } from "../shared/errors.ts";
import { History } from "../shared/history/history.ts";
import type { Log } from "../shared/log/log.ts";
import {
  covers,
  equals,
  furthest,
  nearest,
  offsetAt,
  ofStreams,
  type Position,
  places,
  positionOf,
  withAdded,
} from "../shared/position.ts";
import { differencesOf } from "../shared/project/differences.ts";
import { type Counts, sumCounts } from "../shared/store/counts.ts";
import { damagesOf } from "../shared/store/damage.ts";
import type { Incidents } from "../shared/store/incidents.ts";
import { type Head, layout, manifestFormat, type VersionManifest, type ViewFile } from "../shared/store/layout.ts";
import { checkWithinLog, endOf, ensureVersion, logStream } from "../shared/store/origin.ts";
import { failureOf, filesOf } from "../shared/store/partials.ts";
import { pinAgain, unpin } from "../shared/store/pin.ts";
import type { FileRef, Store } from "../shared/store/store.ts";
import {
  lostVersions,
  newestVersion,
  readVersion,
  type Snapshot,
  snapshotOf,
  unlessCorrupt,
  versionNumbers,
} from "../shared/store/versions.ts";
import { archiveStreams, type Readable, readable } from "./archive-streams.ts";
import { checkArchivedAlike, checkFields } from "./changed-fields.ts";
import { clean } from "./clean.ts";
import { mendAll } from "./mending.ts";
import { publish } from "./publish.ts";
import { recompute } from "./recompute.ts";
import { type Settled, settleProof } from "./settle.ts";

export interface Batch {
  readonly store: Store;
  readonly log: Log;
  readonly makeDefinition: () => Promise<Definition>;
  readonly memoryLimit: string;
  readonly keepVersions: number;
  /** How long the embedded log keeps what is archived, ms. */
  readonly retentionMs: number;
  readonly now: () => number;
  readonly say: (line: string) => void;
  readonly onArchived?: (records: number) => void;
  /** Told after each archiving which streams can't be read on, and why; the others are. */
  readonly onStopped?: (stopped: ReadonlyMap<string, TidemarkError>) => void;
  /** Where views that are not well are told of. */
  readonly incidents: Incidents;
}

/** How long each step of a run took, ms. */
export type Timings = Record<"archive" | "recompute" | "prove" | "publish", number>;

export interface BatchResult {
  readonly manifest: VersionManifest;
  readonly timings: Timings;
  readonly archived: number;
}

/** A delta this close to the log's end (records, over all partitions) gives the cut; farther away it would only delay the view. */
const nearEnd = 500_000;
/** A writer says every second that it is alive; one that was not heard of for so long does not run. */
const silentMs = 30_000;

/**
 * How a run makes its version. full: all views anew, the truth that all else is checked by. incremental: from the newest version's
 * partials and the events since. definition: at the newest version's cut, for changed files; repair: there too, for damaged ones.
 */
export type Mode = "full" | "incremental" | "definition" | "repair";

/**
 * Archives, computes all views at one cut, and publishes a new version.
 * @throws CONFIG_STREAM when changed fields can't be read from older events; BATCH_UNPROVED when both layers disagree, BATCH_STALE when another run published further; nothing is published then
 */
export async function runBatch(batch: Batch, mode: Mode = "full"): Promise<BatchResult> {
  const { store, log } = batch;
  await mendAll(store, batch.say);
  const definition = await batch.makeDefinition();
  const newest = await ensureVersion(store, log, async () => definition);
  checkFields(definition, newest);
  const known = furthest(newest.cut, newest.origin);
  const from = await readable(
    store,
    log,
    definition.streams,
    ofStreams(
      known,
      definition.streams.map(({ name }) => name),
    ),
  );
  const { origin } = from;
  const run = store.newRun();
  const duck = await Duck.open({
    memoryLimit: batch.memoryLimit,
    tempDir: store.scratch("spill"),
    timezone: definition.timezone,
  });
  const session = await duck.session();
  const reader = new History(store, log, origin);
  const timings: Timings = { archive: 0, recompute: 0, prove: 0, publish: 0 };
  const timed = async <T>(step: keyof Timings, work: () => Promise<T>): Promise<T> => {
    const started = performance.now();
    try {
      return await work();
    } finally {
      timings[step] += performance.now() - started;
    }
  };
  const atCutOfNewest = mode === "definition" || mode === "repair";
  const [lost] = await lostVersions(store);
  let published = false;
  try {
    const archive = await Archive.read(store, origin);
    const archivedBefore = archive.uptoIn(origin);
    // the end is looked at after what is compared with it, since a live writer goes on
    const [pinned, end] = lost
      ? // it may have covered more than any other does
        [{ snapshot: null, reason: `version ${lost.number} can't be read` }, await knownEnd(log, from, archivedBefore)]
      : atCutOfNewest
        ? [
            { snapshot: null, reason: `it has the cut of version ${newest.number}` },
            await knownEnd(log, from, archivedBefore),
          ]
        : await pinNear(batch, newest, from, archivedBefore, run);
    checkWithinLog(archivedBefore, end);
    const cut = atCutOfNewest && !lost ? cutOf(newest, origin) : furthest(origin, pinned.snapshot?.position ?? end);
    const archived = await timed("archive", () =>
      archiveStreams({ store, log, records: reader.records, session }, archive, from, cut, batch.onArchived),
    );
    const { stopped, records } = archived;
    const history = reader.over(archived.archive);
    batch.onStopped?.(stopped);
    checkReached(archived.archive, stopped, cut);
    const base = mode === "full" ? null : await wholeOf(batch, newest);
    const made = await timed("recompute", () =>
      recompute({ store, history, session }, definition, origin, cut, run, base, (view, how, ms) =>
        batch.say(`view ${view}: ${how} (${Math.round(ms)} ms)`),
      ),
    );
    const counted = await countsBelow(history.records, session, cut);
    if (pinned.snapshot) checkNothingGone(archived.archive, pinned.snapshot, counted);
    if (pinned.snapshot) placeFailures(made, pinned.snapshot, definition);
    for (const [name, file] of Object.entries(made))
      if (file.failed) batch.say(`view ${name} FAILED and is not in this version: ${file.failed.message}`);
    const { snapshot } = pinned;
    const { files, proof }: Settled = snapshot
      ? await timed("prove", () =>
          settleProof({ store, history, session, definition, pinned: snapshot }, made, run, batch.say),
        )
      : { files: made, proof: { state: "unproved", by: pinned.reason, views: 0 } };
    await checkArchivedAlike(store, origin, definition, newest.definition, cut);
    // another run may have archived what is below the cut and not synced its names yet
    for (const { stream, partition } of places(cut)) await store.settle(layout.segments(stream, partition));
    const manifest = await timed("publish", () =>
      publish(batch, {
        format: manifestFormat,
        createdAt: new Date(batch.now()).toISOString(),
        cause: atCutOfNewest && !lost ? mode : "batch",
        definition,
        origin,
        cut,
        views: files,
        ...counted,
        proof,
      }),
    );
    published = true;
    await tidy(batch, archived.archive, manifest, from.streams);
    return { manifest, timings, archived: records };
  } finally {
    session.close();
    duck.close();
    await unpin(store, run);
    if (!published && !(await isNamed(store, run))) await store.remove(layout.versionFolder(run));
  }
}

/** True where a version that is kept names files of the run: what was published, and then overtaken, may be linked. */
async function isNamed(store: Store, run: string): Promise<boolean> {
  const folder = `${layout.versionFolder(run)}/`;
  for (const number of await versionNumbers(store)) {
    const manifest = await readVersion(store, number).catch(unlessCorrupt);
    if (Object.values(manifest?.views ?? {}).some(({ file }) => file?.name.startsWith(folder))) return true;
  }
  return false;
}

/** Archives up to the log's end, without a new version. */
export async function runArchive(batch: Batch): Promise<number> {
  const { store, log } = batch;
  const newest = await ensureVersion(store, log, batch.makeDefinition);
  const { streams } = newest.definition;
  const duck = await Duck.open({
    memoryLimit: batch.memoryLimit,
    tempDir: store.scratch("spill"),
    timezone: newest.definition.timezone,
  });
  const session = await duck.session();
  try {
    const history = new History(store, log, newest.origin);
    const known = withAdded(newest.origin, newest.cut);
    const archive = await Archive.read(store, known);
    const from = await readable(store, log, streams, archive.uptoIn(known));
    const current = async (stream: StreamDefinition) => {
      const now = streamIn((await newestVersion(store))!.definition, stream.name);
      return now !== undefined && decoderOf(now) === decoderOf(stream);
    };
    const { records, stopped } = await archiveStreams(
      { store, log, records: history.records, session, current },
      await archive.and(store, from.origin),
      from,
      from.end,
      batch.onArchived,
    );
    batch.onStopped?.(stopped);
    return records;
  } finally {
    session.close();
    duck.close();
  }
}

/**
 * The new version that changed files ask for, at the newest version's cut: what has not changed is linked, the rest computed from the
 * archive. Null where nothing changed, or where only a full run can tell (changed fields count from its own cut on).
 */
export async function runDefinition(batch: Batch): Promise<BatchResult | null> {
  const newest = await newestVersion(batch.store);
  // in place of one that can't be read, a run makes one up to the log's end
  if (!newest || newest.cause === "origin" || (await lostVersions(batch.store)).length > 0) return null;
  const definition = await batch.makeDefinition();
  if (differencesOf(definition, newest.definition).length === 0) return null;
  for (const stream of definition.streams) {
    const old = streamIn(newest.definition, stream.name);
    if (old && decoderOf(old) !== decoderOf(stream)) return null;
  }
  return runBatch({ ...batch, makeDefinition: async () => definition }, "definition");
}

/**
 * Makes the views of the newest version again whose files readers found damaged, at its own cut and by its own definition. Null where
 * there are none.
 */
export async function runRepair(batch: Batch): Promise<BatchResult | null> {
  const { store } = batch;
  const newest = await newestVersion(store);
  if (!newest || (await damagesOf(store, newest.number)).length === 0) return null;
  const whole = await wholeOf(batch, newest);
  if (Object.keys(whole.views).length === Object.keys(newest.views).length) {
    // whoever said so has read it wrongly
    await store.remove(layout.damagesOf(newest.number));
    return null;
  }
  return runBatch({ ...batch, makeDefinition: async () => newest.definition }, "repair");
}

/** The version without the views whose files are damaged. */
async function wholeOf({ store, say }: Batch, version: VersionManifest): Promise<VersionManifest> {
  const views: Record<string, ViewFile> = {};
  for (const [name, view] of Object.entries(version.views)) {
    try {
      if (view.file) await store.check(view.file);
      views[name] = view;
    } catch (error) {
      if (!isCode(error, "STORE_CORRUPT", "STORE_MISSING")) throw error;
      say(`view ${name}: ${error.message}; it is made again from the archive`);
    }
  }
  return { ...version, views };
}

/** True where the project's files differ from the newest version's definition. */
export async function isChanged({ store, makeDefinition }: Batch): Promise<boolean> {
  const newest = await newestVersion(store);
  return newest !== null && differencesOf(await makeDefinition(), newest.definition).length > 0;
}

/**
 * A stream that can't be read stands in a version where it stands in the answers, and the archive must have it up to there.
 * @throws the trouble of one of which it has not: without its events a version would take its answers back
 */
function checkReached(archive: Archive, stopped: ReadonlyMap<string, TidemarkError>, cut: Position): void {
  for (const [stream, error] of stopped) {
    const own = ofStreams(cut, [stream]);
    if (covers(archive.uptoIn(own), own)) continue;
    throw new TidemarkError(
      error.code,
      `no version can be made: stream ${stream} can't be read on, and the archive ends below its answers, which stay as they are: ${error.message}`,
      error.todo,
      { ...error.facts, stream },
      error,
    );
  }
}

/**
 * A log keeps what it has, or drops it from the front. What the delta had counted and the log does not hold any more in between is no fault of
 * the delta: told again, the same position would silently have another answer. A loss that somebody has accepted is none.
 * @throws LOG_RANGE
 */
function checkNothingGone(archive: Archive, { manifest, heads, position }: Snapshot, archived: Counts): void {
  const recordsOf = ({ events, dead, duplicates }: Counts) => events + dead + duplicates;
  const answered = sumCounts([manifest, ...heads.flatMap(({ entries }) => entries)]);
  const gone = recordsOf(answered) - recordsOf(archived);
  if (gone <= 0) return;
  for (const { stream, partition } of places(position)) {
    const from = offsetAt(manifest.cut, stream, partition) ?? 0;
    if (archive.of(stream, partition).some(({ lost, upto }) => lost && upto > from)) return;
  }
  throw new TidemarkError(
    "LOG_RANGE",
    `the log does not hold ${gone} records any more that answers of version ${manifest.number} have counted: a topic was compacted, or its records were removed from its middle; nothing was published`,
    "answers stay as they are; what is left is counted anew by: tidemark rebuild",
  );
}

/** A version's cut as a position of these streams: a new one stands at its origin. */
function cutOf({ cut }: VersionManifest, origin: Position): Position {
  return positionOf(
    places(origin).map((place) => ({
      ...place,
      offset: offsetAt(cut, place.stream, place.partition) ?? place.offset,
    })),
  );
}

function streamIn({ streams }: Definition, name: string): StreamDefinition | undefined {
  return streams.find((each) => each.name === name);
}

/** The newest version's snapshot, pinned and checked, where its position can be the cut; else why not. */
async function pinNear(
  { store, log }: Batch,
  newest: VersionManifest,
  from: Readable,
  archived: Position,
  run: string,
): Promise<[{ snapshot: Snapshot | null; reason: string }, Position]> {
  let snapshot: Snapshot | null = null;
  let reason = "";
  try {
    snapshot = await pinAgain(store, run, () => snapshotOf(store, newest));
    for (const file of pinnedFiles(snapshot!)) await store.check(file);
  } catch (error) {
    if (!isCode(error, "STORE_GAP", "STORE_CORRUPT", "STORE_MISSING")) throw error;
    snapshot = null;
    reason = `version ${newest.number} or its delta is damaged (${messageOf(error)})`;
  }
  const end = await knownEnd(log, from, snapshot ? snapshot.position : archived);
  if (!snapshot) return [{ snapshot, reason }, end];
  checkWithinLog(snapshot.position, end);
  reason = await whyFar(store, newest, snapshot, end);
  return [{ snapshot: reason ? null : snapshot, reason }, end];
}

/** Where the log ends; a stream that can't be read, where it is known to. */
async function knownEnd(log: Log, { streams, stopped }: Readable, known: Position): Promise<Position> {
  return furthest(await endOf(log, streams), ofStreams(known, [...stopped.keys()]));
}

/** Why a snapshot's position can't be the cut; empty: it can. */
async function whyFar(
  store: Store,
  newest: VersionManifest,
  { heads, position }: Snapshot,
  end: Position,
): Promise<string> {
  // of the same streams, or of others?
  if (Object.keys(end).length !== Object.keys(position).length || !covers(end, position))
    return "the streams differ from the version before";
  if (heads.length === 0 && !equals(newest.cut, end)) return `version ${newest.number} has no delta: speed has not run`;
  // offsets have gaps: at most so many records, which is near enough to judge distance by
  const missing = places(end).reduce(
    (sum, place) => sum + place.offset - (offsetAt(position, place.stream, place.partition) ?? 0),
    0,
  );
  const behind = `the delta of version ${newest.number} is ${missing} records behind the log's end`;
  if (missing > nearEnd) return behind;
  // nobody would take it there
  return missing > 0 && (await anySilent(store, heads)) ? `${behind}, and speed does not run` : "";
}

async function anySilent(store: Store, heads: readonly Head[]): Promise<boolean> {
  for (const { version, shard, generation } of heads) {
    const beat = layout.beat(version, shard, generation);
    if ((await store.changedAt(beat)) !== null && (await store.ageMs(beat)) > silentMs) return true;
  }
  return false;
}

/** A recompute knows only that a view fails; where its delta failed on the same SQL, the first event it fails on is known. */
function placeFailures(files: Record<string, ViewFile>, pinned: Snapshot, definition: Definition): void {
  for (const view of definition.views) {
    const file = files[view.name]!;
    const before = pinned.manifest.definition.views.find((each) => each.name === view.name);
    const known = before?.identity === view.identity ? failureOf(pinned, view.name) : null;
    if (file.failed && known) files[view.name] = { ...file, failed: { ...file.failed, at: known.at } };
  }
}

/** What is published stays published: what goes wrong here is said, and done again by the next run. */
async function tidy(
  batch: Batch,
  archive: Archive,
  manifest: VersionManifest,
  streams: readonly StreamDefinition[],
): Promise<void> {
  try {
    await clean(batch.store, batch.keepVersions);
    await trim(batch, archive, manifest, streams);
  } catch (error) {
    batch.say(`version ${manifest.number} is published, but cleaning up FAILED: ${messageOf(error)}`);
  }
}

function pinnedFiles({ manifest, heads }: Snapshot): FileRef[] {
  const inVersion = Object.values(manifest.views).flatMap((view) => view.file ?? []);
  return [...inVersion, ...heads.flatMap((head) => head.entries.flatMap(filesOf))];
}

/** Lets the log forget what is archived, covered by the newest version, and older than the retention. */
async function trim(
  batch: Batch,
  archive: Archive,
  manifest: VersionManifest,
  streams: readonly StreamDefinition[],
): Promise<void> {
  const before = batch.now() - batch.retentionMs;
  for (const stream of streams) {
    const archived = archive.uptoIn({ [stream.name]: manifest.cut[stream.name]! });
    // another run may have archived it and not synced its names yet
    for (const { partition } of places(archived)) await batch.store.settle(layout.segments(stream.name, partition));
    const below = new Map<number, number>();
    for (const { partition, offset } of places(nearest(archived, { [stream.name]: manifest.cut[stream.name]! }))) {
      below.set(partition, Math.min(offset, archive.uptoBefore(stream.name, partition, before)));
    }
    await batch.log.trim(logStream(stream), below);
  }
}
