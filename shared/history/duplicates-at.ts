/** The state of duplicate suppression at a position, from the archive: what a window reaches back to. The log alone may have forgotten it. */
import { faultOfRepeated } from "../decode/decode.ts";
import type { StreamDefinition } from "../definition.ts";
import { quoteName, type Session } from "../duckdb/duck.ts";
import type { Duplicates } from "../duplicates/duplicates.ts";
import { type Clock, noClock } from "../duplicates/log-time.ts";
import { replayPrefix, requestWindowMs } from "../duplicates/partition.ts";
import { offsetAt } from "../position.ts";
import type { Entry, Segment } from "../store/layout.ts";
import type { Store } from "../store/store.ts";
import { clockAt, clocksOf, recordsOf, requestsIn, rowsOfFile, timedRows } from "./segment-rows.ts";
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
  /** Log time at the position is no less than this. */
  const { time } = clockAt(segments, offset);
  const ends = clocksOf(segments);
  for (const [i, segment] of below.entries()) {
    const before = ends[i - 1] ?? noClock;
    const end = ends[i]!;
    const isDivided = segment.upto > offset;
    const window = JSON.stringify(segment.dedup) === JSON.stringify(dedupOf(stream)) ? segment.dedup : null;
    const { requests } = segment;
    const has = {
      requests: !requests || (requests.length > 0 && (isDivided || end.time >= time - requestWindowMs)),
      replays: requests?.some(({ request }) => request.startsWith(replayPrefix)) ?? true,
      ids: window !== null && (isDivided || end.time >= time - window.ms),
      /** What is in a jump that is not confirmed at its start or end. */
      open: before.jump !== 0 || (end.jump !== 0 && !isDivided),
    };
    const rows = `(FROM ${rowsOfFile(store, segment)}${isDivided ? ` WHERE __offset < ${offset}` : ""})`;
    if (segment.unsteady && (isDivided || has.requests || has.replays || has.ids || has.open)) {
      await check(segment);
      if (JSON.stringify(duplicates.clockOf(partition)) !== JSON.stringify(before))
        duplicates.setClock(partition, before);
      for await (const record of recordsOf(session, rows, window?.id ?? null)) {
        const { timestamp, fault, id, sequence } = record;
        const request = fault === faultOfRepeated ? null : record.request;
        duplicates.rememberRecord(partition, timestamp, fault === null ? id : null, request, sequence);
      }
      continue;
    }
    if (isDivided || has.ids || !requests) await check(segment);
    if (has.requests || has.replays) {
      // those of a file that the position divides are looked for in the file
      const known = isDivided ? null : requests;
      for (const each of known ?? (await requestsIn(session, rows, before))!) {
        if (isDivided || end.time >= time - requestWindowMs || each.request.startsWith(replayPrefix))
          duplicates.rememberRequest(partition, each.request, each.from, each.upto, each.time);
      }
    }
    if (has.ids) {
      const id = `CAST(${quoteName(window!.id)} AS VARCHAR)`;
      const timed = timedRows(rows, before, `__fault, ${id} AS id`);
      const result = await session.connection.stream(
        `SELECT id, max(__time)::DOUBLE AS time FROM (${timed}) WHERE __fault IS NULL AND id IS NOT NULL GROUP BY id HAVING time >= ${time - window!.ms} ORDER BY time`,
      );
      for (;;) {
        const chunk = await result.fetchChunk();
        if (!chunk || chunk.rowCount === 0) break;
        const [ids, times] = [chunk.getColumnValues(0), chunk.getColumnValues(1)];
        for (const [i, each] of ids.entries()) duplicates.rememberId(partition, String(each), Number(times[i]));
      }
    }
    const latest = `SELECT coalesce(epoch_ms(max(__timestamp)), 0) FROM ${rows}`;
    duplicates.setClock(partition, isDivided ? steadyClock(before, Number(await session.value(latest))) : end);
  }
}

/** Log time after more records of a steady segment. */
function steadyClock(before: Clock, latest: number): Clock {
  const stamp = Math.max(before.stamp, latest);
  return { ...before, time: stamp + before.time - before.stamp, stamp };
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
