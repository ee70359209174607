/**
 * Compares changelogs with their tables on a schedule, and has read again what differs: what a server never said of is
 * found by nothing else. What is appended then is what the table has, and nothing that the changelog has already.
 */
import { keepTime } from "../shared/keep-time.ts";
import { type Incidents, troubleOf } from "../shared/store/incidents.ts";
import type { Control } from "./control.ts";
import { type LocatedVerdict, verdictDifferences, verdictText } from "./verify-table.ts";

export interface ScheduledVerifyOptions {
  /** The source's name. */
  readonly source: string;
  readonly streams: readonly string[];
  /** A cron expression. */
  readonly schedule: string;
  readonly timezone: string;
  readonly control: Control<unknown>;
  readonly incidents: Incidents;
  readonly now: () => number;
  readonly say: (line: string) => void;
  /** Compares streams once what is to be read again has been, for which it waits at most this long. */
  readonly verify: (
    streams: readonly string[],
    waitMsMax: number,
    signal: AbortSignal,
  ) => AsyncIterable<LocatedVerdict>;
}

/** A table that can't be followed would be waited for in vain. */
const waitMsMax = 60_000;
/** For a table to be read again. */
const readMsMax = 60 * 60_000;

/** What was missed since the last comparison is made up for. @returns ends it, also one that is under way */
export function verifyOnSchedule(options: ScheduledVerifyOptions): () => Promise<void> {
  const { source, schedule, timezone, control, now, say } = options;
  const stop = new AbortController();
  const { signal } = stop;
  let running = Promise.resolve();
  const onMissed = (due: number) => say(`${source}: verify of ${new Date(due).toISOString()} was missed; running now`);
  const since = control.verified?.at ?? now();
  const end = keepTime({ schedule, timezone, since, now, signal, onMissed }, () => {
    running = verifyNow(options, signal);
    return running;
  });
  return async () => {
    stop.abort();
    await end();
    await running;
  };
}

async function verifyNow(options: ScheduledVerifyOptions, signal: AbortSignal): Promise<void> {
  const { source, streams, control, incidents, now, say, verify } = options;
  const at = now();
  try {
    const differed: Record<string, string> = {};
    for await (const verdict of verify(streams, waitMsMax, signal)) {
      say(`verify: ${verdictText(verdict)}`);
      const differences = verdictDifferences(verdict);
      if (differences === null) await incidents.clear("source-differs", verdict.stream);
      else {
        differed[verdict.stream] = differences;
        await raise(options, verdict, "is read again");
        await control.ask(verdict.stream);
      }
    }
    await checkMended(options, Object.keys(differed), signal);
    if (signal.aborted) return;
    await control.noteVerified({ at, differed });
    await incidents.clear("source-unverified", source);
  } catch (error) {
    if (signal.aborted) return;
    say(`${source}: verify: ${troubleOf(error).message}`);
    await incidents.raiseError("source-unverified", source, error, { streams });
  }
}

async function checkMended(
  options: ScheduledVerifyOptions,
  streams: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  if (streams.length === 0) return;
  for await (const verdict of options.verify(streams, readMsMax, signal)) {
    if (verdictDifferences(verdict) !== null)
      await raise(options, verdict, "was read again in vain: see docs/postgres.md");
    else await options.incidents.clear("source-differs", verdict.stream);
    options.say(`verify: ${verdictText(verdict)}, read again`);
  }
}

function raise({ incidents, source }: ScheduledVerifyOptions, verdict: LocatedVerdict, what: string): Promise<void> {
  const { stream } = verdict;
  const message = `source ${source}: the changelog is not what its table is, and ${what}: ${verdictText(verdict)}`;
  return incidents.raise("source-differs", stream, { code: "SOURCE_TABLE", message, streams: [stream] });
}
