/** The batch daemon: recomputes and archives on schedule, one run at a time; a missed run is made up for. */
import type { TidemarkError } from "../shared/errors.ts";
import { keepTime } from "../shared/keep-time.ts";
import { type Incidents, troubleOf } from "../shared/store/incidents.ts";
import type { Store } from "../shared/store/store.ts";
import { newestVersion, unlessCorrupt } from "../shared/store/versions.ts";
import { Timetable } from "../shared/timetable.ts";
import { runArchive } from "./archive-streams.ts";
import type { Batch, BatchResult } from "./batch.ts";
import { isChanged, runDefinition } from "./changed-definition.ts";
import { FileCare } from "./file-care.ts";
import { runBatch } from "./run.ts";
import { Turns } from "./turns.ts";

export interface BatchDaemonOptions {
  readonly batch: Batch;
  /** Cron expressions of the full recompute and of archiving. */
  readonly schedule: string;
  readonly archive: string;
  readonly timezone: string;
  readonly signal: AbortSignal;
  readonly onPublished?: (result: BatchResult) => void;
}

/** How long a stop waits for the current run; the files of an unfinished run are cleaned up later. */
const patienceMs = 3000;
/** How often files are checked for reported damage. */
const repairMs = 2000;

/** Runs until the signal. A failed run is reported and publishes nothing; the next one runs on schedule. */
export async function runBatchDaemon(options: BatchDaemonOptions): Promise<void> {
  const { signal } = options;
  const { incidents } = options.batch;
  const onStopped: Batch["onStopped"] = (stopped) => void reportStopped(incidents, stopped);
  const batch: Batch = { ...options.batch, onStopped };
  const turns = new Turns(batch, signal);
  const published = (result: BatchResult, why = "") => {
    batch.say(`${why}${describeRun(result)}`);
    options.onPublished?.(result);
  };
  const fullRun = async () => published(await runBatch(batch));
  const recompute = () => turns.take("batch", fullRun);
  const files = new FileCare(batch, turns, recompute, published);
  // skipped during a recompute, which archives too
  const archive = async () => {
    if (!turns.areTaken) await turns.take("archive", async () => void (await runArchive(batch)));
  };

  await files.mend();
  const why = await missedRun(batch.store, options, batch.now());
  void turns.take("batch", async () => {
    const result = await runDefinition(batch);
    if (result) published(result, "the project's files have changed: ");
    else if (!why && (await isChanged(batch))) await fullRun();
  });
  if (why) {
    batch.say(`batch: ${why}; running now`);
    void recompute();
  }
  const timing = {
    timezone: options.timezone,
    since: batch.now(),
    now: batch.now,
    signal,
    onMissed: (due: number) => batch.say(`batch: the run of ${new Date(due).toISOString()} was missed; running now`),
  };
  const ends = [
    keepTime({ ...timing, schedule: options.schedule }, recompute),
    keepTime({ ...timing, schedule: options.archive }, archive),
  ];
  const repairs = setInterval(() => void files.repair().catch(() => undefined), repairMs);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  clearInterval(repairs);
  await Promise.all(ends.map((end) => end()));
  await turns.end(patienceMs);
}

/** Why a run is overdue (the newest version is older than the schedule's last time), or null. */
export async function missedRun(
  store: Store,
  { schedule, timezone }: Pick<BatchDaemonOptions, "schedule" | "timezone">,
  now: number,
): Promise<string | null> {
  const newest = await newestVersion(store).catch(unlessCorrupt);
  if (!newest) return null;
  const due = new Timetable(schedule, timezone, Date.parse(newest.createdAt)).due(now);
  return due === null ? null : `the run of ${new Date(due).toISOString()} was missed`;
}

function reportStopped(incidents: Incidents, stopped: ReadonlyMap<string, TidemarkError>): Promise<void> {
  const troubles = [...stopped].map(([stream, error]) => [stream, { ...troubleOf(error), streams: [stream] }] as const);
  return incidents.settle("stream-stopped", new Map(troubles));
}

/** A run's result in one line. */
export function describeRun({ manifest, timings, archived }: BatchResult): string {
  const { number, events, dead, proof } = manifest;
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const views = `${proof.views} ${proof.views === 1 ? "view" : "views"}`;
  const proved = proof.state === "proved" ? `${views} proved against ${proof.by}` : `unproved: ${proof.by}`;
  return (
    `version ${number}: ${events} events${dead > 0 ? ` and ${dead} dead letters` : ""} below the cut, ${archived} newly archived in ` +
    `${seconds(timings.archive)}, recomputed in ${seconds(timings.recompute)}; ${proved} in ${seconds(timings.prove)}`
  );
}
