/** The door to node-cron: runs what is due by a schedule. Timers only wake it; the timetable decides what is due. */
import cron from "node-cron";
import { Timetable } from "./timetable.ts";

export interface Timing {
  /** A cron expression. */
  readonly schedule: string;
  readonly timezone: string;
  /** Everything due up to then has run, ms. */
  readonly since: number;
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** Called before a run that starts much later than it was due. @param due ms */
  readonly onMissed: (due: number) => void;
}

/** How often the timetable is checked, so that a machine's sleep or a changed clock is noticed within a minute. */
const everyMinute = "* * * * *";
/** A run that starts this much later than scheduled is reported as missed. */
const lateMs = 5 * 60_000;

/** One run at a time. @returns ends it; a run that has begun goes on */
export function keepTime(
  { schedule, timezone, since, now, signal, onMissed }: Timing,
  run: () => Promise<void>,
): () => Promise<void> {
  const timetable = new Timetable(schedule, timezone, since);
  let busy = false;
  const runDue = async () => {
    if (busy) return;
    busy = true;
    // runs that become due during a run are made up for by one, afterwards
    for (let due = timetable.take(now()); due !== null && !signal.aborted; due = timetable.take(now())) {
      if (now() - due > lateMs) onMissed(due);
      await run();
    }
    busy = false;
  };
  const timers = [schedule, everyMinute].map((each) =>
    cron.schedule(each, runDue, { timezone, suppressMissedWarning: true, logger: silent }),
  );
  return async () => void (await Promise.all(timers.map((timer) => timer.destroy())));
}

/** node-cron would write to the console; the roles report what matters themselves. */
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined };
