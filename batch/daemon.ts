/** The batch daemon: recompute and archive at their times, never two at once, and a run that was missed is caught up. */
import cron from "node-cron";
import { isCode, messageOf, TidemarkError } from "../shared/errors.ts";
import { damagesOf } from "../shared/store/damage.ts";
import { FileWatch, fileTroubles } from "../shared/store/file-troubles.ts";
import { type Incidents, troubleOf } from "../shared/store/incidents.ts";
import type { Store } from "../shared/store/store.ts";
import { lostVersions, newestVersion, unlessCorrupt } from "../shared/store/versions.ts";
import { runArchive } from "./archive-streams.ts";
import type { Batch, BatchResult } from "./batch.ts";
import { isChanged, runDefinition } from "./changed-definition.ts";
import { mendFlaws } from "./mending.ts";
import { runRepair } from "./repair.ts";
import { runBatch } from "./run.ts";
import { Timetable } from "./timetable.ts";

export interface BatchDaemonOptions {
  readonly batch: Batch;
  /** Cron expressions of the full recompute and of archiving. */
  readonly schedule: string;
  readonly archive: string;
  readonly timezone: string;
  readonly signal: AbortSignal;
  readonly onPublished?: (result: BatchResult) => void;
}

/** How long a stop waits for a run that is under way; what it leaves behind is nobody's, and cleaned later. */
const patienceMs = 3000;
/** Every minute it looks whether a run is due: a machine that slept, or a clock that was changed or set, is noticed by then. */
const everyMinute = "* * * * *";
/** A run that comes so much later than its time was missed. */
const lateMs = 5 * 60_000;
/** How often it looks for files that are damaged. */
const repairMs = 2000;
/** A run in place of a version that can't be read is tried again after so long. */
const lostAgainMs = 60_000;

/** Runs until the signal. A run that fails is said, and the next one comes at its time: nothing wrong is ever published. */
export async function runBatchDaemon(options: BatchDaemonOptions): Promise<void> {
  const { signal } = options;
  const { incidents } = options.batch;
  const onStopped: Batch["onStopped"] = (stopped) => void tellStopped(incidents, stopped);
  const batch: Batch = { ...options.batch, onStopped };
  let running: Promise<void> | null = null;
  /** What a run has failed by, by run. */
  const damaged = new Map<string, TidemarkError>();
  const alone = (what: string, work: () => Promise<void>): Promise<void> => {
    const turn = (running ?? Promise.resolve())
      .then(() => (signal.aborted ? undefined : work()))
      .then(async () => {
        damaged.delete(what);
        await incidents.clear("role-failed", what);
      })
      .catch(async (error: unknown) => {
        if (signal.aborted) return;
        batch.say(`${what} FAILED: ${error instanceof TidemarkError ? error.line : messageOf(error)}`);
        if (isCode(error, "STORE_CORRUPT", "STORE_MISSING") && error.facts.file) damaged.set(what, error);
        await incidents.raiseError("role-failed", what, error);
      })
      .finally(() => {
        if (running === turn) running = null;
      });
    running = turn;
    return turn;
  };
  const whole = async () => {
    const result = await runBatch(batch);
    batch.say(describeRun(result));
    options.onPublished?.(result);
  };
  const recompute = () => alone("batch", whole);
  const watch = new FileWatch(batch.store);
  let lostAt = Number.NEGATIVE_INFINITY;
  const mendFiles = async () => {
    const tell = async () => {
      const flaws = await watch.flaws();
      const troubles = await fileTroubles(batch.store, flaws);
      for (const error of damaged.values()) troubles.set(String(error.facts.file), troubleOf(error));
      await incidents.settle("file-damaged", troubles);
      return flaws;
    };
    const flaws = await tell();
    for (const [name, each] of flaws) await mendFlaws(batch.store, name, each, batch.say);
    if (flaws.size > 0) await tell();
    const [lost] = await lostVersions(batch.store);
    if (!lost || performance.now() - lostAt < lostAgainMs) return;
    lostAt = performance.now();
    batch.say(`version ${lost.number} can't be read: ${lost.why}; a new one is made now`);
    void alone("batch", whole);
  };
  let looking = false;
  const repair = async () => {
    if (running || looking) return;
    looking = true;
    await mendFiles().finally(() => {
      looking = false;
    });
    const newest = await newestVersion(batch.store).catch(unlessCorrupt);
    if (running || !newest || (await damagesOf(batch.store, newest.number)).length === 0) return;
    await alone("repair", async () => {
      const result = await runRepair(batch);
      if (!result) return;
      batch.say(`damaged views are made again: ${describeRun(result)}`);
      options.onPublished?.(result);
    });
  };
  // a recompute archives too
  const archive = async () => {
    if (!running) await alone("archive", async () => void (await runArchive(batch)));
  };

  await mendFiles();
  const why = await missedRun(batch.store, options, batch.now());
  void alone("batch", async () => {
    const result = await runDefinition(batch);
    if (result) {
      batch.say(`the project's files have changed: ${describeRun(result)}`);
      options.onPublished?.(result);
    } else if (!why && (await isChanged(batch))) {
      await whole();
    }
  });
  if (why) {
    batch.say(`batch: ${why}; running now`);
    void recompute();
  }
  const keepTime = (schedule: string, run: () => Promise<void>) => {
    const timetable = new Timetable(schedule, options.timezone, batch.now());
    let busy = false;
    const look = async () => {
      if (busy) return;
      busy = true;
      // what becomes due during a run is due once, afterwards
      for (let due = timetable.take(batch.now()); due !== null && !signal.aborted; due = timetable.take(batch.now())) {
        if (batch.now() - due > lateMs)
          batch.say(`batch: the run of ${new Date(due).toISOString()} was missed; running now`);
        await run();
      }
      busy = false;
    };
    // the timer wakes at the schedule's times; whether a run is due says the timetable, which no change of clocks confuses
    return [schedule, everyMinute].map((each) =>
      cron.schedule(each, look, { timezone: options.timezone, suppressMissedWarning: true, logger: silent }),
    );
  };
  const timers = [...keepTime(options.schedule, recompute), ...keepTime(options.archive, archive)];
  const repairs = setInterval(() => void repair().catch(() => undefined), repairMs);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  clearInterval(repairs);
  await Promise.all(timers.map((timer) => timer.destroy()));
  await Promise.race([running, new Promise((resolve) => setTimeout(resolve, patienceMs).unref())]);
}

/** Why a run is due now although its time has passed: the newest version is older than the schedule's last time. Null: none is. */
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

function tellStopped(incidents: Incidents, stopped: ReadonlyMap<string, TidemarkError>): Promise<void> {
  const troubles = [...stopped].map(([stream, error]) => [stream, { ...troubleOf(error), streams: [stream] }] as const);
  return incidents.settle("stream-stopped", new Map(troubles));
}

/** One line for a person. */
export function describeRun({ manifest, timings, archived }: BatchResult): string {
  const { number, events, dead, proof } = manifest;
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const proved = proof.state === "proved" ? `${proof.views} views proved against ${proof.by}` : `unproved: ${proof.by}`;
  return (
    `version ${number}: ${events} events${dead > 0 ? ` and ${dead} dead letters` : ""} below the cut, ${archived} newly archived in ` +
    `${seconds(timings.archive)}, recomputed in ${seconds(timings.recompute)}; ${proved} in ${seconds(timings.prove)}`
  );
}

/** node-cron would write to the console; what is worth saying is said here. */
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined };
