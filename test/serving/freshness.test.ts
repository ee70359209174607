import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { Freshness } from "../../serving/snapshot/freshness.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
/** What is in use, without garbage. */
function heap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

const at = (offset: number) => ({ s: { 0: offset } });

it("lag is the age of the newest poll of the log's end that is covered", () => {
  const freshness = new Freshness();
  expect(freshness.lagMs(at(5), 0)).toBeNull();
  freshness.note(1000, at(5));
  freshness.note(1250, at(7));
  freshness.note(1500, at(7));
  freshness.note(1750, at(9));
  expect(freshness.lagMs(at(9), 1800)).toBe(0);
  expect(freshness.lagMs(at(8), 1800)).toBe(300);
  expect(freshness.lagMs(at(7), 1800)).toBe(300);
  expect(freshness.lagMs(at(6), 1800)).toBe(800);
  expect(freshness.lagMs(at(1), 1800)).toBe(800);
  expect(freshness.end).toEqual(at(9));
});

it("a log that can't be asked any more makes the lag grow", () => {
  const freshness = new Freshness();
  freshness.note(1000, at(5));
  expect(freshness.lagMs(at(5), 1900)).toBe(0);
  expect(freshness.lagMs(at(5), 3_601_000)).toBe(3_600_000);
});

it("a lag of hours is given, more coarsely, from bounded memory", () => {
  const freshness = new Freshness();
  for (let i = 0; i < 100_000; i++) freshness.note(i, at(i));
  for (const position of [0, 10_000, 50_000, 90_000, 99_900]) {
    const lag = freshness.lagMs(at(position), 100_000)!;
    // never understated
    expect(lag).toBeGreaterThanOrEqual(100_000 - position);
    expect(lag).toBeLessThanOrEqual(100_000 - position + 60);
  }
});

it("keeps fewer polls of a log with many partitions, and the lag is never understated for it", () => {
  const freshness = new Freshness();
  const partitions = 1000;
  const wide = (offset: number) => ({
    s: Object.fromEntries(Array.from({ length: partitions }, (_, partition) => [partition, offset])),
  });
  const samples = 1500;
  const before = heap();
  for (let i = 0; i < samples; i++) freshness.note(i, wide(i));
  // all of them would be 12 MB
  expect(heap() - before).toBeLessThan(8 << 20);
  expect(freshness.lagMs(wide(samples - 1), samples - 1)).toBe(0);
  for (const position of [0, 700, samples - 300])
    expect(freshness.lagMs(wide(position), samples)).toBeGreaterThanOrEqual(samples - position);
});
