import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { missedRun, runBatchDaemon } from "../../batch/daemon.ts";
import { runBatch } from "../../batch/run.ts";
import { newestVersion, versionNumbers } from "../../shared/store/versions.ts";
import { until } from "../support/until.ts";
import { stream } from "../support/view-case.ts";
import { World } from "./world.ts";

const hour = 3_600_000;

describe("the batch daemon", () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open({
      stream: stream("events", { g: "VARCHAR" }),
      views: { all: "SELECT count(*) AS n FROM events" },
    });
    world.now = Date.UTC(2026, 2, 28, 1, 0);
  });
  afterEach(() => world.close());

  it("knows what was missed, in the schedule's own time zone, over a change of the clocks too", async () => {
    const nightly = { schedule: "0 2 * * *", timezone: "Europe/Berlin" };
    expect(await missedRun(world.store, nightly, world.now)).toBeNull();
    await runBatch(world.batch); // made at 02:00 in Berlin, that is 01:00 UTC
    const made = world.now;
    expect(await missedRun(world.store, nightly, made + 23 * hour)).toBeNull();
    // on 29 March the clocks go from 02:00 to 03:00: there is no 02:00, and 03:00 takes its place
    expect(await missedRun(world.store, nightly, made + 24 * hour - 1)).toBeNull();
    for (const after of [24, 46])
      expect(await missedRun(world.store, nightly, made + after * hour)).toBe(
        "the run of 2026-03-29T01:00:00.000Z was missed",
      );
    expect(await missedRun(world.store, nightly, made + 47 * hour + 60_000)).toBe(
      "the run of 2026-03-30T00:00:00.000Z was missed",
    );
  });

  it("catches up at start, then runs and archives at their times, one at a time", async () => {
    await runBatch(world.batch);
    await world.append([{ partition: 0, value: '{"g":"a"}', valid: true }]);
    world.now += 30 * hour;
    vi.useFakeTimers({ now: world.now, toFake: ["setTimeout", "clearTimeout", "Date"] });
    const stop = new AbortController();
    const published: number[] = [];
    try {
      const daemon = runBatchDaemon({
        batch: { ...world.batch, now: () => Date.now() },
        schedule: "0 2 * * *",
        archive: "*/5 * * * *",
        timezone: "UTC",
        signal: stop.signal,
        onPublished: ({ manifest }) => published.push(manifest.number),
      });
      const until = async (n: number) => {
        const began = performance.now();
        while (published.length < n) {
          if (performance.now() - began > 10_000) throw new Error(`nothing was published: ${world.said.join("\n")}`);
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      await until(1);
      expect(world.said.some((line) => line.includes("was missed; running now"))).toBe(true);
      expect((await newestVersion(world.store))!.events).toBe(1);

      await world.append([{ partition: 1, value: '{"g":"b"}', valid: true }]);
      await vi.advanceTimersByTimeAsync(24 * hour);
      await until(2);
      stop.abort();
      // what is under way may wait for a timer once more
      const ended = daemon.then(() => true);
      const goesOn = () => vi.advanceTimersByTimeAsync(1000).then(() => false);
      while (!(await Promise.race([ended, goesOn()])));
      expect((await newestVersion(world.store))!.events).toBe(2);
      expect(world.said.filter((line) => line.includes("FAILED"))).toEqual([]);
      expect(await versionNumbers(world.store)).toEqual([1, 2, 3]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("says what failed, publishes nothing, and goes on", async () => {
    await runBatch(world.batch);
    const stop = new AbortController();
    const batch = { ...world.batch, makeDefinition: async () => Promise.reject(new Error("no such view\nat all")) };
    const daemon = runBatchDaemon({
      batch,
      schedule: "0 2 * * *",
      archive: "0 3 * * *",
      timezone: "UTC",
      signal: stop.signal,
    });
    await until(() => world.said.some((line) => line.includes("FAILED")));
    stop.abort();
    await daemon;
    expect(world.said.at(-1)).toBe("batch FAILED: no such view at all");
    expect(await versionNumbers(world.store)).toEqual([0, 1]);
  });
});
