import { expect, it } from "vitest";
import { Freshness } from "../../serving/freshness.ts";

const at = (offset: number) => ({ s: { 0: offset } });

it("lag is the age of the newest look at the log's end that is covered", () => {
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

it("memory stays bounded, and what is older than all looks counts from the oldest", () => {
  const freshness = new Freshness();
  for (let i = 0; i < 100_000; i++) freshness.note(i, at(i));
  expect(freshness.lagMs(at(0), 100_000)).toBeLessThan(2500);
  expect(freshness.lagMs(at(0), 100_000)).toBeGreaterThan(1000);
});
