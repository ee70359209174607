/** One batch run: situation → plan → archive → compute → prove → publish → trim. */
import type { ViewDefinition } from "../shared/definition.ts";
import { isCode } from "../shared/errors.ts";
import { places } from "../shared/position.ts";
import { notCompared } from "../shared/proof/derivations.ts";
import type { Counts } from "../shared/store/counts.ts";
import { layout, manifestFormat, type VersionManifest, type ViewFile } from "../shared/store/layout.ts";
import { failureOf } from "../shared/store/partials.ts";
import type { Snapshot } from "../shared/store/versions.ts";
import { archiveStreams } from "./archive-streams.ts";
import type { Batch, BatchResult, Timings } from "./batch.ts";
import { checkArchivedAlike } from "./changed-fields.ts";
import { checkReached, countedBelow } from "./checks.ts";
import { compareReplayed } from "./compare-replayed.ts";
import { type FoldContext, foldInto, foldingOf, fullPace, linkFile, type Pace } from "./fold.ts";
import type { FoldProgress } from "./fold-progress.ts";
import { openRun, type Run } from "./opened-run.ts";
import { planRun, type RunMode, type RunPlan } from "./plan.ts";
import { publish, reportBroken } from "./publish.ts";
import { type ProofOutcome, settleProof } from "./settle.ts";
import { survey } from "./situation.ts";
import { trim } from "./trim.ts";

/**
 * Archives, computes all views at one cut, and publishes a new version.
 * @throws CONFIG_STREAM when changed fields can't be read from older events; BATCH_UNPROVED when both layers disagree,
 *   BATCH_STALE when another run published a later cut; nothing is published then
 */
export async function runBatch(batch: Batch, mode: RunMode = "full"): Promise<BatchResult> {
  await using run = await openRun(batch);
  const found = await survey(run, mode);
  const plan = planRun(found);
  return await carryOut(run, plan);
}

/**
 * Carries out a plan, step by step.
 * @param begun folds with committed stretches
 */
export async function carryOut(
  run: Run,
  plan: RunPlan,
  pace: Pace = fullPace,
  begun: Map<string, FoldProgress> = new Map(),
): Promise<BatchResult> {
  const { batch, session } = run;
  const { store, log } = batch;
  const { definition, upto } = plan;
  const timings: Timings = { archive: 0, recompute: 0, prove: 0, publish: 0 };
  const timed = async <T>(step: keyof Timings, work: () => Promise<T>): Promise<T> => {
    const started = run.clock();
    const result = await work();
    timings[step] += run.clock() - started;
    return result;
  };
  const { archive, records, stopped } = await timed("archive", () =>
    archiveStreams(
      { store, log, records: run.history.records, session },
      run.archive,
      run.from,
      upto,
      batch.onArchived,
    ),
  );
  batch.onStopped?.(stopped);
  checkReached(archive, stopped, upto);
  const folding = foldingOf(run, archive, pace, begun);
  const made = await timed("recompute", () => compute(folding, plan, run.id));
  const counted = await countedBelow(folding, plan);
  const settled = await timed("prove", () => settle(folding, plan, made, run.id)).catch(async (error: unknown) => {
    // no later run may resume from partials that failed the proof
    if (isCode(error, "BATCH_UNPROVED")) await removeAll(begun);
    throw error;
  });
  await checkArchivedAlike(store, plan.origin, definition, run.newest.definition, upto);
  // another run may have archived what is below the cut and not synced its names yet
  for (const { stream, partition } of places(upto)) await store.settle(layout.segments(stream, partition));
  const manifest = await timed("publish", () => publish(batch, draft(batch, plan, settled, counted)));
  await reportBroken(run, manifest);
  await removeAll(begun);
  if (plan.trim) await trim(batch, archive, manifest, plan.trim);
  return { manifest, timings, archived: records, views: settled.verdicts };
}

/** Every view's file, in the order of the definition; failed views are reported. */
async function compute(folding: FoldContext, plan: RunPlan, run: string): Promise<Record<string, ViewFile>> {
  const found: Record<string, ViewFile> = {};
  for (const link of plan.link) found[link.view.name] = await linkFile(folding, link);
  for (const fold of plan.compute) Object.assign(found, await foldInto(folding, fold, plan.upto, run));
  const files: Record<string, ViewFile> = {};
  for (const view of plan.definition.views) {
    const file = placed(found[view.name]!, view, plan.prove.by);
    if (file.failed) folding.say(`view ${view.name} FAILED and is not in this version: ${file.failed.message}`);
    files[view.name] = file;
  }
  return files;
}

async function settle(
  { store, session, history, definition, say }: FoldContext,
  { prove }: RunPlan,
  made: Readonly<Record<string, ViewFile>>,
  run: string,
): Promise<ProofOutcome> {
  if (!prove.by) {
    const verdicts = prove.views.map(({ name }) => notCompared(name, prove.why));
    return { files: { ...made }, proof: { state: "unproved", by: prove.why, views: 0 }, verdicts };
  }
  const context = { store, history, session, definition, pinned: prove.by };
  if (prove.failing === "report") return compareReplayed(context, made, prove.views);
  return settleProof(context, made, run, say);
}

/**
 * A recompute only finds that a view fails; if its delta failed on the same SQL, that knows the first failing
 * event.
 */
function placed(file: ViewFile, view: ViewDefinition, served: Snapshot | null): ViewFile {
  if (!file.failed || !served) return file;
  const before = served.manifest.definition.views.find((each) => each.name === view.name);
  const known = before?.identity === view.identity ? failureOf(served, view.name) : null;
  return known ? { ...file, failed: { ...file.failed, at: known.at } } : file;
}

function draft(
  { now }: Batch,
  { cause, definition, origin, upto }: RunPlan,
  { files, proof }: ProofOutcome,
  counted: Counts,
): Omit<VersionManifest, "number"> {
  const createdAt = new Date(now()).toISOString();
  return { format: manifestFormat, createdAt, cause, definition, origin, cut: upto, views: files, ...counted, proof };
}

async function removeAll(begun: ReadonlyMap<string, FoldProgress>): Promise<void> {
  for (const progress of begun.values()) await progress.remove();
}
