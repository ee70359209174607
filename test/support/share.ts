/**
 * What make cases, make faults and make mutate run whole, and make test a share of, each time another one.
 * SHARE=…, which a run prints before its last line, draws the same shares again, also of one file or test alone.
 */
import { createHash } from "node:crypto";
import { expect } from "vitest";

export const isFull = process.env.FULL === "1";

/** Draws so far, by file and test. */
const drawn = new Map<string, number>();

/** In [0, 1), by the seed of the run, the file, the test, and how many it has drawn before. */
export function drawShare(): number {
  const { testPath = "", currentTestName = "" } = expect.getState();
  const place = `${testPath.replace(/^.*[\\/]test[\\/]/, "")} ${currentTestName}`;
  const count = drawn.get(place) ?? 0;
  drawn.set(place, count + 1);
  const hash = createHash("sha256").update(`${process.env.SHARE} ${place} ${count}`).digest();
  return hash.readUInt32LE() / 2 ** 32;
}

/** One time in n; always in the full lanes. */
export function oneIn(n: number): boolean {
  return isFull || drawShare() * n < 1;
}

/** `few` of them, in their order; all in the full lanes. */
export function someOf<T>(all: readonly T[], few: number): readonly T[] {
  if (isFull) return all;
  const chosen = new Set(
    all
      .map((_, i) => ({ i, by: drawShare() }))
      .sort((a, b) => a.by - b.by)
      .slice(0, few)
      .map(({ i }) => i),
  );
  return all.filter((_, i) => chosen.has(i));
}
