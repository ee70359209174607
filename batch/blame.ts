/** After a failed proof both sides are derived again, to find which one is wrong and where the error begins. */
import { partialOf } from "../shared/compiler/texts.ts";
import type { Definition, ViewDefinition } from "../shared/definition.ts";
import type { Session } from "../shared/duckdb/duck.ts";
import type { History } from "../shared/history/history.ts";
import { formatPosition, type Position, rangesBetween } from "../shared/position.ts";
import { compareDerivations } from "../shared/proof/derivations.ts";
import type { ViewFile } from "../shared/store/layout.ts";
import { entryFiles, partialsIn, versionFiles } from "../shared/store/partials.ts";
import type { Rejection } from "../shared/store/rejections.ts";
import type { FileRef, Store } from "../shared/store/store.ts";
import type { Snapshot } from "../shared/store/versions.ts";

export interface ProofContext {
  readonly store: Store;
  readonly history: History;
  readonly session: Session;
  readonly definition: Definition;
  /** What the recompute was compared with. */
  readonly pinned: Snapshot;
}

/**
 * What is wrong: an entry of the delta, the older version's own partials, the recompute (two of them differ),
 * or nothing any longer.
 */
export type Blame =
  | { readonly wrong: "entry"; readonly says: string; readonly rejection: Omit<Rejection, "why" | "generation"> }
  | { readonly wrong: "version" | "recompute" | "nothing"; readonly says: string };

/**
 * @param fresh the recompute's file of the view
 * @throws STORE_CORRUPT, LOG_RANGE when the events needed to derive it again are gone
 */
export async function blame(context: ProofContext, view: ViewDefinition, fresh: ViewFile): Promise<Blame> {
  const { pinned } = context;
  const { manifest, position } = pinned;
  if (await differs(context, view, fresh.file ? [fresh.file] : [], manifest.origin, position))
    return { wrong: "recompute", says: "two recomputes of the same events differ, so this machine can't be trusted" };
  if (await differs(context, view, versionFiles(manifest, view.name), manifest.origin, manifest.cut))
    return { wrong: "version", says: `version ${manifest.number}'s own partials are wrong` };
  for (const head of pinned.heads) {
    for (const entry of head.entries) {
      if (!(await differs(context, view, entryFiles([entry], view.name), entry.from, entry.upto))) continue;
      return {
        wrong: "entry",
        says:
          `the first wrong entry is ${entry.sequence} of shard ${head.shard}, generation ${head.generation}, ` +
          `from ${formatPosition(entry.from)} to ${formatPosition(entry.upto)}`,
        rejection: { version: manifest.number, shard: head.shard, from: entry.from, view: view.name },
      };
    }
  }
  return { wrong: "nothing", says: "derived again, both sides agree with the events: a file was misread once" };
}

/** True when these files are not the partials of the events between the two positions. */
async function differs(
  { store, history, session, definition }: ProofContext,
  view: ViewDefinition,
  files: readonly FileRef[],
  from: Position,
  upto: Position,
): Promise<boolean> {
  const inputs = await history.inputs(session, definition, rangesBetween(from, upto))(view);
  const [kept, again] = [await partialsIn(store, view, files), partialOf(view, inputs)];
  const { differences } = await compareDerivations(session, definition, view, kept, again);
  return differences.length > 0;
}
