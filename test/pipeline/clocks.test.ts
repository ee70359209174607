import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runBatchDaemon } from "../../batch/daemon.ts";
import { runBatch } from "../../batch/run.ts";
import { newestVersion } from "../../shared/store/versions.ts";
import { someOf } from "../support/share.ts";
import { stream } from "../support/view-case.ts";
import { seededNumbers } from "../views/seeded.ts";
import { World } from "./world.ts";

const hour = 3_600_000;
const days = 4;
const seed = Number(process.env.SEED || 1);

/** Each begins some days before the clocks change there. */
const changes = [
  { timezone: "Europe/Berlin", from: Date.UTC(2026, 2, 27), schedule: "30 2 * * *" },
  { timezone: "Europe/Berlin", from: Date.UTC(2026, 9, 23), schedule: "30 2 * * *" },
  { timezone: "America/New_York", from: Date.UTC(2026, 2, 6), schedule: "30 2 * * *" },
  { timezone: "America/New_York", from: Date.UTC(2026, 9, 30), schedule: "30 1 * * *" },
  { timezone: "UTC", from: Date.UTC(2026, 11, 29), schedule: "0 0 * * *" },
];

describe("clocks that jump by an hour", () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open({
      stream: stream("events", { g: "VARCHAR" }),
      views: { all: "SELECT count(*) AS n FROM events" },
    });
  });
  afterEach(async () => {
    vi.useRealTimers();
    await world.close();
  });

  it.each(someOf(changes, 1))(
    "neither skip nor spoil a run: $schedule in $timezone",
    async ({ timezone, from, schedule }) => {
      const random = seededNumbers(seed + from);
      vi.useFakeTimers({ now: from, toFake: ["setTimeout", "clearTimeout", "Date"] });
      world.now = from;
      await runBatch(world.batch);
      /** Real time, which no clock shows. */
      let elapsed = 0;
      const runs: number[] = [];
      let published = 0;
      // the first thing that a run asks for; the daemon itself asks twice when it starts
      let asked = 0;
      const makeDefinition = () => {
        if (++asked > 2) runs.push(elapsed);
        return world.batch.makeDefinition();
      };
      const stop = new AbortController();
      const daemon = runBatchDaemon({
        batch: { ...world.batch, now: () => Date.now(), makeDefinition },
        schedule,
        archive: "0 12 * * *",
        timezone,
        signal: stop.signal,
        onPublished: () => published++,
      });
      while (asked < 2) await new Promise((resolve) => setImmediate(resolve));
      let [events, jumps] = [0, 0];
      for (; elapsed < days * 24 * hour; elapsed += hour / 2) {
        const dice = random();
        if (dice < 0.06) {
          jumps++;
          vi.setSystemTime(Date.now() + (dice < 0.03 ? hour : -hour));
        }
        world.now = Date.now();
        await world.append([{ partition: events++ % 2, value: '{"g":"a"}', valid: true }]);
        await vi.advanceTimersByTimeAsync(hour / 2);
        // what has begun has its time, however long it takes
        for (const until = performance.now() + 4; performance.now() < until || published < runs.length; )
          await new Promise((resolve) => setImmediate(resolve));
      }
      // the last run may be under way
      await vi.advanceTimersByTimeAsync(26 * hour);
      const began = performance.now();
      while ((await newestVersion(world.store))!.events < events) {
        if (performance.now() - began > 20_000) throw new Error(`not all are counted: ${world.said.join("\n")}`);
        await new Promise((resolve) => setImmediate(resolve));
      }
      stop.abort();
      await vi.advanceTimersByTimeAsync(5000);
      await daemon;
      process.stdout.write(`clocks: SEED=${seed} ${timezone} ${jumps} jumps, ${runs.length} runs in ${days} days\n`);
      expect(world.said.filter((line) => line.includes("FAILED"))).toEqual([]);
      // a day of 25 hours, and a clock that was set back as often as it was at all
      const longest = Math.max(...runs.map((at, i) => at - (runs[i - 1] ?? 0)));
      expect(longest).toBeLessThanOrEqual((24 + 1 + 1 + jumps) * hour);
      expect(runs.length).toBeGreaterThanOrEqual(days - 1);
    },
  );
});
