import { setTimeout as sleep } from "node:timers/promises";
import type { StreamDefinition } from "../shared/definition.ts";
import type { Log } from "../shared/log/log.ts";
import { openLog } from "../shared/log/open.ts";
import { formatPosition, positionOf } from "../shared/position.ts";
import { logStream } from "../shared/store/origin.ts";
import { figure, quantile } from "./measure.ts";
import type { Bench, Figure, Part } from "./part.ts";
import { Events, make } from "./project.ts";
import { Role, slopeOf } from "./roles.ts";

const eventsPerSecond = 20_000;
const groupMs = 10;
/** One event per this many groups is marked, and queried for. */
const groupsPerMark = 20;
const warmUpMs = 3000;

/**
 * From the start of an event's append to an answer that shows it, while events come at a steady pace. Speed,
 * serving and batch are processes of their own; the events come from this one.
 */
export const latency: Part = {
  name: "latency",
  run: async (bench) => {
    const { project, stream } = await make(bench.folder);
    const log = await openLog({ data: project.dataDir });
    await log.ensure(logStream(stream));
    const where = ["--project", bench.folder];
    const roles = [new Role("speed", ["speed", ...where])];
    try {
      // the first process to start creates the first version
      await roles[0]!.said(/following/);
      roles.push(new Role("serve", ["serve", "--port", "0", ...where]), new Role("batch", ["batch", ...where]));
      const [, url] = await roles[1]!.said(/listening at (http[^\s"]+)/);
      const { marks, late } = await pour(bench, log, stream, url!);
      if (late > 0) bench.say(`${late} groups of events were appended more than 100 ms behind their time`);
      for (const role of roles) bench.say(describeWeight(role));
      return [...latencyFigures(marks), ...roles.map(weightFigure)];
    } finally {
      await Promise.all(roles.map((role) => role.stop()));
      await log.close();
    }
  },
};

/** Appends at the pace, asks for the marked events, and gives their times. */
async function pour(
  bench: Bench,
  log: Log,
  stream: StreamDefinition,
  url: string,
): Promise<{ marks: number[]; late: number }> {
  const events = new Events();
  const perGroup = (eventsPerSecond * groupMs) / 1000;
  const groups = Math.round((bench.minutes * 60_000 + warmUpMs) / groupMs);
  const marks: number[] = [];
  const asking = new Set<Promise<void>>();
  let failure: unknown = null;
  let late = 0;
  const began = performance.now();
  for (let group = 0; group < groups; group++) {
    bench.signal.throwIfAborted();
    if (failure !== null) throw failure;
    const wait = began + group * groupMs - performance.now();
    if (wait > 0) await sleep(wait);
    else if (wait < -100) late++;
    const records = events.take(perGroup);
    const marked = group % groupsPerMark === 0 ? `mark-${group}` : null;
    if (marked) records[perGroup >> 1] = events.next(marked);
    const started = performance.now();
    const appended = log.append(logStream(stream), records);
    if (!marked) {
      await appended;
      continue;
    }
    const asked: Promise<void> = appended
      .then((ends) => shown(url, stream, marked, ends))
      .then(
        () => {
          if (started - began > warmUpMs) marks.push(performance.now() - started);
        },
        (error: unknown) => {
          failure ??= error;
        },
      )
      .finally(() => asking.delete(asked));
    asking.add(asked);
  }
  await Promise.all(asking);
  if (failure !== null) throw failure;
  return { marks, late };
}

/** Asks the served view, waiting for the append's own position. @throws when the answer lacks the event */
async function shown(
  url: string,
  stream: StreamDefinition,
  device: string,
  ends: ReadonlyMap<number, number>,
): Promise<void> {
  const position = positionOf([...ends].map(([partition, offset]) => ({ stream: stream.name, partition, offset })));
  const response = await fetch(`${url}/v1/views/devices?device=eq.${device}`, {
    headers: { "Tidemark-Wait-For": formatPosition(position) },
  });
  const text = await response.text();
  if (!response.ok || !text.includes(device)) throw new Error(`${device} is not shown: ${response.status} ${text}`);
}

function latencyFigures(marks: readonly number[]): Figure[] {
  const bounded = (q: number, bound: number): Figure => {
    const value = quantile(marks, q);
    const goal = { text: `< ${bound} ms`, reached: value < bound };
    const figured = figure(`latency, append to answer, p${q * 100}`, [value], "ms", goal);
    return { ...figured, spread: `of ${marks.length}` };
  };
  return [bounded(0.5, 300), bounded(0.99, 1000)];
}

function weightFigure({ name, weights }: Role): Figure {
  return figure(`latency: memory of ${name}, ${slopeOf(weights).toFixed(1)} MB a minute`, weights, "MB");
}

function describeWeight({ name, weights, mapped }: Role): string {
  const at = (series: readonly number[]) =>
    [0, 0.5, 1].map((share) => series[Math.round(share * (series.length - 1))]?.toFixed(0) ?? "–").join(", ");
  return (
    `${name} at the start, middle and end: ${at(weights)} MB of its own, ${slopeOf(weights).toFixed(1)} MB a minute over the ` +
    `second half; and ${at(mapped)} MB of mapped files`
  );
}
