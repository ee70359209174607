/**
 * What a changelog's records that count leave, and whether each says of its row what it was: read as any reader reads
 * them, without the normaliser's own file.
 */
import type { ChangelogStream } from "../../shared/definition.ts";
import { quoteName, type Session } from "../../shared/duckdb/duck.ts";
import { History } from "../../shared/history/history.ts";
import type { Log } from "../../shared/log/log.ts";
import { logStream, originOf } from "../../shared/store/origin.ts";
import type { Store } from "../../shared/store/store.ts";

export interface FoldedRecords {
  /** Rows as JSON, by key as JSON. */
  readonly rows: ReadonlyMap<string, string>;
  /** Records whose `before` is not what the one before left. */
  readonly wrong: readonly string[];
  /** Records that count. */
  readonly records: number;
  /** All that were appended. */
  readonly appended: number;
}

export async function foldedRecords(
  session: Session,
  store: Store,
  log: Log,
  stream: ChangelogStream,
): Promise<FoldedRecords> {
  const { origin } = await originOf(store, log, stream);
  const ends = await log.end(logStream(stream));
  const ranges = ends.map((upto, partition) => ({ stream: stream.name, partition, from: 0, upto }));
  const events = await new History(store, log, origin).events(session, stream, ranges, true);
  const key = stream.changelog.key.map((name) => `coalesce(after, before).${quoteName(name)}::VARCHAR`).join(", ");
  const found = await session.rows(
    `SELECT to_json([${key}])::VARCHAR AS k, to_json(before)::VARCHAR AS b, to_json(after)::VARCHAR AS a
     FROM (${events}) ORDER BY __event.p, __event.o`,
  );
  const rows = new Map<string, string>();
  const wrong: string[] = [];
  for (const { k, a, b } of found) {
    const own = String(k);
    const before = b === null ? undefined : String(b);
    if (rows.get(own) !== before) wrong.push(`${own}: ${before} instead of ${rows.get(own)}`);
    if (a === null) rows.delete(own);
    else rows.set(own, String(a));
  }
  return { rows, wrong, records: found.length, appended: ends.reduce((sum, end) => sum + end, 0) };
}
