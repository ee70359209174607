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
import { type ParsedQuestion, sqlOf } from "./question/query.ts";
import { copied } from "./rows/copied.ts";
import type { AnswerFormat } from "./rows/formats.ts";
import { rowsFrom } from "./rows/rows.ts";
import { AnswerReader } from "./snapshot/answer-reader.ts";
import { viewNamed } from "./snapshot/answerable.ts";
import type { Follower } from "./snapshot/follower.ts";
import { Lease } from "./snapshot/lease.ts";
import type { ServedView } from "./snapshot/loaded.ts";
import { type MetaSources, metaOf } from "./snapshot/meta.ts";
import { snapshotName } from "./snapshot/name.ts";
import type { SessionPool } from "./snapshot/pool.ts";

export interface ViewAnswer {
  readonly meta: Meta;
  /** See snapshotName. */
  readonly snapshot: string;
  /** The whole body, or a stream of it; the snapshot is held until the stream ends or is canceled. */
  readonly body: string | AsyncGenerator<string | Uint8Array>;
  /** Releases the snapshot of a body that nothing was read of: a client may leave before the first byte. */
  readonly releaseUnread: () => void;
}

export interface AnswerSources extends MetaSources {
  readonly store: Store;
  readonly follower: Follower;
  readonly pool: SessionPool;
  /** Null: DuckDB answers every question. */
  readonly models: ReadModels | null;
  /** Null: views are not checked in the background. */
  readonly health: ViewHealth | null;
}

/**
 * @param pairs the query string's parameters
 * @throws VIEW_UNKNOWN, USAGE (also for values that DuckDB refuses), SERVE_VIEW_FAILED, SERVE_BUSY
 */
export async function answer(
  sources: AnswerSources,
  name: string,
  pairs: Iterable<readonly [string, string]>,
  format: AnswerFormat,
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
    return { meta, snapshot: snapshotName(served), body, releaseUnread: () => undefined };
  }
  const reader = new AnswerReader(() => lease.release());
  const session = await lease.session(asker, reader);
  const rows = await withPlainErrors(session, view, question, async () => {
    // rows are streamed: a group that is known to fail has to fail before the first row is sent
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
  lease.handOver();
  const body = lease.rows(reader.reads(rows));
  return { meta, snapshot: snapshotName(served), body, releaseUnread: () => lease.releaseUnread() };
}

/** Turns what DuckDB throws at a question into our errors. */
async function withPlainErrors<T>(
  session: Session,
  view: ServedView,
  question: ParsedQuestion,
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
        "this question needs more memory than is available",
        "ask for fewer rows, or try again later",
      );
    }
    const failure = isOfValues(error) ? await failureFor(session, view, question) : null;
    throw failure ?? new TidemarkError("QUERY_FAILED", messageOf(error), "", {}, error);
  }
}

/** @throws USAGE naming the first filter whose value is not of its column's type */
async function refuseValues(session: Session, view: ServedView, question: ParsedQuestion): Promise<void> {
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

/** The same body, its first piece read already, so that an error there is raised before anything is sent. */
async function withFirstPiece(
  pieces: AsyncGenerator<string | Uint8Array>,
): Promise<AsyncGenerator<string | Uint8Array>> {
  const first = await pieces.next();
  return (async function* () {
    if (!first.done) yield first.value;
    yield* pieces;
  })();
}
