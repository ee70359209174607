/** Pins: names of a run's own for files, so that neither compaction nor cleaning can take what it still reads. */
import { isCode } from "../errors.ts";
import { layout, type ViewFile } from "./layout.ts";
import { filesOf } from "./partials.ts";
import type { FileRef, Store } from "./store.ts";
import { bestSnapshot, type Snapshot } from "./versions.ts";

/** How often a snapshot is found and pinned again when compaction has removed a file of it meanwhile. */
const triesMax = 5;

/** The snapshot with all its files, the version's and the entries', under names of this run. @throws STORE_MISSING */
export async function pin(store: Store, snapshot: Snapshot, run: string): Promise<Snapshot> {
  const own = (file: FileRef) => store.keep(file, `${layout.pin(run)}/${file.name.replaceAll("/", "_")}`);
  const pinViews = async (views: Readonly<Record<string, ViewFile>>, linked: ReadonlyMap<string, FileRef>) => {
    const pairs = Object.entries(views).map(([name, view]) => {
      return [name, view.file ? { ...view, file: linked.get(view.file.name)! } : view] as const;
    });
    return Object.fromEntries(pairs);
  };
  const linkAll = async (files: readonly FileRef[]) => {
    const linked = new Map<string, FileRef>();
    for (const file of files) linked.set(file.name, await own(file));
    return linked;
  };
  const { manifest } = snapshot;
  const versionFiles = Object.values(manifest.views).flatMap((view) => view.file ?? []);
  const views = await pinViews(manifest.views, await linkAll(versionFiles));
  const heads = [];
  for (const head of snapshot.heads) {
    const entries = [];
    for (const entry of head.entries) {
      const linked = await linkAll(filesOf(entry));
      const deadFile = entry.deadFile ? linked.get(entry.deadFile.name)! : null;
      entries.push({ ...entry, views: await pinViews(entry.views, linked), deadFile });
    }
    heads.push({ ...head, entries });
  }
  return { ...snapshot, manifest: { ...manifest, views }, heads };
}

/** Removes all that a run has pinned. */
export function releasePins(store: Store, run: string): Promise<void> {
  return store.remove(layout.pin(run));
}

/**
 * Pins the snapshot that covers most; null where the store holds no version. @throws STORE_GAP, STORE_CORRUPT,
 * STORE_MISSING
 */
export async function pinBest(store: Store, run: string): Promise<Snapshot | null> {
  return pinAgain(store, run, () => bestSnapshot(store));
}

/**
 * Pins what `find` returns; where a file of it was removed meanwhile, finds and pins again.
 * @throws STORE_MISSING when a file stays missing, and what `find` throws
 */
export async function pinAgain(
  store: Store,
  run: string,
  find: () => Promise<Snapshot | null>,
): Promise<Snapshot | null> {
  for (let tries = 1; ; tries++) {
    try {
      const found = await find();
      return found && (await pin(store, found, run));
    } catch (error) {
      // compaction or a newer generation has replaced it: its HEAD names other files now
      await releasePins(store, run);
      if (!isCode(error, "STORE_MISSING") || tries === triesMax) throw error;
    }
  }
}
