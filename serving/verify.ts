/** verify: the user's own SQL in plain DuckDB over archive and log tail, at the served position, against the served rows. */
import { comparePartials, type Difference, largestScale } from "../shared/compare.ts";
import { estimatesOff } from "../shared/compare-estimates.ts";
import { combineOf, type Inputs, partialOf, rowsOf } from "../shared/compiler/texts.ts";
import type { ViewDefinition } from "../shared/definition.ts";
import { freshName, type Session } from "../shared/duckdb/duck.ts";
import { failingGroups, failingLine, isOfValues } from "../shared/health/failing-groups.ts";
import { saidWithoutValues } from "../shared/health/said.ts";
import { History } from "../shared/history/history.ts";
import type { Log } from "../shared/log/log.ts";
import { plainly } from "../shared/plainly.ts";
import { rangesBetween } from "../shared/position.ts";
import type { ViewFailure } from "../shared/store/layout.ts";
import { failureOf } from "../shared/store/partials.ts";
import type { Store } from "../shared/store/store.ts";
import type { Snapshot } from "../shared/store/versions.ts";
import { checkedPartials } from "./snapshot-rows.ts";
import { type ComparedRows, compareServed } from "./verify-rows.ts";

export interface Verdict {
  readonly view: string;
  /** Rows that were served. */
  readonly rows: number;
  /** `left` is what is served, `right` the recomputed row. */
  readonly differences: readonly Difference[];
  /**
   * What depends on the rounding of a sum of doubles is compared as partials, where the tolerance can be stated, and so is what has no rows to compare.
   * Sketches are compared as partials, too, and with the exact aggregates that they estimate. All else is compared as rows, whatever this says.
   */
  readonly comparedAs: "rows" | "partials" | "estimates";
  /** Why the view, or one of its groups, has no answer to verify. */
  readonly failed: ViewFailure | null;
  /** What plain DuckDB raises on where the view has an answer; null: nothing. */
  readonly plainRaises: string | null;
}

export interface Verification {
  readonly store: Store;
  readonly log: Log;
  readonly session: Session;
  /** Pinned: its files stay until the caller lets go. */
  readonly snapshot: Snapshot;
}

/** Plain DuckDB adds up doubles in whatever order: beyond this it may be infinite on the way. */
const overflowFrom = 1e300;

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
      yield { view: view.name, rows: 0, differences: [], comparedAs: "rows", failed, plainRaises: null };
      continue;
    }
    yield await verdictOf(session, view, await checkedPartials(store, snapshot, view), await inputsOf(view));
  }
}

async function verdictOf(session: Session, view: ViewDefinition, served: string, inputs: Inputs): Promise<Verdict> {
  const partials = async () => {
    const [kept, again] = [combineOf(view, served), combineOf(view, `(${partialOf(view, inputs)})`)];
    return comparePartials(session, view, kept, again);
  };
  const estimates = () => estimatesOff(session, view, served, inputs);
  const failing = failingLine(await failingGroups(session, view, served));
  if (failing !== null) {
    const { rows, differences } = await partials();
    const failed = { message: failing, at: null };
    return { view: view.name, rows, differences, comparedAs: "partials", failed, plainRaises: null };
  }
  const compared = await rowsCompared(session, view, served, inputs);
  const comparedAs = view.estimates ? "estimates" : "partials";
  const verdict = { view: view.name, failed: null, plainRaises: null };
  if (typeof compared === "string") {
    const { rows, differences } = await partials();
    const off = view.estimates ? await estimates() : [];
    return { ...verdict, rows, differences: [...differences, ...off], comparedAs, plainRaises: compared };
  }
  const { rows, rounding } = compared;
  if (compared.differences.length > 0 || (!view.estimates && !rounding))
    return { ...verdict, rows, differences: compared.differences, comparedAs: "rows" };
  // a HAVING or round over a sum of doubles may fall either way in the last place: the sums themselves decide
  const { differences } = await partials();
  const off = view.estimates ? await estimates() : [];
  return { ...verdict, rows, differences: [...differences, ...off], comparedAs };
}

/** @returns what plain DuckDB raises on, where it does */
async function rowsCompared(
  session: Session,
  view: ViewDefinition,
  served: string,
  inputs: Inputs,
): Promise<ComparedRows | string> {
  const estimated = view.estimates?.columns ?? [];
  const columns = view.columns.filter((column) => !estimated.includes(column.name));
  const overflow = async () => (await largestScale(session, view, combineOf(view, served))) >= overflowFrom;
  const table = freshName("plain");
  try {
    const raised = await plainly(session, view, inputs, (plain) =>
      session.run(`CREATE TEMP TABLE ${table} AS ${plain}`).then(
        () => null,
        (error: unknown) => {
          if (!isOfValues(error)) throw error;
          return saidWithoutValues(error);
        },
      ),
    );
    return raised ?? (await compareServed(session, view, rowsOf(view, served), `FROM ${table}`, columns, overflow));
  } finally {
    await session.run(`DROP TABLE IF EXISTS ${table}`);
  }
}
