/** verify: the user's own SQL in plain DuckDB over archive and log tail, at the served position, against the served rows. */
import { comparePartials, compareRows, type Difference, doublesOf } from "../shared/compare.ts";
import { estimatesOff } from "../shared/compare-estimates.ts";
import { combineOf, type Inputs, partialOf } from "../shared/compiler/texts.ts";
import type { ViewDefinition } from "../shared/definition.ts";
import { quoteName, type Session } from "../shared/duckdb/duck.ts";
import { History } from "../shared/history/history.ts";
import type { Log } from "../shared/log/log.ts";
import { plainly } from "../shared/plainly.ts";
import { rangesBetween } from "../shared/position.ts";
import type { ViewFailure } from "../shared/store/layout.ts";
import { failureOf } from "../shared/store/partials.ts";
import type { Store } from "../shared/store/store.ts";
import type { Snapshot } from "../shared/store/versions.ts";
import { checkedPartials, checkedRows } from "./snapshot-rows.ts";

export interface Verdict {
  readonly view: string;
  /** Rows that were served. */
  readonly rows: number;
  /** `left` is what is served, `right` the recomputed row. */
  readonly differences: readonly Difference[];
  /**
   * Rows that depend on the rounding of a sum of doubles are compared as partials, where the tolerance can be stated. Sketches are
   * compared as partials, too, and with the exact aggregates that they estimate.
   */
  readonly comparedAs: "rows" | "partials" | "estimates";
  /** Why the view has no answer to verify. */
  readonly failed: ViewFailure | null;
}

export interface Verification {
  readonly store: Store;
  readonly log: Log;
  readonly session: Session;
  /** Pinned: its files stay until the caller lets go. */
  readonly snapshot: Snapshot;
}

/**
 * One verdict for each view, as it is reached.
 * @throws STORE_CORRUPT, STORE_MISSING, STORE_GAP where a file is damaged; LOG_RANGE
 */
export async function* verify(
  { store, log, session, snapshot }: Verification,
  views: readonly ViewDefinition[],
): AsyncGenerator<Verdict> {
  const { manifest, position } = snapshot;
  const history = new History(store, log, manifest.origin);
  const ranges = rangesBetween(manifest.origin, position);
  const inputsOf = history.inputs(session, manifest.definition, ranges);
  for (const view of views) {
    const failed = failureOf(snapshot, view.name);
    if (failed) {
      yield { view: view.name, rows: 0, differences: [], comparedAs: "rows", failed };
      continue;
    }
    yield await verdictOf(store, session, snapshot, view, await inputsOf(view));
  }
}

async function verdictOf(
  store: Store,
  session: Session,
  snapshot: Snapshot,
  view: ViewDefinition,
  inputs: Inputs,
): Promise<Verdict> {
  const inexact = view.tolerance > 0;
  const served = await checkedRows(store, snapshot, view);
  const estimated = view.estimates?.columns ?? [];
  const columns = view.columns.filter((column) => !estimated.includes(column.name));
  const list = columns.map((column) => quoteName(column.name)).join(", ") || "1 AS nothing";
  const compared = await plainly(session, view, inputs, (plain) =>
    compareRows(session, `SELECT ${list} FROM (${served})`, `SELECT ${list} FROM (${plain})`, {
      inexact: inexact ? doublesOf(columns) : [],
      tolerance: view.tolerance,
      keys: columns.filter((column) => column.key !== null).map((column) => column.name),
    }),
  );
  const allEstimated = columns.length === 0;
  if (!view.estimates && (compared.differences.length === 0 || !inexact))
    return { view: view.name, ...compared, comparedAs: "rows", failed: null };
  if (view.estimates && !allEstimated && !inexact && compared.differences.length > 0)
    return { view: view.name, ...compared, comparedAs: "rows", failed: null };
  // a HAVING or round over a sum of doubles may fall either way in the last place: the sums themselves decide
  const rows = await checkedPartials(store, snapshot, view);
  const merged = combineOf(view, rows);
  const partials = await comparePartials(session, view, merged, combineOf(view, `(${partialOf(view, inputs)})`));
  if (!view.estimates) return { view: view.name, ...partials, comparedAs: "partials", failed: null };
  const differences = [...partials.differences, ...(await estimatesOff(session, view, rows, inputs))];
  return { view: view.name, rows: compared.rows, differences, comparedAs: "estimates", failed: null };
}
