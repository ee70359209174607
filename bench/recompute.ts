/** All views over a whole archive, as a full run computes them. */
import { foldInto, fullPace } from "../batch/fold.ts";
import { Archive } from "../shared/archive/archive.ts";
import type { Definition } from "../shared/definition.ts";
import type { Session } from "../shared/duckdb/duck.ts";
import type { History } from "../shared/history/history.ts";
import type { Position } from "../shared/position.ts";
import type { ViewFile } from "../shared/store/layout.ts";

/** @param run names the files that are written */
export async function recompute(
  history: History,
  session: Session,
  definition: Definition,
  { origin, cut }: { readonly origin: Position; readonly cut: Position },
  run: string,
): Promise<Record<string, ViewFile>> {
  const { store } = history.records;
  const archive = await Archive.read(store, origin);
  const on = {
    store,
    session,
    definition,
    history: history.over(archive),
    archive,
    pace: fullPace,
    clock: () => performance.now(),
    say: () => undefined,
    begun: new Map(),
  };
  const views = definition.views.map((view) => ({ view, kept: [], note: null }));
  return foldInto(on, { from: origin, views }, cut, run);
}
