import { constants, setPriority } from "node:os";
import { describeRun, runBatchDaemon } from "../../batch/daemon.ts";
import type { RunMode } from "../../batch/plan.ts";
import { runBatch } from "../../batch/run.ts";
import type { Context } from "../context.ts";
import { batchOf, type OpenProject, withProject } from "../opened.ts";
import { openProgress } from "../progress.ts";
import { orStopped } from "../stop.ts";
import type { VerbArgs } from "../verb.ts";

/** One run, or the daemon until it is stopped. */
export async function run(context: Context, { once, incremental }: VerbArgs["batch"]): Promise<number> {
  const mode = incremental ? "incremental" : "full";
  return withProject(context, (opened) => (once ? runOnce(context, opened, mode) : runDaemon(context, opened)));
}

async function runOnce(context: Context, opened: OpenProject, mode: RunMode): Promise<number> {
  const progress = openProgress(context.progress, "archiving", "events", null);
  const batch = {
    ...batchOf(opened, (line) => (mode === "full" ? context.log.debug(line) : context.say(line))),
    onArchived: (records: number) => progress.add(records),
  };
  const result = await orStopped(runBatch(batch, mode), context.signal).finally(() => progress.stop());
  context.say(describeRun(result));
  for (const [view, { failed }] of Object.entries(result.manifest.views)) {
    if (failed) context.say(`view ${view} FAILED and can't be answered: ${failed.message}`);
  }
  const { number, events, dead, proof } = result.manifest;
  await context.out(
    context.json
      ? `${JSON.stringify({ version: number, events, dead, proof, archived: result.archived, timings: result.timings })}\n`
      : `${number}\n`,
  );
  return 0;
}

async function runDaemon(context: Context, opened: OpenProject): Promise<number> {
  // live work has priority; threads created from here on inherit the niceness
  setPriority(constants.priority.PRIORITY_LOW);
  const { schedule, archive, timezone } = opened.project.batch;
  const batch = batchOf(opened, (line) => context.log.info(line));
  context.log.info(`batch: recompute at "${schedule}", archive at "${archive}", ${timezone}`);
  await runBatchDaemon({ batch, schedule, archive, timezone, signal: context.signal });
  return 0;
}
