/** Removes files that no kept version, newest generation or live pin names. */
import { isCode } from "../shared/errors.ts";
import { cleanGenerations, graceMs } from "../shared/store/generations.ts";
import { layout, type VersionManifest } from "../shared/store/layout.ts";
import { cleanPositionTexts } from "../shared/store/position-texts.ts";
import type { Store } from "../shared/store/store.ts";
import { readVersion, removeVersion, versionNumbers } from "../shared/store/versions.ts";
import { isFolding } from "./fold-progress.ts";

/**
 * How long the work of a process outlives it: an unfinished rebuild can be resumed, and the files of an unpublished
 * version stay, for this long after the process has ended. A process whose life can't be checked (it runs on another
 * machine) counts as dead after this long.
 */
const abandonedMs = 24 * 60 * 60 * 1000;

/** Keeps the last `keep` versions and their deltas, at least two: the older is served until the newer has caught up. */
export async function clean(store: Store, keep: number): Promise<{ removed: string[] }> {
  const removed: string[] = [];
  const remove = async (name: string) => {
    await store.remove(name);
    removed.push(name);
  };
  const numbers = await versionNumbers(store);
  const manifests = new Map<number, VersionManifest>();
  for (const number of numbers.slice(-Math.max(keep, 2))) {
    const manifest = await readVersion(store, number).catch(unlessUnreadable);
    if (manifest) manifests.set(number, manifest);
  }
  // an unreadable version is useless once two readable ones are newer
  const readable = [...manifests.keys()];
  const useless = (number: number) => !manifests.has(number) && number < (readable.at(-2) ?? -1);
  const kept = numbers.slice(-Math.max(keep, 2)).filter((number) => !useless(number));
  for (const number of numbers.filter((each) => !kept.includes(each))) {
    await removeVersion(store, number);
    removed.push(layout.version(number));
    await remove(layout.delta(number));
    await remove(layout.damagesOf(number));
  }
  for (const name of await store.list(layout.deltas)) {
    // left by a writer that was suspended while its version was removed
    if (!kept.includes(Number(name)) && (await store.ageMs(`${layout.deltas}/${name}`)) > graceMs) {
      await remove(`${layout.deltas}/${name}`);
    }
  }
  const named = new Set<string>();
  for (const [number, manifest] of manifests) {
    for (const view of Object.values(manifest.views)) if (view.file) named.add(view.file.name.split("/")[1]!);
    for (let shard = 0; shard < manifest.definition.shards; shard++)
      await cleanGenerations(store, number, shard, remove);
  }
  for (const run of await store.list(layout.versionFiles)) {
    const folder = `${layout.versionFiles}/${run}`;
    // a run that has ended since may have published these files after the names were collected
    if (!named.has(run) && !(await store.isRunning(run)) && (await store.ageMs(folder)) > abandonedMs)
      await remove(folder);
  }
  for (const run of await store.list(layout.pins)) {
    const folder = `${layout.pins}/${run}`;
    const running = await store.isRunning(run);
    if (running === false || (running === null && (await store.ageMs(folder)) > abandonedMs)) await remove(folder);
  }
  for (const id of await store.list(layout.rebuilds)) {
    // a killed rebuild may be resumed within a day
    if (!(await isFolding(store, id)) && (await store.ageMs(layout.rebuild(id))) > abandonedMs)
      await remove(layout.rebuild(id));
  }
  return { removed: removed.concat(await store.sweep(), await cleanPositionTexts(store)) };
}

/** A damaged manifest names nothing, and no process reads it; a missing one was removed by another run's cleaning. */
function unlessUnreadable(error: unknown): null {
  if (isCode(error, "STORE_MISSING", "STORE_CORRUPT")) return null;
  throw error;
}
