/**
 * rebuild (Kappa): replays all events from the beginning, archive below and log above, at its own pace, until
 * it is near the served position; a run then publishes the result as a version, compared with what is served at
 * the same position.
 */
import type { Archive } from "../shared/archive/archive.ts";
import { decoderOf } from "../shared/archive/segments.ts";
import type { Definition } from "../shared/definition.ts";
import type { Position } from "../shared/position.ts";
import { releasePins } from "../shared/store/pin.ts";
import { archiveStreams } from "./archive-streams.ts";
import type { Batch, BatchResult } from "./batch.ts";
import { foldAhead, foldingOf } from "./fold.ts";
import { discardFolds, FoldProgress, foldId } from "./fold-progress.ts";
import { openRun, type Run } from "./opened-run.ts";
import { isReplayed, planRun } from "./plan.ts";
import { carryOut } from "./run.ts";
import { survey } from "./situation.ts";
import { distance } from "./stretches.ts";

export interface RebuildOptions {
  readonly batch: Batch;
  /** The views to replay; empty: all. The others are taken as served, unless their meaning has changed. */
  readonly views: readonly string[];
  /** Without it the rebuild uses one thread, and rests after each step for as long as the step took. */
  readonly fullSpeed: boolean;
  /** Offsets per step. */
  readonly perStep: number;
  readonly sleep: (ms: number) => Promise<void>;
  /** Called with the offsets done and the total, since the beginning. */
  readonly onStep: (done: number, all: number) => void;
}

/** After this many moves of the target, the rest is left to the final run. */
const targetsMax = 10;

/**
 * @throws CONFIG_STREAM, LOG_RANGE, BATCH_STALE; nothing is published then, and the next rebuild resumes this one
 */
export async function rebuild(options: RebuildOptions): Promise<BatchResult> {
  const { batch, fullSpeed, perStep, sleep, onStep } = options;
  const { store, say } = batch;
  await using run = await openRun(batch, fullSpeed ? undefined : 1);
  const { definition, newest, from } = run;
  const views = definition.views.filter((view) => isReplayed(view, options.views, newest));
  const replay = { from: from.origin, views: views.map((view) => ({ view, kept: [], note: null })) };
  const id = foldId(definition, replay);
  await discardFolds(store, [id], "ended", say);
  const progress = await FoldProgress.open(store, id, from.origin, say);
  const begun = new Map([[id, progress]]);
  const pace = {
    limits: { bytes: Number.POSITIVE_INFINITY, offsets: perStep },
    rest: fullSpeed ? async () => undefined : sleep,
    onStretch: onStep,
  };
  let { archive } = run;
  for (let targets = 0; ; targets++) {
    const plan = planRun(await survey({ ...run, archive }, "rebuild", { views, upto: progress.position }));
    const isNear = distance(progress.position, plan.upto) <= perStep;
    if (targets === targetsMax || (targets > 0 && isNear))
      return await carryOut({ ...run, archive }, plan, pace, begun);
    archive = await archivedAhead(run, archive, plan.upto);
    await foldAhead(foldingOf(run, archive, pace, begun), replay, progress, plan.upto);
    await releasePins(store, run.id);
  }
}

/**
 * Archives first: deduplication then need not read all of the log before each stretch. Changed fields take effect at a
 * cut that is not known yet, so nothing is archived when fields have changed.
 */
async function archivedAhead(run: Run, archive: Archive, upto: Position): Promise<Archive> {
  const { batch, definition, newest, from, session, history } = run;
  if (!hasSameFields(definition, newest.definition)) return archive.withAdded(batch.store, upto);
  const archiver = { store: batch.store, log: batch.log, records: history.records, session };
  return (await archiveStreams(archiver, archive, from, upto)).archive;
}

function hasSameFields({ streams }: Definition, before: Definition): boolean {
  return before.streams.every((old) => {
    const now = streams.find((each) => each.name === old.name);
    return now && decoderOf(now) === decoderOf(old);
  });
}
