/** prove: version n ⊕ its delta at the new cut must equal version n+1, key by key; every run tests both layers. */
import type { ViewDefinition } from "../shared/definition.ts";
import { TidemarkError } from "../shared/errors.ts";
import { isOfValues } from "../shared/health/failing-groups.ts";
import { saidWithoutValues } from "../shared/health/said.ts";
import type { Difference } from "../shared/proof/compare.ts";
import { compareDerivations, notCompared, type Verdict, whyIncomparable } from "../shared/proof/derivations.ts";
import type { ViewFile } from "../shared/store/layout.ts";
import { failureOf, partialsIn, pinnedPartials } from "../shared/store/partials.ts";
import type { Snapshot } from "../shared/store/versions.ts";
import type { ProofContext } from "./blame.ts";

type ProofPlan = Pick<ProofContext, "store" | "session" | "pinned" | "definition">;

/**
 * Compares the new partials with the snapshot at the same position: `left` is the version and its delta, `right` the
 * recompute.
 *
 * @param say called with a line for each view that is not compared
 * @param pinned the older version and its delta; the caller has checked and pinned their files; their position is the
 *   new cut
 * @returns a verdict for each view of the definition
 */
export async function prove(
  proving: ProofPlan,
  files: Readonly<Record<string, ViewFile>>,
  say: (line: string) => void,
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const view of proving.definition.views) {
    const verdict = await proveView(proving, view, files[view.name]!);
    if (verdict.incomparable !== null) say(`view ${view.name}: not proved, since ${verdict.incomparable}`);
    verdicts.push(verdict);
  }
  return verdicts;
}

async function proveView(
  { store, session, pinned, definition }: ProofPlan,
  view: ViewDefinition,
  fresh: ViewFile,
): Promise<Verdict> {
  const { name } = view;
  const before = pinned.manifest.definition.views.find((each) => each.name === name);
  const served = { view: before, failed: before ? failureOf(pinned, name) : null };
  const incomparable = whyIncomparable(served, { view, failed: fresh.failed ?? null });
  if (incomparable !== null) return notCompared(name, incomparable);
  const made = fresh.file ? [fresh.file] : [];
  try {
    const [left, right] = [await pinnedPartials(store, view, pinned), await partialsIn(store, view, made)];
    return { view: name, ...(await compareDerivations(session, definition, view, left, right)), incomparable };
  } catch (error) {
    if (!isOfValues(error)) throw error;
    return notCompared(name, `its partials can't be merged: ${saidWithoutValues(error)}`);
  }
}

/** The error for a view whose proof failed. */
export function disprovedError(
  pinned: Snapshot,
  view: ViewDefinition,
  differences: readonly Difference[],
  says: string,
  todo: string,
): TidemarkError {
  const first = differences[0]!;
  const { number } = pinned.manifest;
  const { left, right } = first;
  const parts = view.parts
    .map(({ name }) => name)
    .filter((name) => JSON.stringify(left?.[name]) !== JSON.stringify(right?.[name]));
  const rows = differences.length === 1 ? "one group" : `${differences.length} groups`;
  const how =
    left && right
      ? `the first in ${parts.join(", ")}`
      : `the first is missing from ${left ? "the recompute" : `version ${number} and its delta`}`;
  return new TidemarkError(
    "BATCH_UNPROVED",
    `view ${view.name}: version ${number} and its delta differ from the recompute in ${rows}, ${how}; ${says}; nothing was published`,
    todo,
    { view: view.name, parts, rows: differences.length, says },
  );
}
