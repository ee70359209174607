/**
 * What duplicate suppression recalls from the archive: as far as its windows reach back. The log alone may have
 * forgotten it.
 */
import { clockAt, clocksOf, recordsOf, requestsIn, timedRows } from "../archive/segment-rows.ts";
import { dedupOf } from "../archive/segments.ts";
import { quoteName, type Session } from "../duckdb/duck.ts";
import type { Duplicates } from "../duplicates/duplicates.ts";
import { faultOfRepeated, suppressedFaults } from "../duplicates/faults.ts";
import { type Clock, noClock } from "../duplicates/log-time.ts";
import { replayPrefix, requestWindowMs } from "../duplicates/partition.ts";
import { endAfter } from "../duplicates/record-chain.ts";
import type { ArchivedPartition } from "./state.ts";

/**
 * Remembers what counted below `offset`, as far as the segments reach. Events of segments that were archived
 * with another duplicate window are not remembered: a window counts from where it was set.
 * @throws STORE_CORRUPT, STORE_MISSING
 */
export async function recallArchived(
  duplicates: Duplicates,
  { session, stream, partition, segments, rowsOf }: ArchivedPartition,
  offset: number,
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
    const rows = async () => `(FROM ${await rowsOf(segment)}${isDivided ? ` WHERE __offset < ${offset}` : ""})`;
    if (!isDivided && stream.changelog) duplicates.setChain(partition, segment.chain ?? null);
    if (segment.unsteady && (isDivided || has.requests || has.replays || has.ids || has.open)) {
      if (JSON.stringify(duplicates.clockOf(partition)) !== JSON.stringify(before))
        duplicates.setClock(partition, before);
      for await (const record of recordsOf(session, await rows(), window?.id ?? null)) {
        const { timestamp, fault, id, sequence } = record;
        const request = fault === faultOfRepeated ? null : record.request;
        duplicates.rememberRecord(partition, timestamp, fault === null ? id : null, request, sequence);
      }
      continue;
    }
    if (has.requests || has.replays) {
      // those of a file that the position divides are read from the file
      const known = isDivided ? null : requests;
      for (const each of known ?? (await requestsIn(session, await rows(), before))!) {
        if (isDivided || end.time >= time - requestWindowMs || each.request.startsWith(replayPrefix))
          duplicates.rememberRequest(partition, each.request, each.from, each.upto, each.time);
      }
    }
    if (has.ids) {
      const id = `CAST(${quoteName(window!.id)} AS VARCHAR)`;
      const timed = timedRows(await rows(), before, `__fault, ${id} AS id`);
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
    if (isDivided && stream.changelog) await recallChain(duplicates, session, partition, await rows());
    duplicates.setClock(partition, isDivided ? await clockWithin(session, before, await rows()) : end);
  }
}

/** The last record of a changelog that counted. */
async function recallChain(duplicates: Duplicates, session: Session, partition: number, rows: string): Promise<void> {
  const [last] = await session.rows(
    `SELECT __request, __sequence FROM ${rows} WHERE __fault IS NULL OR __fault NOT IN (${suppressedFaults})
     ORDER BY __offset DESC LIMIT 1`,
  );
  if (last) duplicates.setChain(partition, endAfter(String(last.__request), Number(last.__sequence)));
}

/** Log time after more records of a steady segment. */
async function clockWithin(session: Session, before: Clock, rows: string): Promise<Clock> {
  const latest = await session.value(`SELECT coalesce(epoch_ms(max(__timestamp)), 0) FROM ${rows}`);
  const stamp = Math.max(before.stamp, Number(latest));
  return { ...before, time: stamp + before.time - before.stamp, stamp };
}
