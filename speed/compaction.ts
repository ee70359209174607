/** Joins neighbouring entries into one: combine is associative, so no answer changes. */
import { writeFile } from "node:fs/promises";
import { combineOf } from "../shared/compiler/texts.ts";
import type { Definition } from "../shared/definition.ts";
import type { Session } from "../shared/duckdb/duck.ts";
import { joinStates } from "../shared/state/entries.ts";
import { sumCounts } from "../shared/store/counts.ts";
import type { Entry, ViewFile } from "../shared/store/layout.ts";
import { entryFiles, partialsIn, writePartials } from "../shared/store/partials.ts";
import type { FileRef, Store } from "../shared/store/store.ts";

/** This many neighbours of one level make one of the next. */
const fanIn = 8;

/** The newest run of neighbours worth compacting, or none. */
export function compactable(entries: readonly Entry[]): readonly Entry[] {
  for (let end = entries.length; end >= fanIn; end--) {
    const run = entries.slice(end - fanIn, end);
    if (run.every((entry) => entry.level === run[0]!.level)) return run;
  }
  return [];
}

/**
 * One entry equal to all of `entries`, which are neighbours in order. Their files are checked first, and not changed.
 * @throws STORE_CORRUPT, STORE_MISSING
 */
export async function compact(
  store: Store,
  session: Session,
  definition: Definition,
  entries: readonly Entry[],
  sequence: number,
  nameOf: (view: string) => string,
): Promise<Entry> {
  const views: Record<string, ViewFile> = {};
  for (const view of definition.views) {
    const failed = entries.map((entry) => entry.views[view.name]?.failed).find((each) => each !== undefined);
    const files = entryFiles(entries, view.name);
    if (failed || files.length === 0) {
      views[view.name] = failed ? { file: null, rows: 0, failed } : { file: null, rows: 0 };
      continue;
    }
    const partials = combineOf(view, await partialsIn(store, view, files));
    views[view.name] = await writePartials(session, store, view, partials, nameOf(view.name), { durable: false });
  }
  const states = joinStates(entries);
  const [first, last] = [entries[0]!, entries.at(-1)!];
  return {
    sequence,
    from: first.from,
    upto: last.upto,
    ...sumCounts(entries),
    deadFile: await joinDead(
      store,
      entries.flatMap((entry) => entry.deadFile ?? []),
      nameOf(""),
    ),
    views,
    ...(states && { states }),
    level: entries.reduce((most, { level }) => Math.max(most, level), 0) + 1,
    latest: entries.reduce((most, { latest }) => Math.max(most, latest), 0),
  };
}

async function joinDead(store: Store, files: readonly FileRef[], name: string): Promise<FileRef | null> {
  if (files.length === 0) return null;
  const parts: Buffer[] = [];
  for (const file of files) {
    await store.check(file);
    parts.push((await store.read(file.name))!);
  }
  const scratch = store.scratch("dead.ndjson");
  await writeFile(scratch, Buffer.concat(parts));
  return store.publish(scratch, name, { durable: false });
}
