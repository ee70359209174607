/** archive → version: the partial SQL of every view over all events below one cut, or over those since an older version's. */
import { combineOf, partialOf } from "../shared/compiler/texts.ts";
import type { Definition, ViewDefinition } from "../shared/definition.ts";
import type { Session } from "../shared/duckdb/duck.ts";
import { failingGroups } from "../shared/health/failing-groups.ts";
import type { History } from "../shared/history/history.ts";
import { covers, equals, ofStreams, type Position, rangesBetween } from "../shared/position.ts";
import { layout, type VersionManifest, type ViewFile } from "../shared/store/layout.ts";
import { failedView, partialsIn, versionFiles, writePartials } from "../shared/store/partials.ts";
import type { Store } from "../shared/store/store.ts";

export interface Recompute {
  readonly store: Store;
  readonly history: History;
  readonly session: Session;
}

/**
 * Computes every view over `[origin, cut)` into files of their own under `run`, durable but not yet named by any manifest.
 * A view whose SQL fails on valid events is marked failed; the others go on.
 *
 * @param base an older version whose partials are taken where they mean the same: as they are at the same cut, with the events since
 *   then folded in at a later one
 * @param onView told how each view was made, and in how many ms
 */
export async function recompute(
  { store, history, session }: Recompute,
  definition: Definition,
  origin: Position,
  cut: Position,
  run: string,
  base: VersionManifest | null,
  onView: (view: string, how: string, ms: number) => void = () => undefined,
): Promise<Record<string, ViewFile>> {
  const everything = history.inputs(session, definition, rangesBetween(origin, cut));
  const since =
    base && sameStreams(base.cut, cut) ? history.inputs(session, definition, rangesBetween(base.cut, cut)) : null;
  const files: Record<string, ViewFile> = {};
  const write = async (view: ViewDefinition, partials: string): Promise<ViewFile> => {
    const name = layout.versionFile(run, view.name);
    return writePartials(session, store, view, partials, name, { durable: true }).then(
      (file) => tried(store, session, view, file),
      (error: unknown) => failedView(error, null),
    );
  };
  for (const view of definition.views) {
    const started = performance.now();
    const old = base?.definition.views.find((each) => each.name === view.name);
    const file = base?.views[view.name];
    const same = file && !file.failed && old?.identity === view.identity && base.cause !== "origin";
    const done = (how: string) => onView(view.name, how, performance.now() - started);
    if (same && equals(ofStreams(base.cut, view.streams), ofStreams(cut, view.streams))) {
      files[view.name] =
        file.failing && old.finalize === view.finalize ? file : await tried(store, session, view, file);
      done(`linked from version ${base.number}: neither it nor its events have changed`);
    } else if (same && since) {
      const kept = partialsIn(store, view, versionFiles(base, view.name));
      for (const each of versionFiles(base, view.name)) await store.check(each);
      const fresh = partialOf(view, await since(view));
      files[view.name] = await write(view, combineOf(view, `${kept} UNION ALL (${fresh})`));
      done(`folded the events since version ${base.number} in`);
    } else {
      files[view.name] = await write(view, partialOf(view, await everything(view)));
      const why =
        !base || (old && !file) ? "" : !old ? ": it is new" : old.identity === view.identity ? "" : ": it has changed";
      done(`recomputed${why}`);
    }
  }
  return files;
}

/** The file, and for which groups its partials have no value. */
export async function tried(store: Store, session: Session, view: ViewDefinition, found: ViewFile): Promise<ViewFile> {
  if (found.file) await store.check(found.file);
  const partials = partialsIn(store, view, found.file ? [found.file] : []);
  return { ...found, failing: await failingGroups(session, view, partials) };
}

/** True where both speak of the same streams, so that there is an interval between them. */
function sameStreams(a: Position, b: Position): boolean {
  return covers(b, a) && Object.keys(a).length === Object.keys(b).length;
}
