/** Compares replayed views with what is served; they are published in any case, with the result. */
import { rowsOf } from "../shared/compiler/texts.ts";
import type { ViewDefinition } from "../shared/definition.ts";
import { isOfValues } from "../shared/health/failing-groups.ts";
import { compareServed } from "../shared/proof/answers.ts";
import { compareDerivations, notCompared, type Verdict, whyIncomparable } from "../shared/proof/derivations.ts";
import type { Proof, ViewFile } from "../shared/store/layout.ts";
import { failureOf, partialsIn } from "../shared/store/partials.ts";
import { checkedPartials } from "../shared/store/snapshot-rows.ts";
import type { ProofContext } from "./blame.ts";
import type { ProofOutcome } from "./settle.ts";

/** @param views the replayed views */
export async function compareReplayed(
  context: ProofContext,
  files: Readonly<Record<string, ViewFile>>,
  views: readonly ViewDefinition[],
): Promise<ProofOutcome> {
  const verdicts: Verdict[] = [];
  for (const view of views) verdicts.push(await compare(context, view, files[view.name]!));
  return { files: { ...files }, proof: proofOf(verdicts, context.pinned.manifest.number), verdicts };
}

function proofOf(verdicts: readonly Verdict[], number: number): Proof {
  const unequal = verdicts.filter(({ differences }) => differences.length > 0).map(({ view }) => view);
  const equal = verdicts.filter(({ incomparable, differences }) => incomparable === null && differences.length === 0);
  if (unequal.length > 0) return { state: "unproved", by: `other rows than served: ${unequal.join(", ")}`, views: 0 };
  return equal.length > 0
    ? { state: "proved", by: `version ${number} and its delta`, views: equal.length }
    : { state: "unproved", by: "nothing comparable is served", views: 0 };
}

/** Compares as rows; as partials where there are no rows, or where roundings may differ. */
async function compare(
  { store, session, definition, pinned }: ProofContext,
  view: ViewDefinition,
  { file, failed }: ViewFile,
): Promise<Verdict> {
  const { name } = view;
  const before = pinned.manifest.definition.views.find((each) => each.name === name);
  const served = { view: before, failed: before ? failureOf(pinned, name) : null };
  const incomparable = whyIncomparable(served, { view, failed: failed ?? null });
  if (incomparable !== null) return notCompared(name, incomparable);
  const old = await checkedPartials(store, pinned, view);
  const fresh = await partialsIn(store, view, file ? [file] : []);
  const sides = [rowsOf(before!, old), rowsOf(view, fresh)] as const;
  const rows = await compareServed(session, view, sides, view.columns, async () => false).catch((error: unknown) => {
    // groups whose value can't be computed have no rows to compare
    if (!isOfValues(error)) throw error;
    return null;
  });
  if (rows && (rows.differences.length > 0 || !rows.rounding)) return { view: name, ...rows, incomparable };
  const partials = await compareDerivations(session, definition, view, old, fresh);
  return { view: name, rows: rows?.rows ?? partials.rows, differences: partials.differences, incomparable };
}
