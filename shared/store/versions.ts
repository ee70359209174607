/** Reading and publishing versions and heads. */
import { isCode, TidemarkError } from "../errors.ts";
import { equals, follows, furthest, ofShard, type Position } from "../position.ts";
import { claimNext, membersIn } from "./chain.ts";
import {
  type Entry,
  type EntryStates,
  type Head,
  headFormat,
  layout,
  manifestFormat,
  manifestFormatsBefore,
  type VersionManifest,
} from "./layout.ts";
import { seal, unseal } from "./sealed.ts";
import type { Store } from "./store.ts";
import { createTwice, existsTwice, listTwice, readTwice, removeTwice } from "./twice.ts";

/** Numbers of the published versions that are kept, ascending; also of one that can't be read. */
export async function versionNumbers(store: Store): Promise<number[]> {
  const names = await listTwice(store, layout.versions);
  return names.filter((name) => /^\d{8}\.json$/.test(name)).map((name) => Number(name.slice(0, 8)));
}

/** @throws STORE_MISSING, STORE_CORRUPT where neither the manifest nor its copy is whole */
export async function readVersion(store: Store, number: number): Promise<VersionManifest> {
  const manifest = await readTwice<VersionManifest>(store, layout.version(number));
  if (!manifest)
    throw new TidemarkError("STORE_MISSING", `there is no version ${number}`, "list them with: tidemark versions");
  if (manifest.format !== manifestFormat && !manifestFormatsBefore.includes(manifest.format))
    throw anothersFormat(`version ${number}`, manifest.format, manifestFormat);
  return manifest;
}

function anothersFormat(what: string, found: unknown, own: number): TidemarkError {
  return new TidemarkError(
    "DATA_FORMAT",
    `${what} was written by another release of Tidemark (format ${String(found)}, this one reads ${own})`,
    "use that release, or start over from the log with another data folder (--data)",
  );
}

/**
 * The newest version whose manifest can be read; a damaged one is passed over where there is an older one (see
 * lostVersions).
 * @throws STORE_CORRUPT where none can be read
 */
export async function newestVersion(store: Store): Promise<VersionManifest | null> {
  let failure: unknown = null;
  for (const number of (await versionNumbers(store)).reverse()) {
    try {
      return await readVersion(store, number);
    } catch (error) {
      // another's cleaning may have been here
      if (!isCode(error, "STORE_CORRUPT", "STORE_MISSING")) throw error;
      failure ??= error;
    }
  }
  if (failure) throw failure;
  return null;
}

export function isKept(store: Store, number: number): Promise<boolean> {
  return existsTwice(store, layout.version(number));
}

/**
 * Lets go of a version. That its number was used stays known, so that a publisher that slept meanwhile can't
 * use it again.
 */
export async function removeVersion(store: Store, number: number): Promise<void> {
  const before = await removedUpTo(store);
  if (number > before) {
    await store.createIfAbsent(layout.removed(number), "");
    if (before >= 0) await store.remove(layout.removed(before));
  }
  await removeTwice(store, layout.version(number));
}

/** The highest number of a version that was removed, or -1. */
async function removedUpTo(store: Store): Promise<number> {
  const names = await store.list(layout.versions);
  return Math.max(-1, ...names.flatMap((name) => /^(\d{8})\.removed$/.exec(name)?.[1] ?? []).map(Number));
}

/** A number that no version ever had. It is free until a version is created under it. */
export async function nextNumber(store: Store): Promise<number> {
  return Math.max((await numbersBorne(store)).at(-1) ?? -1, await removedUpTo(store)) + 1;
}

/**
 * A version that was published and can't be read: a process that starts now and reads an older one may answer
 * with an earlier position than was served before.
 */
export interface LostVersion {
  readonly number: number;
  readonly file: string;
  readonly why: string;
}

/**
 * Those after which no batch has published a version (the empty version does not count). One whose manifest is
 * gone altogether is known by the files that were made for it.
 */
export async function lostVersions(store: Store): Promise<LostVersion[]> {
  // listed first: what is published meanwhile can be read
  const [borne, kept] = [await numbersBorne(store), await versionNumbers(store)];
  const newest = await newestVersion(store).catch(unlessCorrupt);
  const beyond = newest && newest.cause !== "origin" ? newest.number : -1;
  const lost: LostVersion[] = [];
  for (const each of borne) {
    if (each <= beyond || (newest && each < newest.number && !kept.includes(each))) continue;
    const file = layout.version(each);
    try {
      await readVersion(store, each);
    } catch (error) {
      if (!isCode(error, "STORE_CORRUPT", "STORE_MISSING")) throw error;
      const why = error.code === "STORE_CORRUPT" ? error.message : `${file} is missing`;
      lost.push({ number: each, file, why: `${why}, and so is its copy` });
    }
  }
  return lost;
}

/**
 * Every number that something in the store bears, ascending: a power cut may have taken a version and left what
 * was made for it.
 */
async function numbersBorne(store: Store): Promise<number[]> {
  const lists = [await versionNumbers(store), await store.list(layout.deltas), await store.list(layout.damages)];
  const numbers = new Set(lists.flat().map(Number).filter(Number.isInteger));
  return [...numbers].sort((a, b) => a - b);
}

/** Null for a version that can't be read, where the caller can continue without one. */
export function unlessCorrupt(error: unknown): null {
  if (isCode(error, "STORE_CORRUPT")) return null;
  throw error;
}

/** The newest version where there is one beyond `number`; where there is none, it costs one listing. */
export async function newerVersion(store: Store, number: number): Promise<VersionManifest | null> {
  if (((await versionNumbers(store)).at(-1) ?? -1) <= number) return null;
  const newest = await newestVersion(store).catch((error: unknown) => {
    // what is followed may itself be the damaged one: it was read when it was whole
    if (isCode(error, "STORE_CORRUPT")) return null;
    throw error;
  });
  return newest && newest.number > number ? newest : null;
}

/**
 * Publishes under the next free number: create-if-absent decides between several publishers. A number is not
 * free either where a delta or a note of damage bears it: a power cut may have taken a version and left what
 * was made for it.
 *
 * @throws BATCH_STALE when a published version covers something this one does not (but for a rollback)
 */
export async function publishVersion(store: Store, draft: Omit<VersionManifest, "number">): Promise<VersionManifest> {
  for (;;) {
    let manifest!: VersionManifest;
    const { number, isPassed } = await claimNext({
      last: async () => (await nextNumber(store)) - 1,
      create: async (next) => {
        // read after the number: a version published in between has that number, or is found here and must be covered
        checkFollows(draft, await newestVersion(store));
        manifest = { ...draft, number: next };
        return createTwice(store, layout.version(next), seal(manifest));
      },
      isPassed: async (made) => (await removedUpTo(store)) >= made,
    });
    if (!isPassed) return manifest;
    // who knows the version that was removed under it must not meet another one
    await removeTwice(store, layout.version(number));
  }
}

/** @throws BATCH_STALE */
function checkFollows(draft: Omit<VersionManifest, "number">, newest: VersionManifest | null): void {
  if (!newest || draft.cause === "rollback" || follows(draft.cut, newest.cut)) return;
  throw new TidemarkError(
    "BATCH_STALE",
    `version ${newest.number} was published meanwhile and reaches further than this run`,
    "nothing is lost: the next run starts from it",
  );
}

/** Numbers of the generations of a shard's delta, ascending; the newest with a HEAD counts. */
export async function generationNumbers(store: Store, version: number, shard: number): Promise<number[]> {
  return membersIn(store, layout.generations(version, shard));
}

/** The HEAD of a generation, or null where it has none (yet). @throws STORE_CORRUPT, DATA_FORMAT */
export async function readHead(store: Store, version: number, shard: number, generation: number): Promise<Head | null> {
  const name = layout.head(version, shard, generation);
  const text = await store.read(name);
  if (!text) return null;
  const found = unseal<Head>(text.toString(), name, (head) => {
    return head.version === version && head.shard === shard && head.generation === generation;
  });
  if (found.format > headFormat) throw anothersFormat(`the delta of version ${version}`, found.format, headFormat);
  return found.format < headFormat ? { ...found, entries: found.entries.map(ofFormatTwo) } : found;
}

function ofFormatTwo({ told: duplicates, ...entry }: Entry & { readonly told?: EntryStates[string] }): Entry {
  return duplicates ? { ...entry, states: { duplicates } } : entry;
}

/**
 * The newest HEAD of a shard. A damaged one is skipped only by its owner's successor, never by a reader; and
 * where a newer generation has none yet, a rejected one's is not used in its place.
 */
export async function newestHead(store: Store, version: number, shard: number): Promise<Head | null> {
  const generations = (await generationNumbers(store, version, shard)).reverse();
  for (const generation of generations) {
    const newest = generation === generations[0];
    if (!newest && (await store.exists(layout.rejection(version, shard, generation)))) return null;
    const head = await readHead(store, version, shard, generation);
    if (head) return head;
  }
  return null;
}

/**
 * Checks that a head's entries continue the version's cut without a gap.
 * @throws STORE_GAP with both positions
 */
export function checkChain(manifest: VersionManifest, head: Head): void {
  let at = ofShard(manifest.cut, head.shard, manifest.definition.shards);
  for (const entry of head.entries) {
    if (!equals(entry.from, at)) throw gap(head, `entry ${entry.sequence} does not start where the one before ended`);
    at = entry.upto;
  }
  if (!equals(at, head.position)) throw gap(head, "its position is not where its last entry ends");
}

function gap(head: Head, what: string): TidemarkError {
  const where = layout.head(head.version, head.shard, head.generation);
  return new TidemarkError("STORE_GAP", `${where}: ${what}`, "restart speed: it recomputes the delta from the log", {
    file: where,
  });
}

/** What a reader may serve: one version and one HEAD for each shard that has one. */
export interface Snapshot {
  readonly manifest: VersionManifest;
  readonly heads: readonly Head[];
  readonly position: Position;
}

/** The snapshot that a version's newest heads make. @throws STORE_GAP, STORE_CORRUPT */
export async function snapshotOf(store: Store, manifest: VersionManifest): Promise<Snapshot> {
  const heads: Head[] = [];
  let position = manifest.cut;
  for (let shard = 0; shard < manifest.definition.shards; shard++) {
    const head = await newestHead(store, manifest.number, shard);
    if (!head) continue;
    checkChain(manifest, head);
    heads.push(head);
    position = furthest(position, head.position);
  }
  return { manifest, heads, position };
}

/**
 * The kept version that answers: the newest, as soon as it goes back in no stream that it has in common with
 * those before; until then the one that covers most. A running server hands over by the same rule. An older
 * version that was removed meanwhile, or whose delta is torn and has no writer any more, does not keep the
 * newest from answering.
 *
 * @throws STORE_GAP, STORE_CORRUPT, STORE_MISSING where the newest version can't be read
 */
export async function bestSnapshot(store: Store): Promise<Snapshot | null> {
  let best: Snapshot | null = null;
  let failure: unknown = null;
  for (const number of (await versionNumbers(store)).reverse()) {
    let snapshot: Snapshot;
    let manifest: VersionManifest | null = null;
    try {
      manifest = await readVersion(store, number);
      snapshot = await snapshotOf(store, manifest);
    } catch (error) {
      failure ??= error;
      // a version whose manifest is damaged is passed over, as newestVersion does
      if (!isCode(error, "STORE_GAP", "STORE_CORRUPT", "STORE_MISSING") || (!best && manifest)) throw error;
      continue;
    }
    if (!best || (follows(snapshot.position, best.position) && !follows(best.position, snapshot.position)))
      best = snapshot;
  }
  if (!best && failure) throw failure;
  return best;
}
