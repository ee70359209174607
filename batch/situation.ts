/** What a run finds before it plans: the served snapshot, the log's end, damage in the store. */
import { isCode, messageOf } from "../shared/errors.ts";
import type { Log } from "../shared/log/log.ts";
import { furthest, ofStreams, type Position } from "../shared/position.ts";
import { type Head, layout, type VersionManifest } from "../shared/store/layout.ts";
import { checkWithinLog, endOf } from "../shared/store/origin.ts";
import { filesOf } from "../shared/store/partials.ts";
import { pinAgain } from "../shared/store/pin.ts";
import type { FileRef, Store } from "../shared/store/store.ts";
import { lostVersions, type Snapshot, snapshotOf } from "../shared/store/versions.ts";
import type { ReadableStreams } from "./archive-streams.ts";
import type { Run } from "./opened-run.ts";
import type { Mode, Situation } from "./plan.ts";

/** A writer sends a heartbeat every second; without one for this long it counts as stopped. */
const silentMs = 30_000;

/**
 * @param replay the views that a rebuild replays, and how far it has come
 * @throws STORE_BEYOND_LOG
 */
export async function survey(run: Run, mode: Mode, replay: Situation["replay"] = null): Promise<Situation> {
  const { batch, definition, newest, from, archive } = run;
  const { store, log, say } = batch;
  const [lost] = await lostVersions(store);
  const archived = archive.uptoIn(from.origin);
  const isAtCutOfNewest = mode === "definition" || mode === "repair";
  const { served, unreadable } = lost || isAtCutOfNewest ? nothingServed : await pinServed(run);
  // the log's end is read last: a live writer moves on, and the snapshot must not be beyond it
  const end = await knownEnd(log, from, served?.position ?? archived);
  if (served) checkWithinLog(served.position, end);
  checkWithinLog(archived, end);
  const damaged = mode === "full" || mode === "rebuild" ? new Set<string>() : await damagedViews(store, newest, say);
  return {
    mode,
    definition,
    newest,
    damaged,
    lost: lost?.number ?? null,
    served,
    unreadable,
    silent: served !== null && (await anySilent(store, served.heads)),
    origin: from.origin,
    end,
    stopped: [...from.stopped.keys()],
    replay,
    keptFrom: batch.now() - batch.retentionMs,
  };
}

const nothingServed = { served: null, unreadable: null };

/** The newest version and its delta, pinned and checked, or why they can't be read. */
async function pinServed({ batch: { store }, id, newest }: Run): Promise<Pick<Situation, "served" | "unreadable">> {
  try {
    const served = await pinAgain(store, id, () => snapshotOf(store, newest));
    for (const file of pinnedFiles(served!)) await store.check(file);
    return { served, unreadable: null };
  } catch (error) {
    if (!isCode(error, "STORE_GAP", "STORE_CORRUPT", "STORE_MISSING")) throw error;
    return { served: null, unreadable: `version ${newest.number} or its delta is damaged (${messageOf(error)})` };
  }
}

function pinnedFiles({ manifest, heads }: Snapshot): FileRef[] {
  const inVersion = Object.values(manifest.views).flatMap((view) => view.file ?? []);
  return [...inVersion, ...heads.flatMap((head) => head.entries.flatMap(filesOf))];
}

/** The log's end; for a stream that can't be read, the last known end. */
async function knownEnd(log: Log, { streams, stopped }: ReadableStreams, known: Position): Promise<Position> {
  return furthest(await endOf(log, streams), ofStreams(known, [...stopped.keys()]));
}

async function anySilent(store: Store, heads: readonly Head[]): Promise<boolean> {
  for (const { version, shard, generation } of heads) {
    const beat = layout.beat(version, shard, generation);
    if ((await store.exists(beat)) && (await store.ageMs(beat)) > silentMs) return true;
  }
  return false;
}

/** The views of a version whose files are damaged. */
export async function damagedViews(
  store: Store,
  version: VersionManifest,
  say: (line: string) => void,
): Promise<Set<string>> {
  const damaged = new Set<string>();
  for (const [name, view] of Object.entries(version.views)) {
    try {
      if (view.file) await store.check(view.file);
    } catch (error) {
      if (!isCode(error, "STORE_CORRUPT", "STORE_MISSING")) throw error;
      say(`view ${name}: ${error.message}; it will be recomputed from the archive`);
      damaged.add(name);
    }
  }
  return damaged;
}
