/**
 * What happens to a log over time, as data: micro-batches, versions, compactions, restarts, and comparisons of what
 * is served.
 */
import type { Records } from "./events.ts";

/** The next offset of each partition. */
export type Offsets = readonly number[];

export type Step =
  /** Speed folds the events from its position up to here into one more entry. */
  | { readonly do: "fold"; readonly upto: Offsets }
  /** Neighbouring entries become one. */
  | { readonly do: "compact"; readonly at: number; readonly count: number }
  /** An entry's rows go through a Parquet file. */
  | { readonly do: "file"; readonly at: number }
  /** A writer that takes over keeps this many entries and recomputes the rest. */
  | { readonly do: "restart"; readonly keep: number }
  /** A version up to here is served, with a delta that begins there. */
  | { readonly do: "version"; readonly cut: Offsets }
  /** What is served equals the view's own SQL over what it covers. */
  | { readonly do: "look" };

function between(random: () => number, from: number, upto: number): number {
  return from + Math.floor(random() * (upto - from + 1));
}

/** Ends with everything folded and compared. */
export function randomHistory(random: () => number, records: Records): Step[] {
  const ends = records.map((list) => list.length);
  const steps: Step[] = [];
  // on a share of the runs after every step
  const looks = random() < 0.05 ? 1 : 0.08;
  let at: number[] = ends.map(() => 0);
  let entries = 0;
  const fold = (upto: number[]) => {
    at = upto;
    entries++;
    steps.push({ do: "fold", upto });
  };
  const versions = 1 + Math.floor(random() * 2);
  const before = Math.floor(random() * 2);
  for (let i = 0; i < before; i++) fold(at.map((offset, p) => between(random, offset, ends[p]!)));
  for (let version = 0; version < versions; version++) {
    // the cut may lie below what was served, or beyond it
    at = ends.map((end) => between(random, 0, end));
    entries = 0;
    steps.push({ do: "version", cut: at });
    const count = Math.floor(random() * 4);
    for (let i = 0; i < count; i++) {
      const kind = random();
      if (kind < 0.15 && entries > 1) {
        const first = Math.floor(random() * (entries - 1));
        const size = between(random, 2, entries - first);
        entries -= size - 1;
        steps.push({ do: "compact", at: first, count: size });
      } else if (kind < 0.25 && entries > 0) {
        steps.push({ do: "file", at: Math.floor(random() * entries) });
      } else if (kind < 0.35 && entries > 0) {
        entries = Math.floor(random() * entries);
        steps.push({ do: "restart", keep: entries });
        // where the kept entries end only the runner knows; the next fold starts there
      } else fold(at.map((offset, p) => between(random, offset, ends[p]!)));
      if (random() < looks) steps.push({ do: "look" });
    }
  }
  fold([...ends]);
  if (entries > 1 && random() < 0.5) steps.push({ do: "compact", at: 0, count: entries });
  steps.push({ do: "look" });
  return steps;
}

/** Histories that say less, the boldest first. */
export function* simplerHistories(steps: readonly Step[]): Generator<Step[]> {
  const half = Math.floor(steps.length / 2);
  if (half > 1) yield steps.slice(half);
  for (const at of steps.keys()) if (steps.length > 1) yield steps.toSpliced(at, 1);
}

/** The same steps where some records are gone: an offset counts those that are left below it. */
export function without(steps: readonly Step[], partition: number, from: number, count: number): Step[] {
  const shift = (offsets: Offsets): Offsets => {
    const old = offsets[partition] ?? 0;
    return offsets.with(partition, old - Math.max(0, Math.min(old, from + count) - from));
  };
  return steps.map((step) => {
    if (step.do === "fold") return { ...step, upto: shift(step.upto) };
    return step.do === "version" ? { ...step, cut: shift(step.cut) } : step;
  });
}
