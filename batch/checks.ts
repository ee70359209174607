/** What must be so before a version is published: nothing that answers have counted is left out of it. */
import type { Archive } from "../shared/archive/archive.ts";
import { countsBelow } from "../shared/archive/stretch.ts";
import { TidemarkError } from "../shared/errors.ts";
import { covers, offsetAt, ofStreams, type Position, places } from "../shared/position.ts";
import { type Counts, sumCounts } from "../shared/store/counts.ts";
import type { Snapshot } from "../shared/store/versions.ts";
import type { Folding } from "./fold.ts";
import type { RunPlan } from "./plan.ts";

/**
 * A stream that can't be read is in a version where it is in the answers, and the archive must have it up to there.
 * @throws the trouble of one of which it has not: without its events a version would take its answers back
 */
export function checkReached(archive: Archive, stopped: ReadonlyMap<string, TidemarkError>, cut: Position): void {
  for (const [stream, error] of stopped) {
    const own = ofStreams(cut, [stream]);
    if (covers(archive.uptoIn(own), own)) continue;
    throw new TidemarkError(
      error.code,
      `no version can be made: stream ${stream} can't be read on, and the archive ends below its answers, which stay as they are: ${error.message}`,
      error.todo,
      { ...error.facts, stream },
      error,
    );
  }
}

/**
 * Counts of all records below the cut.
 * @throws LOG_RANGE where they are fewer than what is served at the cut has counted, unless a replay is to count anew
 */
export async function countedBelow({ history, session, archive }: Folding, { upto, prove }: RunPlan): Promise<Counts> {
  const counted = await countsBelow(history.records, session, upto);
  if (prove.by && prove.failing === "heal") checkNothingGone(archive, prove.by, counted);
  return counted;
}

/**
 * A log keeps what it has, or drops it from the front. What the delta had counted and the log does not hold any more
 * in between is no fault of the delta: recomputed, the same position would silently have another answer. A loss that
 * was accepted is none.
 * @throws LOG_RANGE
 */
function checkNothingGone(archive: Archive, { manifest, heads, position }: Snapshot, archived: Counts): void {
  const recordsOf = ({ events, dead, duplicates }: Counts) => events + dead + duplicates;
  const answered = sumCounts([manifest, ...heads.flatMap(({ entries }) => entries)]);
  const gone = recordsOf(answered) - recordsOf(archived);
  if (gone <= 0) return;
  for (const { stream, partition } of places(position)) {
    const from = offsetAt(manifest.cut, stream, partition) ?? 0;
    if (archive.of(stream, partition).some(({ lost, upto }) => lost && upto > from)) return;
  }
  throw new TidemarkError(
    "LOG_RANGE",
    `the log does not hold ${gone} records any more that answers of version ${manifest.number} have counted: a topic was compacted, or its records were removed from its middle; nothing was published`,
    "answers stay as they are; what is left is counted anew by: tidemark rebuild",
  );
}
