/**
 * What is derived from single archive files beside their events: counts of a part of them, and what duplicate
 * suppression has to remember.
 */
import { quoteName, quoteText, type Session } from "../duckdb/duck.ts";
import { faultOfRepeated, isSuppressed, suppressedFaults } from "../duplicates/faults.ts";
import { type Clock, clockOfLatest, LogTime, noClock } from "../duplicates/log-time.ts";
import { requestHourMs } from "../duplicates/partition.ts";
import type { Counts } from "../store/counts.ts";
import type { RequestRange, Segment } from "../store/layout.ts";
import type { Records } from "./records.ts";

/** Log time at the end of each segment of a partition. */
export function clocksOf(segments: readonly Segment[]): Clock[] {
  let latest = 0;
  return segments.map((each) => {
    latest = Math.max(latest, each.latest);
    return each.clock ?? clockOfLatest(latest);
  });
}

/** Log time at an offset where a segment of the partition starts, or ends. */
export function clockAt(segments: readonly Segment[], offset: number): Clock {
  return clocksOf(segments)[segments.findLastIndex(({ upto }) => upto <= offset)] ?? noClock;
}

/**
 * A SELECT of rows of a segment that is steady with their log time as `__time`, ms. @param clock log time
 * before them
 */
export function timedRows(rows: string, { time, stamp }: Clock, columns: string): string {
  const running = "max(epoch_ms(__timestamp)) OVER (ORDER BY __offset ROWS UNBOUNDED PRECEDING)";
  return `SELECT ${columns}, greatest(${stamp}, ${running}) AS __stamp, __stamp + ${time - stamp} AS __time FROM ${rows}`;
}

/** A record of an archive file, as far as log time and duplicates go. */
export interface ArchivedRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly fault: string | null;
  readonly id: string | null;
  readonly request: string | null;
  readonly sequence: number;
}

/** The records of some rows, in the log's order. @param id the column with the event's id; null: of none */
export async function* recordsOf(session: Session, rows: string, id: string | null): AsyncGenerator<ArchivedRecord> {
  const event = id === null ? "NULL" : `CAST(${quoteName(id)} AS VARCHAR)`;
  const result = await session.connection.stream(
    `SELECT __offset::DOUBLE, epoch_ms(__timestamp)::DOUBLE, __fault, ${event}, __request, coalesce(__sequence, 0)::DOUBLE FROM ${rows} ORDER BY __offset`,
  );
  for (;;) {
    const chunk = await result.fetchChunk();
    if (!chunk || chunk.rowCount === 0) return;
    for (const [offset, timestamp, fault, own, request, sequence] of chunk.getRows()) {
      const text = (value: unknown) => (value === null || value === undefined ? null : String(value));
      yield {
        offset: Number(offset),
        timestamp: Number(timestamp),
        fault: text(fault),
        id: text(own),
        request: text(request),
        sequence: Number(sequence),
      };
    }
  }
}

/**
 * The requests whose records counted among rows of a segment, by ascending time; null where there are more than `max`.
 * @param rows a relation with the columns of an archive file
 */
export async function requestsIn(
  session: Session,
  rows: string,
  clock: Clock,
  max = Number.POSITIVE_INFINITY,
): Promise<RequestRange[] | null> {
  const timed = timedRows(rows, clock, "__request, __sequence, __fault");
  const counted = `__request IS NOT NULL AND __fault IS DISTINCT FROM ${quoteText(faultOfRepeated)}`;
  // neighbouring numbers of an hour are one range
  const reader = await session.read(
    `SELECT __request, min(__sequence), max(__sequence) + 1, max(__time) AS time FROM
       (SELECT *, __sequence - row_number() OVER (PARTITION BY __request, hour ORDER BY __sequence) AS run FROM
         (SELECT *, __time // ${requestHourMs} AS hour FROM (${timed})) WHERE ${counted})
     GROUP BY __request, hour, run ORDER BY time ${Number.isFinite(max) ? `LIMIT ${max + 1}` : ""}`,
  );
  const found = reader.getRows();
  if (found.length > max) return null;
  return found.map(([request, from, upto, time]) => ({
    request: String(request),
    from: Number(from),
    upto: Number(upto),
    time: Number(time),
  }));
}

/** The rows of a segment in `[from, upto)`. */
export interface SegmentPart {
  readonly records: Pick<Records, "rowsOf">;
  /** All of the partition. */
  readonly segments: readonly Segment[];
  readonly segment: Segment;
  readonly from: number;
  readonly upto: number;
}

export async function countsOf(session: Session, part: SegmentPart): Promise<Counts> {
  const { records, segments, segment, from, upto } = part;
  const { dead, duplicates, late } = segment;
  if (from <= segment.from && upto >= segment.upto)
    return { events: segment.rows - dead - duplicates, dead, duplicates, late };
  if (segment.unsteady) return countsInUnsteady(session, part);
  const id = segment.dedup ? `CAST(${quoteName(segment.dedup.id)} AS VARCHAR)` : "NULL";
  const rows = timedRows(
    await records.rowsOf(segment),
    clockAt(segments, segment.from),
    `__offset, __timestamp, __fault, ${id} AS id`,
  );
  const isLate = segment.dedup
    ? `__fault IS NULL AND id IS NOT NULL AND epoch_ms(__timestamp) < __stamp - ${segment.dedup.ms}`
    : "false";
  const [row] = await session.rows(
    `SELECT count(*) FILTER (WHERE __fault IS NULL) AS events, count(*) FILTER (WHERE __fault IN (${suppressedFaults})) AS duplicates,
       count(__fault) - duplicates AS dead, count(*) FILTER (WHERE ${isLate}) AS late
     FROM (${rows}) WHERE __offset >= ${from} AND __offset < ${upto}`,
  );
  return {
    events: Number(row!.events),
    dead: Number(row!.dead),
    duplicates: Number(row!.duplicates),
    late: Number(row!.late),
  };
}

/** As `countsOf`, record by record. */
async function countsInUnsteady(
  session: Session,
  { records, segments, segment, from, upto }: SegmentPart,
): Promise<Counts> {
  const counts = { events: 0, dead: 0, duplicates: 0, late: 0 };
  const logTime = new LogTime(clockAt(segments, segment.from));
  const { dedup } = segment;
  for await (const each of recordsOf(session, await records.rowsOf(segment), dedup?.id ?? null)) {
    logTime.pass(each.timestamp);
    if (each.offset < from || each.offset >= upto) continue;
    if (isSuppressed(each.fault)) {
      counts.duplicates++;
      continue;
    }
    counts[each.fault === null ? "events" : "dead"]++;
    const counted = dedup && each.fault === null && each.id !== null;
    if (logTime.strange || (counted && each.timestamp < logTime.stamp - dedup.ms)) counts.late++;
  }
  return counts;
}
