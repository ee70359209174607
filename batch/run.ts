/** One batch run: what it finds makes a plan, and the plan is carried out: archive → compute → prove → publish → trim. */
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
import { type Folding, foldInto, foldingOf, fullPace, linked, type Pace } from "./fold.ts";
import type { FoldProgress } from "./fold-progress.ts";
import { openRun, type Run } from "./opened-run.ts";
import { planRun, type RunMode, type RunPlan } from "./plan.ts";
import { publish } from "./publish.ts";
import { type Settled, settleProof } from "./settle.ts";
import { survey } from "./situation.ts";
import { trim } from "./trim.ts";

/**
 * Archives, computes all views at one cut, and publishes a new version.
 * @throws CONFIG_STREAM when changed fields can't be read from older events; BATCH_UNPROVED when both layers disagree,
 *   BATCH_STALE when another run published further; nothing is published then
 */
export async function runBatch(batch: Batch, mode: RunMode = "full"): Promise<BatchResult> {
  await using run = await openRun(batch);
  const found = await survey(run, mode);
  const plan = planRun(found);
  return await carryOut(run, plan);
}

/**
 * Does what the plan says, one after the other.
 * @param begun folds that have stretches behind them
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
    // no run may go on from what is not proved
    if (isCode(error, "BATCH_UNPROVED")) await removeAll(begun);
    throw error;
  });
  await checkArchivedAlike(store, plan.origin, definition, run.newest.definition, upto);
  // another run may have archived what is below the cut and not synced its names yet
  for (const { stream, partition } of places(upto)) await store.settle(layout.segments(stream, partition));
  const manifest = await timed("publish", () => publish(batch, draft(batch, plan, settled, counted)));
  await removeAll(begun);
  if (plan.trim) await trim(batch, archive, manifest, plan.trim);
  return { manifest, timings, archived: records, views: settled.verdicts };
}

/** Every view's file, in the order of the definition; of those that fail, it says so. */
async function compute(folding: Folding, plan: RunPlan, run: string): Promise<Record<string, ViewFile>> {
  const found: Record<string, ViewFile> = {};
  for (const link of plan.link) found[link.view.name] = await linked(folding, link);
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
  { store, session, history, definition, say }: Folding,
  { prove }: RunPlan,
  made: Readonly<Record<string, ViewFile>>,
  run: string,
): Promise<Settled> {
  if (!prove.by) {
    const verdicts = prove.views.map(({ name }) => notCompared(name, prove.why));
    return { files: { ...made }, proof: { state: "unproved", by: prove.why, views: 0 }, verdicts };
  }
  const context = { store, history, session, definition, pinned: prove.by };
  if (prove.failing === "report") return compareReplayed(context, made, prove.views);
  return settleProof(context, made, run, say);
}

/** Recomputing finds only that a view fails; where its delta failed on the same SQL, the first event it fails on is known. */
function placed(file: ViewFile, view: ViewDefinition, served: Snapshot | null): ViewFile {
  if (!file.failed || !served) return file;
  const before = served.manifest.definition.views.find((each) => each.name === view.name);
  const known = before?.identity === view.identity ? failureOf(served, view.name) : null;
  return known ? { ...file, failed: { ...file.failed, at: known.at } } : file;
}

function draft(
  { now }: Batch,
  { cause, definition, origin, upto }: RunPlan,
  { files, proof }: Settled,
  counted: Counts,
): Omit<VersionManifest, "number"> {
  const createdAt = new Date(now()).toISOString();
  return { format: manifestFormat, createdAt, cause, definition, origin, cut: upto, views: files, ...counted, proof };
}

async function removeAll(begun: ReadonlyMap<string, FoldProgress>): Promise<void> {
  for (const progress of begun.values()) await progress.remove();
}
