/** One question, answered on one pinned snapshot. */
import type { Session } from "../shared/duckdb/duck.ts";
import { messageOf, TidemarkError } from "../shared/errors.ts";
import { isOfValues } from "../shared/health/failing-groups.ts";
import type { Store } from "../shared/store/store.ts";
import type { Asker } from "../shared/waiting.ts";
import type { Meta } from "./client/meta.ts";
import type { ViewHealth } from "./health.ts";
import type { ReadModels } from "./model/read-models.ts";
import { failureFor } from "./question/failing.ts";
import { valueSql } from "./question/filter-values.ts";
import { columnOf, valuesIn } from "./question/filters.ts";
import { parseQuestion } from "./question/parse-question.ts";
import { type Question, sqlOf } from "./question/query.ts";
import { copied } from "./rows/copied.ts";
import type { Format } from "./rows/formats.ts";
import { rowsFrom } from "./rows/rows.ts";
import { viewNamed } from "./snapshot/answerable.ts";
import type { Follower } from "./snapshot/follower.ts";
import { Lease } from "./snapshot/lease.ts";
import type { ServedView } from "./snapshot/loaded.ts";
import { type MetaSources, metaOf } from "./snapshot/meta.ts";
import { snapshotName } from "./snapshot/name.ts";
import type { SessionPool } from "./snapshot/pool.ts";
import { Reader } from "./snapshot/reader.ts";

export interface ViewAnswer {
  readonly meta: Meta;
  /** See snapshotName. */
  readonly snapshot: string;
  /** The whole body, or some rows of it at a time; the snapshot is held until it ends or is given up. */
  readonly body: string | AsyncGenerator<string | Uint8Array>;
  /** Lets go of what a body that was never begun holds: a client may leave before its first byte. */
  readonly abandon: () => void;
}

export interface AnswerSources extends MetaSources {
  readonly store: Store;
  readonly follower: Follower;
  readonly pool: SessionPool;
  /** Null: every row is asked of DuckDB. */
  readonly models: ReadModels | null;
  /** Null: views are tried only when they are asked. */
  readonly health: ViewHealth | null;
}

/**
 * @param pairs the query string's parameters
 * @throws VIEW_UNKNOWN, USAGE, SERVE_VIEW_FAILED, SERVE_BUSY; what DuckDB has against the values is a USAGE too
 */
export async function answer(
  sources: AnswerSources,
  name: string,
  pairs: Iterable<readonly [string, string]>,
  format: Format,
  asker: Asker,
): Promise<ViewAnswer> {
  const { store, models, health } = sources;
  using lease = new Lease(sources.follower.pin(), sources.pool);
  const { served } = lease;
  const view = viewNamed(served, name);
  const question = parseQuestion(view.definition, pairs);
  const row = format.ofJson && models?.lookup(served, view, question);
  if (row !== undefined) {
    const meta = await metaOf(served, sources, name);
    const body = format.ofJson!(row === null ? [] : [row], { view: name, ...meta });
    return { meta, snapshot: snapshotName(served), body, abandon: () => undefined };
  }
  const reader = new Reader(() => lease.end());
  const session = await lease.session(asker, reader);
  const rows = await withPlainErrors(session, view, question, async () => {
    // rows are sent as they come: what is known to fail must not fail between them
    const failing = health?.failing(name).groups.length ? await failureFor(session, view, question) : null;
    if (failing) throw failing;
    const sql = sqlOf(view, question);
    if (format.copy !== undefined) {
      const copy = await copied(session, view.definition, sql, format, store.scratch("answer"));
      lease.keepOnly(copy);
      return copy.body;
    }
    const found = await rowsFrom(session, sql.text, sql.params);
    return withFirstPiece(format.encode(found, { view: name, ...(await metaOf(served, sources, name)) }));
  });
  const meta = await metaOf(served, sources, name);
  lease.handOut();
  const body = lease.rows(reader.reads(rows));
  return { meta, snapshot: snapshotName(served), body, abandon: () => lease.abandon() };
}

/** What DuckDB has against the question, said as we say it. */
async function withPlainErrors<T>(
  session: Session,
  view: ServedView,
  question: Question,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    await refuseValues(session, view, question);
    if (/^Out of Memory Error/.test(messageOf(error))) {
      throw new TidemarkError(
        "SERVE_BUSY",
        "this question needs more memory than there is",
        "ask for fewer rows, or later",
      );
    }
    const failure = isOfValues(error) ? await failureFor(session, view, question) : null;
    throw failure ?? new TidemarkError("QUERY_FAILED", messageOf(error), "", {}, error);
  }
}

/** @throws USAGE naming the first filter whose value is not of its column's type */
async function refuseValues(session: Session, view: ServedView, question: Question): Promise<void> {
  for (const { column, value } of question.filters.flatMap(valuesIn)) {
    const { type } = columnOf(view.definition, column);
    const read = session.value(`SELECT ${valueSql(type, value, "$1")} IS NOT NULL`, [value]);
    if (
      await read.then(
        (is) => is === true,
        () => false,
      )
    )
      continue;
    throw new TidemarkError(
      "USAGE",
      `filter on ${column}: "${value.slice(0, 60)}" is not a ${type}`,
      "correct the value",
    );
  }
}

/** The same, its first piece taken already: what fails there fails before anything is sent. */
async function withFirstPiece(
  pieces: AsyncGenerator<string | Uint8Array>,
): Promise<AsyncGenerator<string | Uint8Array>> {
  const first = await pieces.next();
  return (async function* () {
    if (!first.done) yield first.value;
    yield* pieces;
  })();
}
