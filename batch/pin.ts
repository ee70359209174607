import { layout } from "../shared/store/layout.ts";
import { filesOf } from "../shared/store/partials.ts";
import type { FileRef, Store } from "../shared/store/store.ts";
import type { Snapshot } from "../shared/store/versions.ts";

/** Hard links of all files of a snapshot's delta under names of this run, so that compaction needs to know nothing of it. */
export async function pin(store: Store, snapshot: Snapshot, run: string): Promise<Snapshot> {
  const own = async (file: FileRef) => store.link(file, `${layout.pin(run)}/${file.name.replaceAll("/", "_")}`);
  const heads = [];
  for (const head of snapshot.heads) {
    const entries = [];
    for (const entry of head.entries) {
      const linked = new Map<string, FileRef>();
      for (const file of filesOf(entry)) linked.set(file.name, await own(file));
      const views = Object.fromEntries(
        Object.entries(entry.views).map(([name, view]) => [
          name,
          view.file ? { ...view, file: linked.get(view.file.name)! } : view,
        ]),
      );
      entries.push({ ...entry, views, deadFile: entry.deadFile ? linked.get(entry.deadFile.name)! : null });
    }
    heads.push({ ...head, entries });
  }
  return { ...snapshot, heads };
}
