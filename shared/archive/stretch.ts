/** What the archive has of a stretch beside its events: counts, dead letters, the latest timestamp. */
import type { DeadLetter } from "../decode/dead-letter.ts";
import type { StreamDefinition } from "../definition.ts";
import type { Session } from "../duckdb/duck.ts";
import { suppressedFaults } from "../duplicates/faults.ts";
import { type Position, places, type Range } from "../position.ts";
import { addCounts, type Counts, noCounts } from "../store/counts.ts";
import type { Records } from "./records.ts";
import { countsOf } from "./segment-rows.ts";

export interface ArchivedStretch {
  readonly counts: Counts;
  readonly dead: readonly DeadLetter[];
  /** Latest log timestamp, ms; 0 where there is no record. */
  readonly latest: number;
}

/**
 * Of these ranges.
 * @throws STORE_CORRUPT, STORE_GAP; RangeError where a range goes beyond the archive
 */
export async function archivedIn(
  records: Records,
  session: Session,
  stream: StreamDefinition,
  ranges: readonly Range[],
): Promise<ArchivedStretch> {
  const dead: DeadLetter[] = [];
  let counts = noCounts;
  let latest = 0;
  for (const { partition, from, upto } of ranges.filter((each) => each.stream === stream.name)) {
    const segments = await records.segments(stream.name, partition);
    if ((segments.at(-1)?.upto ?? 0) < upto) throw new RangeError("the archive does not reach that far");
    const inside = segments.filter((segment) => segment.from < upto && segment.upto > from);
    await records.check(stream, inside);
    for (const segment of inside) {
      counts = addCounts(counts, await countsOf(session, { records, segments, segment, from, upto }));
      const [row] = await session.rows(
        `SELECT coalesce(epoch_ms(max(__timestamp)), 0) AS latest,
           list({o: __offset, f: __fault} ORDER BY __offset)
             FILTER (WHERE __fault NOT IN (${suppressedFaults}))::JSON::VARCHAR AS dead
         FROM ${await records.rowsOf(segment)} WHERE __offset >= ${from} AND __offset < ${upto}`,
      );
      latest = Math.max(latest, Number(row!.latest));
      for (const { o, f } of JSON.parse(String(row!.dead ?? "[]")) as { o: number; f: string }[])
        dead.push({ stream: stream.name, partition, offset: o, reason: f });
    }
  }
  return { counts, dead, latest };
}

/** Counts of all records below a cut that the archive reaches. @throws STORE_CORRUPT, STORE_GAP */
export async function countsBelow(records: Records, session: Session, cut: Position): Promise<Counts> {
  let counts = noCounts;
  for (const { stream, partition, offset } of places(cut)) {
    const segments = await records.segments(stream, partition);
    for (const segment of segments.filter((each) => each.from < offset)) {
      // only a file that the cut divides is opened
      counts = addCounts(counts, await countsOf(session, { records, segments, segment, from: 0, upto: offset }));
    }
  }
  return counts;
}
