/** From a view's aggregates to what they need of those who compute it: an order of events, or none. */
import type { Coordination } from "../definition.ts";
import type { Aggregate } from "./aggregates/plan.ts";

/** One use of an aggregate, as it is written. */
export interface WrittenUse {
  readonly sql: string;
  readonly entry: Aggregate;
}

/**
 * @param shown for each column with aggregates, its uses and whether it is nothing but the one
 * @param having the uses in HAVING
 * @param inexact sums of doubles are among them
 * @param weighted rows may go again
 */
export function coordinationOf(
  shown: readonly { readonly column: string; readonly uses: readonly WrittenUse[]; readonly bare: boolean }[],
  having: readonly WrittenUse[] | null,
  inexact: boolean,
  weighted: boolean,
): Coordination {
  const all = [...shown.flatMap((each) => each.uses), ...(having ?? [])];
  const ordered = [...new Set(all.filter(({ entry }) => entry.ordered).map(({ sql }) => sql))];
  const why =
    ordered.length > 0
      ? ordered.map((sql) => `${sql} asks which event came first: the log has to put them in order`)
      : ["every aggregate merges in any order: whoever has seen the same events gives the same rows"];
  if (inexact) why.push("sums of doubles differ with the order in their last places");
  const taken = shown.filter(({ uses, bare }) => uses.length > 0 && !(bare && uses[0]!.entry.monotone && !weighted));
  if (having) why.push("HAVING may hide a row again that was shown");
  for (const { column } of taken) why.push(`${column} may rise and fall with further events`);
  if (weighted) why.push("rows of a changelog go as well as come: what a row has said is taken back with them");
  const monotone = having === null && taken.length === 0 && !weighted;
  if (monotone) why.push("every value moves one way only, so that a bound once passed stays passed");
  return { free: ordered.length === 0, monotone, why };
}
