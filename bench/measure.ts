/**
 * Medians over rounds. This machine is shared: what is compared alternates within a round, so that both see the
 * same noise.
 */
import type { Figure, Goal } from "./part.ts";

export interface Contest {
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
}

/**
 * Runs both in turns, `rounds` times, the first one by turns too; each answers with its own measure (ms, or
 * events a second).
 */
export async function alternate(
  rounds: number,
  signal: AbortSignal,
  ours: (round: number) => Promise<number>,
  theirs: (round: number) => Promise<number>,
): Promise<Contest> {
  const contest = { ours: [] as number[], theirs: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const turns = [
      async () => contest.ours.push(await ours(round)),
      async () => contest.theirs.push(await theirs(round)),
    ];
    for (const turn of round % 2 === 0 ? turns : turns.reverse()) {
      signal.throwIfAborted();
      await turn();
    }
  }
  return contest;
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export type Unit = "ms" | "events/s" | "MB" | "";

/** A figure of one series. */
export function figure(name: string, values: readonly number[], unit: Unit, goal: Goal | null = null): Figure {
  const least = values.reduce((min, value) => Math.min(min, value), Number.POSITIVE_INFINITY);
  const greatest = values.reduce((max, value) => Math.max(max, value), Number.NEGATIVE_INFINITY);
  return {
    name,
    median: `${number(median(values))} ${unit}`,
    spread: `${number(least)} – ${number(greatest)}`,
    ratio: null,
    goal,
  };
}

/** Ours with its ratio to theirs, and theirs: two lines. `bound` is an upper one for times, a lower one for rates. */
export function figures(
  names: readonly [ours: string, theirs: string],
  { ours, theirs }: Contest,
  unit: "ms" | "events/s",
  bound: number,
): Figure[] {
  const ratio = median(ours.map((value, i) => value / theirs[i]!));
  const goal =
    unit === "ms"
      ? { text: `≤ ${bound.toFixed(2)}`, reached: ratio <= bound }
      : { text: `≥ ${bound.toFixed(2)}`, reached: ratio >= bound };
  return [{ ...figure(names[0], ours, unit, goal), ratio }, figure(names[1], theirs, unit)];
}

function number(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toPrecision(3);
}
