/** Checks before a version is published: it must not leave out anything that served answers count. */
import type { Archive } from "../shared/archive/archive.ts";
import { countsBelow } from "../shared/archive/stretch.ts";
import { TidemarkError } from "../shared/errors.ts";
import { covers, offsetAt, ofStreams, type Position, places } from "../shared/position.ts";
import { type Counts, sumCounts } from "../shared/store/counts.ts";
import type { Snapshot } from "../shared/store/versions.ts";
import type { FoldContext } from "./fold.ts";
import type { RunPlan } from "./plan.ts";

/**
 * Answers count a stream even when it can't be read now, so the archive must hold it up to the served position.
 * @throws the error of a stream whose archive ends before: a version without those events would take answers back
 */
export function checkReached(archive: Archive, stopped: ReadonlyMap<string, TidemarkError>, cut: Position): void {
  for (const [stream, error] of stopped) {
    const own = ofStreams(cut, [stream]);
    if (covers(archive.uptoIn(own), own)) continue;
    throw new TidemarkError(
      error.code,
      `no version can be published: stream ${stream} can't be read, and its archive ends before the served position; answers stay as they are: ${error.message}`,
      error.todo,
      { ...error.facts, stream },
      error,
    );
  }
}

/**
 * Counts of all records below the cut.
 * @throws LOG_RANGE when the served answers count more at the cut, unless a rebuild is to recount them
 */
export async function countedBelow(
  { history, session, archive }: FoldContext,
  { upto, prove }: RunPlan,
): Promise<Counts> {
  const counted = await countsBelow(history.records, session, upto);
  if (prove.by && prove.failing === "heal") checkNothingGone(archive, prove.by, counted);
  return counted;
}

/**
 * A log drops records from its front only. When records that the delta counts are gone from the middle, the delta is
 * right, and a recompute would silently change the answer at the same position; so nothing is published. Losses that
 * were accepted are excepted.
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
    `the log no longer holds ${gone} records that the answers of version ${manifest.number} count: a topic was compacted, or records were deleted from its middle; nothing was published`,
    "answers stay as they are; to recount what is left, run: tidemark rebuild",
  );
}
