/**
 * One batch run: pin → archive → recompute → prove → publish → clean.
 */
import { randomUUID } from "node:crypto";
import type { Definition } from "../shared/definition.ts";
import { Duck, quoteText, type Session } from "../shared/duckdb/duck.ts";
import { isCode, messageOf } from "../shared/errors.ts";
import { History } from "../shared/history/history.ts";
import type { Log } from "../shared/log/log.ts";
import { covers, equals, nearest, type Position, places } from "../shared/position.ts";
import type { Proof, VersionManifest } from "../shared/store/layout.ts";
import { checkWithinLog, endOf, ensureOrigin, ensureVersion, logStream } from "../shared/store/origin.ts";
import { filesOf } from "../shared/store/partials.ts";
import { pin, unpin } from "../shared/store/pin.ts";
import type { FileRef, Store } from "../shared/store/store.ts";
import { publishVersion, type Snapshot, snapshotOf } from "../shared/store/versions.ts";
import { archive, archivedPosition } from "./archive.ts";
import { clean } from "./clean.ts";

import { prove } from "./prove.ts";
import { recompute } from "./recompute.ts";

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

/**
 * Archives, recomputes all views at one cut, and publishes a new version.
 * @throws BATCH_UNPROVED when both layers disagree, BATCH_STALE when another run published further; nothing is published then
 */
export async function runBatch(batch: Batch): Promise<BatchResult> {
  const { store, log } = batch;
  const definition = await batch.makeDefinition();
  const newest = await ensureVersion(store, log, async () => definition);
  const origin = await ensureOrigin(store, log, definition.streams);
  const end = await endOf(log, definition.streams);
  checkWithinLog(newest.cut, end);
  const run = randomUUID().slice(0, 12);
  const duck = await Duck.open({
    memoryLimit: batch.memoryLimit,
    tempDir: store.scratch("spill"),
    timezone: definition.timezone,
  });
  const session = await duck.session();
  const history = new History(store, log, origin);
  const timings: Timings = { archive: 0, recompute: 0, prove: 0, publish: 0 };
  const timed = async <T>(step: keyof Timings, work: () => Promise<T>): Promise<T> => {
    const started = performance.now();
    try {
      return await work();
    } finally {
      timings[step] += performance.now() - started;
    }
  };
  try {
    const pinned = await pinNear(store, newest, end, run);
    const cut = pinned.snapshot?.position ?? end;
    const { records } = await timed("archive", () =>
      archive({ store, log, history, session }, definition.streams, cut, batch.onArchived),
    );
    const files = await timed("recompute", () =>
      recompute({ store, history, session }, definition, origin, cut, run, (view, ms) =>
        batch.say(`${view}: recomputed in ${Math.round(ms)} ms`),
      ),
    );
    for (const [name, file] of Object.entries(files))
      if (file.failed) batch.say(`view ${name} FAILED and is not in this version: ${file.failed.message}`);
    const { snapshot } = pinned;
    const proof: Proof = snapshot
      ? await timed("prove", () => prove(store, session, snapshot, definition, files))
      : { state: "unproved", by: pinned.reason, views: 0 };
    const counted = await countEvents(store, session, history, cut);
    const manifest = await timed("publish", () =>
      publishVersion(store, {
        format: 1,
        createdAt: new Date(batch.now()).toISOString(),
        cause: "batch",
        definition,
        origin,
        cut,
        views: files,
        ...counted,
        proof,
      }),
    );
    await clean(store, batch.keepVersions);
    await trim(batch, history, manifest);
    return { manifest, timings, archived: records };
  } finally {
    session.close();
    duck.close();
    await unpin(store, run);
  }
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
    const { records } = await archive(
      { store, log, history, session },
      streams,
      await endOf(log, streams),
      batch.onArchived,
    );
    return records;
  } finally {
    session.close();
    duck.close();
  }
}

/** The newest version's snapshot, pinned and checked, where its position can be the cut; else why not. */
async function pinNear(
  store: Store,
  newest: VersionManifest,
  end: Position,
  run: string,
): Promise<{ snapshot: Snapshot | null; reason: string }> {
  try {
    const snapshot = await snapshotOf(store, newest);
    const sameStreams = places(end).length === places(snapshot.position).length && covers(end, snapshot.position);
    if (!sameStreams) return { snapshot: null, reason: "the streams differ from the version before" };
    const missing = places(end).reduce(
      (sum, place) => sum + place.offset - (snapshot.position[place.stream]?.[place.partition] ?? 0),
      0,
    );
    if (snapshot.heads.length === 0 && !equals(newest.cut, end))
      return { snapshot: null, reason: `version ${newest.number} has no delta: speed has not run` };
    if (missing > nearEnd)
      return {
        snapshot: null,
        reason: `the delta of version ${newest.number} is ${missing} records behind the log's end`,
      };
    const pinned = await pin(store, snapshot, run);
    for (const file of pinnedFiles(pinned)) await store.check(file);
    return { snapshot: pinned, reason: "" };
  } catch (error) {
    if (!isCode(error, "STORE_GAP", "STORE_CORRUPT", "STORE_MISSING")) throw error;
    return { snapshot: null, reason: `version ${newest.number} or its delta is damaged (${messageOf(error)})` };
  }
}

function pinnedFiles({ manifest, heads }: Snapshot): FileRef[] {
  const inVersion = Object.values(manifest.views).flatMap((view) => view.file ?? []);
  return [...inVersion, ...heads.flatMap((head) => head.entries.flatMap(filesOf))];
}

/** Valid events and dead letters below the cut, from the segments' own counts; only a file that the cut divides is opened. */
async function countEvents(
  store: Store,
  session: Session,
  history: History,
  cut: Position,
): Promise<{ events: number; dead: number }> {
  let events = 0;
  let dead = 0;
  for (const { stream, partition, offset } of places(cut)) {
    for (const segment of await history.segments(stream, partition)) {
      if (segment.from >= offset) continue;
      if (segment.upto <= offset) {
        events += segment.rows - segment.dead;
        dead += segment.dead;
        continue;
      }
      const [row] = await session.rows(
        `SELECT count(*) AS n, count(__fault) AS dead FROM read_parquet(${quoteText(store.path(segment.file.name))}) WHERE __offset < ${offset}`,
      );
      events += Number(row!.n) - Number(row!.dead);
      dead += Number(row!.dead);
    }
  }
  return { events, dead };
}

/** Lets the log forget what is archived, covered by the newest version, and older than the retention. */
async function trim(batch: Batch, history: History, manifest: VersionManifest): Promise<void> {
  const before = batch.now() - batch.retentionMs;
  for (const stream of manifest.definition.streams) {
    const old = await batch.log.offsetsAt(logStream(stream), before);
    const archived = await archivedPosition(history, { [stream.name]: manifest.cut[stream.name]! });
    const below = new Map<number, number>();
    for (const { partition, offset } of places(nearest(archived, { [stream.name]: manifest.cut[stream.name]! }))) {
      below.set(partition, Math.min(offset, old[partition] ?? 0));
    }
    await batch.log.trim(logStream(stream), below);
  }
}
