/**
 * Decides what is published for each view after the proof. A view that the layers derive differently is derived
 * again to find which side is wrong, and does not hold other views back.
 */
import { combineOf, partialOf } from "../shared/compiler/texts.ts";
import type { ViewDefinition } from "../shared/definition.ts";
import { rangesBetween } from "../shared/position.ts";
import { compareDerivations, type Verdict } from "../shared/proof/derivations.ts";
import { layout, type Proof, type ViewFile } from "../shared/store/layout.ts";
import { failedView, partialsIn, pinnedPartials, writePartials } from "../shared/store/partials.ts";
import { reject } from "../shared/store/rejections.ts";
import { blame, type ProofContext } from "./blame.ts";
import { withFailingGroups } from "./fold.ts";
import { disprovedError, prove } from "./prove.ts";

export interface ProofOutcome {
  readonly files: Record<string, ViewFile>;
  readonly proof: Proof;
  readonly verdicts: readonly Verdict[];
}

/**
 * Returns the proof and each view's file. When an entry of the delta is wrong, it is rejected, so that speed
 * rewrites it, and the view is published as recomputed from the archive, on which two recomputes agree;
 * likewise when the older version is wrong. When two recomputes differ, the view stays as it is served.
 *
 * @param run names the files that are written
 * @throws BATCH_UNPROVED when views were compared and none is proved: the fault then lies with no single view
 */
export async function settleProof(
  context: ProofContext,
  files: Readonly<Record<string, ViewFile>>,
  run: string,
  say: (line: string) => void,
): Promise<ProofOutcome> {
  const { store, pinned, definition } = context;
  const verdicts = await prove(context, files, say);
  const compared = verdicts.filter(({ incomparable }) => incomparable === null);
  const disproved = compared.filter(({ differences }) => differences.length > 0);
  const settled: Record<string, ViewFile> = { ...files };
  const doubts = new Map(verdicts.flatMap(({ view, incomparable }) => (incomparable ? [[view, incomparable]] : [])));
  let [right, replaced] = [compared.length - disproved.length, 0];
  let failure: Error | null = null;
  for (const { view: name, differences } of disproved) {
    const view = definition.views.find((each) => each.name === name)!;
    const found = await blame(context, view, files[name]!);
    if (found.wrong === "entry") await reject(store, { ...found.rejection, why: found.says });
    failure ??= disprovedError(pinned, view, differences, found.says, todoOf[found.wrong]);
    say(`view ${name} is NOT proved: ${found.says}`);
    if (found.wrong === "nothing") {
      const again = await recomputeIfEqual(context, view, run);
      if (again) {
        settled[name] = again;
        right++;
        continue;
      }
    }
    if (found.wrong === "version") replaced++;
    if (found.wrong === "version" || found.wrong === "entry") {
      doubts.set(name, `${found.says}; it is as the archive has it`);
      continue;
    }
    settled[name] = await asServed(context, view, run);
    doubts.set(name, `${found.says}; it stays as it was served`);
  }
  // every compared view failed, so the fault is not a single view's: nothing is published without any proof
  if (failure && right + replaced === 0) throw failure;
  const by = `version ${pinned.manifest.number} and its delta`;
  const says = [...doubts].map(([view, why]) => `${why} (view ${view})`).join("; ");
  const proof: Proof =
    right > 0 || disproved.length === 0
      ? { state: "proved", by, views: right, unproved: Object.fromEntries(doubts) }
      : { state: "unproved", by: says, views: 0, unproved: Object.fromEntries(doubts) };
  return { files: settled, proof, verdicts };
}

const todoOf = {
  entry: "speed rewrites its delta from there; the next run then proves it",
  version: "the next run replaces it",
  recompute: "run it again, and check the machine's memory and disks",
  nothing: "run it again, and check the machine's memory and disks",
} as const;

/** Recomputes the view; null when the result still differs from what is served. */
async function recomputeIfEqual(context: ProofContext, view: ViewDefinition, run: string): Promise<ViewFile | null> {
  const { store, session, history, definition, pinned } = context;
  const ranges = rangesBetween(pinned.manifest.origin, pinned.position);
  const inputs = await history.inputs(session, definition, ranges)(view);
  const name = `${layout.versionFolder(run)}/again-${view.name}.parquet`;
  const file = await writePartials(session, store, view, partialOf(view, inputs), name, { durable: true });
  const served = await pinnedPartials(store, view, pinned);
  const fresh = await partialsIn(store, view, file.file ? [file.file] : []);
  const { differences } = await compareDerivations(session, definition, view, served, fresh);
  return differences.length > 0 ? null : withFailingGroups(store, session, view, file);
}

/** A view's partials as the pinned snapshot has them, in one file; failed when they can't be merged. */
async function asServed(
  { store, session, pinned }: Pick<ProofContext, "store" | "session" | "pinned">,
  view: ViewDefinition,
  run: string,
): Promise<ViewFile> {
  const served = combineOf(view, await pinnedPartials(store, view, pinned));
  const name = `${layout.versionFolder(run)}/served-${view.name}.parquet`;
  return writePartials(session, store, view, served, name, { durable: true }).then(
    (file) => withFailingGroups(store, session, view, file),
    (error: unknown) => failedView(error, null),
  );
}
