/** verify: the user's own SQL in plain DuckDB over archive and log, at the served position, against the served rows. */
import { combineOf, type Inputs, partialOf, rowsOf } from "../compiler/texts.ts";
import type { Definition, ViewDefinition } from "../definition.ts";
import { freshName, type Session } from "../duckdb/duck.ts";
import { failingGroups, failingLine, isOfValues } from "../health/failing-groups.ts";
import { saidWithoutValues } from "../health/said.ts";
import { History } from "../history/history.ts";
import type { Log } from "../log/log.ts";
import { rangesBetween } from "../position.ts";
import type { ViewFailure } from "../store/layout.ts";
import { failureOf } from "../store/partials.ts";
import { checkedPartials } from "../store/snapshot-rows.ts";
import type { Store } from "../store/store.ts";
import type { Snapshot } from "../store/versions.ts";
import { type ComparedRows, compareServed } from "./answers.ts";
import { largestScale } from "./compare.ts";
import { compareDerivations, notCompared, type Verdict, whyIncomparable } from "./derivations.ts";
import { estimatesOff } from "./estimates.ts";
import { withPlainSql } from "./plain-sql.ts";

/** `left` is what is served, `right` the recomputed row. */
export interface ViewVerdict extends Verdict {
  /**
   * What depends on the rounding of a sum of doubles is compared as partials, where the tolerance can be
   * stated, and so is what has no rows to compare. Sketches are compared as partials, too, and with the exact
   * aggregates that they estimate. All else is compared as rows, whatever this says.
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
): AsyncGenerator<ViewVerdict> {
  const { manifest, position } = snapshot;
  const history = new History(store, log, manifest.origin);
  const ranges = rangesBetween(manifest.origin, position);
  const inputsOf = history.inputs(session, manifest.definition, ranges);
  const plainOf = history.plainInputs(session, manifest.definition, ranges);
  for (const view of views) {
    const failed = failureOf(snapshot, view.name);
    if (failed) {
      const incomparable = whyIncomparable({ view, failed }, { view, failed: null })!;
      yield { ...notCompared(view.name, incomparable), comparedAs: "rows", failed, plainRaises: null };
      continue;
    }
    const served = await checkedPartials(store, snapshot, view);
    const inputs = await inputsOf(view);
    // the same tables are read where they are the same rows
    const plain = view.weighted ? await plainOf(view) : inputs;
    yield await verdictOf({ session, definition: manifest.definition }, view, served, { inputs, plain });
  }
}

async function verdictOf(
  { session, definition }: { session: Session; definition: Definition },
  view: ViewDefinition,
  served: string,
  { inputs, plain }: { readonly inputs: Inputs; readonly plain: Inputs },
): Promise<ViewVerdict> {
  const partials = () => compareDerivations(session, definition, view, served, partialOf(view, inputs));
  const estimates = () => estimatesOff(session, view, served, plain);
  const verdict = { view: view.name, incomparable: null, failed: null, plainRaises: null };
  const failing = failingLine(await failingGroups(session, view, served));
  if (failing !== null) {
    const { rows, differences } = await partials();
    const failed = { message: failing, at: null };
    return { ...verdict, rows, differences, comparedAs: "partials", failed };
  }
  const compared = await rowsCompared(session, view, served, plain);
  const comparedAs = view.estimates ? "estimates" : "partials";
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
    const raised = await withPlainSql(session, view, inputs, (plain) =>
      session.run(`CREATE TEMP TABLE ${table} AS ${plain}`).then(
        () => null,
        (error: unknown) => {
          if (!isOfValues(error)) throw error;
          return saidWithoutValues(error);
        },
      ),
    );
    return raised ?? (await compareServed(session, view, [rowsOf(view, served), `FROM ${table}`], columns, overflow));
  } finally {
    await session.run(`DROP TABLE IF EXISTS ${table}`);
  }
}
