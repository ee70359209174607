/** archive → version: the partial SQL of every view over all events below one cut. */
import { type Inputs, partialOf } from "../shared/compiler/texts.ts";
import type { Definition, ViewDefinition } from "../shared/definition.ts";
import { quoteText, type Session } from "../shared/duckdb/duck.ts";
import { messageOf } from "../shared/errors.ts";
import type { History } from "../shared/history/history.ts";
import { type Position, rangesBetween } from "../shared/position.ts";
import { layout, type ViewFile } from "../shared/store/layout.ts";
import { isOfSql } from "../shared/store/partials.ts";
import type { Store } from "../shared/store/store.ts";

export interface Recompute {
  readonly store: Store;
  readonly history: History;
  readonly session: Session;
}

/**
 * Computes every view over `[origin, cut)` into files of their own under `run`, durable but not yet named by any manifest.
 * A view whose SQL fails on valid events is marked failed; the others go on.
 */
export async function recompute(
  { store, history, session }: Recompute,
  definition: Definition,
  origin: Position,
  cut: Position,
  run: string,
  onView: (view: string, ms: number) => void = () => undefined,
): Promise<Record<string, ViewFile>> {
  const ranges = rangesBetween(origin, cut);
  const inputsOf = history.inputs(session, definition, ranges);
  const files: Record<string, ViewFile> = {};
  for (const view of definition.views) {
    const started = performance.now();
    const inputs = await inputsOf(view);
    files[view.name] = await writePartials(store, session, view, inputs, layout.versionFile(run, view.name));
    onView(view.name, performance.now() - started);
  }
  return files;
}

async function writePartials(
  store: Store,
  session: Session,
  view: ViewDefinition,
  inputs: Inputs,
  name: string,
): Promise<ViewFile> {
  const scratch = store.scratch("version.parquet");
  let rows: number;
  try {
    rows = Number(await session.value(`COPY (${partialOf(view, inputs)}) TO ${quoteText(scratch)} (FORMAT parquet)`));
  } catch (error) {
    if (!isOfSql(error)) throw error;
    return { file: null, rows: 0, failed: { message: messageOf(error), at: null } };
  }
  return { file: await store.publish(scratch, name, { durable: true }), rows };
}
