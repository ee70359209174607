/** verify: the user's own SQL in plain DuckDB over archive and log tail, at the served position, against the served rows. */
import { compareRows, type Difference, doublesOf } from "../shared/compare.ts";
import { combineOf, partialOf, plainOf } from "../shared/compiler/texts.ts";
import type { ViewDefinition } from "../shared/definition.ts";
import type { Session } from "../shared/duckdb/duck.ts";
import { History } from "../shared/history/history.ts";
import type { Log } from "../shared/log/log.ts";
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
  /** Rows that depend on the rounding of a sum of doubles are compared as partials, where the tolerance can be stated. */
  readonly comparedAs: "rows" | "partials";
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
  const events = new Map<string, string>();
  for (const view of views) {
    const failed = failureOf(snapshot, view.name);
    if (failed) {
      yield { view: view.name, rows: 0, differences: [], comparedAs: "rows", failed };
      continue;
    }
    const stream = manifest.definition.streams.find((each) => each.name === view.stream)!;
    if (!events.has(stream.name)) events.set(stream.name, await history.events(session, stream, ranges));
    yield await verdictOf(store, session, snapshot, view, events.get(stream.name)!);
  }
}

async function verdictOf(
  store: Store,
  session: Session,
  snapshot: Snapshot,
  view: ViewDefinition,
  events: string,
): Promise<Verdict> {
  const plain = plainOf(view, events);
  const inexact = view.tolerance > 0;
  const compared = await compareRows(session, await checkedRows(store, snapshot, view), plain, {
    inexact: inexact ? doublesOf(view.columns) : [],
    tolerance: view.tolerance,
    keys: view.columns.filter((column) => column.key !== null).map((column) => column.name),
  });
  if (compared.differences.length === 0 || !inexact) {
    return { view: view.name, ...compared, comparedAs: "rows", failed: null };
  }
  // a HAVING or round over a sum of doubles may fall either way in the last place: the sums themselves decide
  const served = combineOf(view, await checkedPartials(store, snapshot, view));
  const partials = await compareRows(session, served, partialOf(view, events), {
    inexact: view.inexact,
    tolerance: view.tolerance,
    keys: view.keys.map((key) => key.name),
  });
  return { view: view.name, ...partials, comparedAs: "partials", failed: null };
}
