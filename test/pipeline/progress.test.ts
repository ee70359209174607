/** A delta that is stuck, falls behind, catches up or is at the end, in made-up time. */
import { describe, expect, it } from "vitest";
import { DeltaProgress } from "../../speed/progress.ts";
import { stream } from "../support/view-case.ts";

const streams = [stream("a", { x: "INTEGER" }), stream("b", { x: "INTEGER" })];
const lookMs = 5000;

/**
 * What is wrong of stream a after two minutes of samples, while b is well. @param at the offsets at second t, of
 * delta and log
 */
function after(at: (seconds: number) => { position: number; end: number }) {
  const progress = new DeltaProgress();
  const sampleAt = (time: number) => {
    const { position, end } = at(time / 1000);
    const b = { 0: time };
    return progress.sample(time, streams, { a: { 0: position }, b }, { a: { 0: end, 1: 0 }, b });
  };
  for (let time = 0; time < 120_000; time += lookMs) sampleAt(time);
  const found = sampleAt(120_000);
  return Object.entries(found).flatMap(([kind, troubles]) => [...troubles.keys()].map((name) => `${kind} ${name}`));
}

describe("progress", () => {
  it.each([
    ["what is read at once", [], (t: number) => ({ position: 10 * t, end: 10 * t })],
    ["a log without new records, too", [], () => ({ position: 7, end: 7 })],
    ["what is behind and catches up", [], (t: number) => ({ position: 50 * t, end: 10_000 + 10 * t })],
    ["what is some seconds behind", [], (t: number) => ({ position: Math.max(0, 10 * (t - 30)), end: 10 * t })],
    ["a stuck delta though the log goes on", ["standing-still a"], (t: number) => ({ position: 7, end: 10 * t + 8 })],
    ["a stuck delta before one record", ["standing-still a"], () => ({ position: 7, end: 8 })],
    [
      "a log that grows faster than it is read",
      ["falling-behind a"],
      (t: number) => ({ position: 10 * t, end: 40 * t }),
    ],
    [
      "a pause of half a minute",
      [],
      (t: number) => ({ position: t < 60 ? 10 * t : t < 90 ? 600 : 10 * t, end: 10 * t }),
    ],
  ] as const)("%s", (_, expected, at) => {
    expect(after(at)).toEqual(expected);
  });

  it("reports nothing before it has sampled for a minute", () => {
    const progress = new DeltaProgress();
    const stuckAt = (time: number) =>
      progress.sample(time, streams, { a: { 0: 0 } }, { a: { 0: 9 } })["standing-still"].size;
    expect([0, 20_000, 59_000, 60_000].map(stuckAt)).toEqual([0, 0, 0, 1]);
  });
});
