/** What a question about the past reads: a version at its cut, or a version and its delta up to a position. */
import { partialOf } from "../../shared/compiler/texts.ts";
import type { ViewDefinition } from "../../shared/definition.ts";
import type { Session } from "../../shared/duckdb/duck.ts";
import { isCode, TidemarkError } from "../../shared/errors.ts";
import { History } from "../../shared/history/history.ts";
import type { Log } from "../../shared/log/log.ts";
import {
  covers,
  equals,
  formatPosition,
  ofShard,
  ofStreams,
  type Position,
  places,
  rangesBetween,
} from "../../shared/position.ts";
import type { Head, VersionManifest } from "../../shared/store/layout.ts";
import { endsOf } from "../../shared/store/origin.ts";
import { pin } from "../../shared/store/pin.ts";
import { checkedPartials } from "../../shared/store/snapshot-rows.ts";
import type { Store } from "../../shared/store/store.ts";
import { newestVersion, readVersion, type Snapshot, snapshotOf, versionNumbers } from "../../shared/store/versions.ts";

/** The views at a past position, their files pinned under the run's name. */
export interface Past {
  readonly snapshot: Snapshot;
  /** What it is derived from, in words. */
  readonly from: string;
  /**
   * The partial rows of a view.
   * @throws STORE_CORRUPT, STORE_MISSING; LOG_RANGE where neither archive nor log has the events
   */
  partials(session: Session, view: ViewDefinition): Promise<string>;
}

/** A kept version at its own cut. @throws USAGE when it is not kept */
export async function atVersion(store: Store, number: number, run: string): Promise<Past> {
  const kept = await versionNumbers(store);
  if (!kept.includes(number)) {
    throw new TidemarkError("USAGE", `there is no version ${number}`, `there are: ${kept.join(", ") || "none"}`);
  }
  const manifest = await readVersion(store, number);
  const snapshot = await pin(store, { manifest, heads: [], position: manifest.cut }, run);
  return {
    snapshot,
    from: `version ${number}`,
    partials: (_session, view) => checkedPartials(store, snapshot, view),
  };
}

/**
 * The views at a past position: a version and the entries of its delta up to the position, if a
 * kept delta has an entry that ends there; else a version and the events since its cut, or all
 * events if no kept version is that old.
 * @throws USAGE for a position beyond the log's end; STORE_*
 */
export async function atPosition(store: Store, log: Log, position: Position, run: string): Promise<Past> {
  const newest = (await newestVersion(store))!;
  const { end } = await endsOf(log, newest.definition.streams);
  if (!covers(end, ofStreams(position, Object.keys(end)))) {
    throw new TidemarkError(
      "USAGE",
      `${formatPosition(position)} is beyond the log's end`,
      `the log ends at ${formatPosition(end)}`,
    );
  }
  const before = await versionsBefore(store, position);
  for (const manifest of before) {
    const heads = await headsUpTo(store, manifest, position);
    if (!heads) continue;
    const entries = heads.reduce((sum, head) => sum + head.entries.length, 0);
    const snapshot = await pin(store, { manifest, heads, position }, run);
    return {
      snapshot,
      from: `version ${manifest.number} and ${entries} ${entries === 1 ? "entry" : "entries"} of its delta`,
      partials: (_session, view) => checkedPartials(store, snapshot, view),
    };
  }
  const manifest = before[0] ?? { ...newest, views: {}, cut: newest.origin };
  const snapshot = { ...(await pin(store, { manifest, heads: [], position: manifest.cut }, run)), position };
  const history = new History(store, log, manifest.origin);
  const ranges = rangesBetween(manifest.cut, position);
  let inputsOf: ReturnType<History["inputs"]> | null = null;
  return {
    snapshot,
    from: before[0]
      ? `version ${manifest.number} and the events since its cut`
      : "all events, since no kept version is that old",
    partials: async (session, view) => {
      inputsOf ??= history.inputs(session, manifest.definition, ranges);
      return `${await checkedPartials(store, snapshot, view)} UNION ALL (${partialOf(view, await inputsOf(view))})`;
    },
  };
}

/** An unreadable version is skipped: another one, or all events, give the same rows. */
function unlessUnreadable(error: unknown): null {
  if (isCode(error, "STORE_CORRUPT", "STORE_MISSING")) return null;
  throw error;
}

/** Kept versions whose cut is covered by the position, the newest first. */
async function versionsBefore(store: Store, position: Position): Promise<VersionManifest[]> {
  const found: VersionManifest[] = [];
  for (const number of (await versionNumbers(store)).reverse()) {
    const manifest = await readVersion(store, number).catch(unlessUnreadable);
    if (manifest && places(manifest.cut).length === places(position).length && covers(position, manifest.cut))
      found.push(manifest);
  }
  return found;
}

/** A version's heads with only the entries up to the position; null where no entries end there. */
async function headsUpTo(store: Store, manifest: VersionManifest, position: Position): Promise<Head[] | null> {
  const { shards } = manifest.definition;
  let whole: Snapshot;
  try {
    whole = await snapshotOf(store, manifest);
  } catch (error) {
    if (isCode(error, "STORE_GAP", "STORE_CORRUPT", "STORE_MISSING")) return null;
    throw error;
  }
  const heads: Head[] = [];
  for (let shard = 0; shard < shards; shard++) {
    const target = ofShard(position, shard, shards);
    if (equals(target, ofShard(manifest.cut, shard, shards))) continue;
    const head = whole.heads.find((each) => each.shard === shard);
    const last = head?.entries.findIndex((entry) => equals(entry.upto, target)) ?? -1;
    if (last < 0) return null;
    heads.push({ ...head!, position: target, entries: head!.entries.slice(0, last + 1) });
  }
  return heads;
}
