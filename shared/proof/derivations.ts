/**
 * Two derivations of a view at one position must be equal: what is served and what a recompute gives, what a file keeps
 * and what its events give. As partials they are compared group by group, whatever made them.
 */
import { combineOf, partialOf } from "../compiler/texts.ts";
import type { Definition, ViewDefinition } from "../definition.ts";
import type { Session } from "../duckdb/duck.ts";
import { noInputs } from "../history/inputs.ts";
import type { ViewFailure } from "../store/layout.ts";
import { type Comparison, comparePartials } from "./compare.ts";

/** What comparing two derivations of a view came to. */
export interface Verdict extends Comparison {
  readonly view: string;
  /** Why they were not compared; null: they were. */
  readonly incomparable: string | null;
}

/**
 * @param left a SELECT of partial rows, as they are stored
 * @param right another one
 * @throws what DuckDB raises where partials can't be merged
 */
export async function compareDerivations(
  session: Session,
  definition: Definition,
  view: ViewDefinition,
  left: string,
  right: string,
): Promise<Comparison> {
  // without keys, no events make one row of counts 0, and no derivation at all makes no row: both mean the same
  const none = view.global ? ` UNION ALL (${partialOf(view, await noInputs(definition, view))})` : "";
  const merged = (partials: string) => combineOf(view, `(${partials})${none}`);
  return comparePartials(session, view, merged(left), merged(right));
}

export function notCompared(view: string, incomparable: string): Verdict {
  return { view, rows: 0, differences: [], incomparable };
}

/** A view's definition, and why there is no derivation of it. */
interface Side {
  readonly view: Pick<ViewDefinition, "identity"> | undefined;
  readonly failed: ViewFailure | null;
}

/**
 * The one list of reasons for not comparing what is served of a view with its recomputation.
 * @returns null where the two can be compared
 */
export function whyIncomparable(served: Side, fresh: Side): string | null {
  if (!served.view) return "it is new";
  if (!fresh.view) return "it is gone";
  if (served.view.identity !== fresh.view.identity) return "it has changed";
  if (fresh.failed) return `it has failed: ${fresh.failed.message}`;
  return served.failed ? `what is served has failed: ${served.failed.message}` : null;
}
