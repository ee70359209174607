/** What single archive files tell beside their events: counts of a part of them, and what duplicate suppression has to remember. */
import { faultOfRepeated, suppressedFaults } from "../decode/decode.ts";
import { quoteName, quoteText, type Session } from "../duckdb/duck.ts";
import { requestHourMs } from "../duplicates/duplicates.ts";
import type { Counts } from "../store/counts.ts";
import type { RequestRange, Segment } from "../store/layout.ts";
import type { Store } from "../store/store.ts";

/** Log time at an offset where a segment of the partition starts, or ends: the latest timestamp of those before, ms. */
export function clockAt(segments: readonly Segment[], offset: number): number {
  return segments.filter((each) => each.upto <= offset).reduce((max, each) => Math.max(max, each.latest), 0);
}

/** A SELECT of rows of a segment with their log time as `__time`, ms. @param clock log time before them */
export function timedRows(rows: string, clock: number, columns: string): string {
  const running = "max(epoch_ms(__timestamp)) OVER (ORDER BY __offset ROWS UNBOUNDED PRECEDING)";
  return `SELECT ${columns}, greatest(${clock}, ${running}) AS __time FROM ${rows}`;
}

/** A segment's file as a relation. */
export function rowsOfFile(store: Store, { file }: Segment): string {
  return `read_parquet(${quoteText(store.path(file.name))})`;
}

/**
 * The requests whose records counted among rows of a segment, by ascending time; null where there are more than `max`.
 * @param rows a relation with the columns of an archive file
 */
export async function requestsIn(
  session: Session,
  rows: string,
  clock: number,
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

/** Counts of the rows in `[from, upto)`. @param segments all of the partition */
export async function countsOf(
  session: Session,
  store: Store,
  segments: readonly Segment[],
  segment: Segment,
  from: number,
  upto: number,
): Promise<Counts> {
  const { dead, duplicates, late } = segment;
  if (from <= segment.from && upto >= segment.upto)
    return { events: segment.rows - dead - duplicates, dead, duplicates, late };
  const id = segment.dedup ? `CAST(${quoteName(segment.dedup.id)} AS VARCHAR)` : "NULL";
  const rows = timedRows(
    rowsOfFile(store, segment),
    clockAt(segments, segment.from),
    `__offset, __timestamp, __fault, ${id} AS id`,
  );
  const isLate = segment.dedup
    ? `__fault IS NULL AND id IS NOT NULL AND epoch_ms(__timestamp) < __time - ${segment.dedup.ms}`
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
