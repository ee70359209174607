/** The state of duplicate suppression at a position, from the archive: what a window reaches back to. The log alone may have forgotten it. */
import type { StreamDefinition } from "../definition.ts";
import { quoteName, type Session } from "../duckdb/duck.ts";
import { type Duplicates, replayPrefix, requestWindowMs } from "../duplicates/duplicates.ts";
import { offsetAt } from "../position.ts";
import type { Entry, Segment } from "../store/layout.ts";
import type { Store } from "../store/store.ts";
import { clockAt, requestsIn, rowsOfFile, timedRows } from "./segment-rows.ts";
import { dedupOf } from "./segments.ts";

/** The archive of one partition. */
export interface ArchivedPartition {
  readonly session: Session;
  readonly store: Store;
  readonly stream: StreamDefinition;
  readonly partition: number;
  readonly segments: readonly Segment[];
  /** Checks a segment's file before its first row is used. */
  readonly check: (segment: Segment) => Promise<void>;
}

/**
 * Remembers what counted below `offset`, as far as the segments reach. Events of segments that were archived with another duplicate
 * window are not remembered: a window counts from where it was set.
 * @throws STORE_CORRUPT, STORE_MISSING
 */
export async function rememberArchived(
  { session, store, stream, partition, segments, check }: ArchivedPartition,
  offset: number,
  duplicates: Duplicates,
): Promise<void> {
  const below = segments.filter((segment) => segment.from < offset);
  // log time at the position is no less than this
  let clock = clockAt(segments, offset);
  for (const segment of below) {
    const before = clockAt(segments, segment.from);
    const where = segment.upto > offset ? ` WHERE __offset < ${offset}` : "";
    const end = Math.max(before, segment.latest);
    const recent = end >= clock - requestWindowMs;
    // those of a file that the position divides are looked for in the file
    const { requests } = segment;
    const known = where === "" ? requests : requests?.length === 0 ? requests : null;
    const rows = `(FROM ${rowsOfFile(store, segment)}${where})`;
    if (!known || where !== "") await check(segment);
    if (where !== "")
      clock = Math.max(
        clock,
        Number(await session.value(`SELECT coalesce(epoch_ms(max(__timestamp)), 0) FROM ${rows}`)),
      );
    for (const each of known ?? (await requestsIn(session, rows, before))!) {
      if (recent || each.request.startsWith(replayPrefix))
        duplicates.rememberRequest(partition, each.request, each.from, each.upto, each.time);
    }
    const same = JSON.stringify(segment.dedup) === JSON.stringify(dedupOf(stream));
    if (segment.dedup && same && end >= clock - segment.dedup.ms) {
      await check(segment);
      const id = `CAST(${quoteName(segment.dedup.id)} AS VARCHAR)`;
      const timed = timedRows(rows, before, `__fault, ${id} AS id`);
      const result = await session.connection.stream(
        `SELECT id, max(__time)::DOUBLE AS time FROM (${timed}) WHERE __fault IS NULL AND id IS NOT NULL GROUP BY id HAVING time >= ${clock - segment.dedup.ms} ORDER BY time`,
      );
      for (;;) {
        const chunk = await result.fetchChunk();
        if (!chunk || chunk.rowCount === 0) break;
        const [ids, times] = [chunk.getColumnValues(0), chunk.getColumnValues(1)];
        for (const [i, each] of ids.entries()) duplicates.rememberId(partition, String(each), Number(times[i]));
      }
    }
  }
  duplicates.passTime(partition, clock);
}

/**
 * Remembers what the entries of a delta tell of requests, from where the archive ends; up to the first one that tells too little. Of a
 * stream with a window nothing is told: which of an id's records counted depends on all before it.
 * @param archived what lies below is remembered
 * @returns where the log has to be read from
 */
export function rememberTold(
  stream: StreamDefinition,
  partition: number,
  entries: readonly Entry[],
  archived: number,
  duplicates: Duplicates,
): number {
  let at = archived;
  for (const { from, upto, told } of entries) {
    const end = offsetAt(upto, stream.name, partition) ?? at;
    if (end <= at) continue;
    // the archive may end below the cut: nobody has told what lies between
    if ((offsetAt(from, stream.name, partition) ?? at) > at) return at;
    const own = told?.[stream.name]?.find((each) => each.partition === partition);
    if (!own || !duplicates.rememberTold(own)) return at;
    at = end;
  }
  return at;
}
