/**
 * Records that answers had counted and that the log does not hold any more: a loss that is said, never another
 * answer at the same position.
 */
import { afterEach, beforeEach, expect, it } from "vitest";
import { runBatch } from "../../batch/run.ts";
import { ArrayBatch } from "../../shared/log/batch.ts";
import type { Log, LogRecord } from "../../shared/log/log.ts";
import { MemoryLog } from "../../shared/log/memory.ts";
import { bestSnapshot, newestVersion } from "../../shared/store/versions.ts";
import { stream } from "../support/view-case.ts";
import { catchUp, isError, numberedEvents, World } from "./world.ts";

let world: World;
/** What a compaction has removed, whenever it came. */
let isGone: (partition: number, record: LogRecord) => boolean = () => false;
beforeEach(async () => {
  isGone = () => false;
  world = await World.open({
    stream: stream("events", { g: "VARCHAR", x: "INTEGER" }),
    views: { groups: "SELECT g, count(*) AS n, sum(x) AS x FROM events GROUP BY g" },
    log: (_data, now) => withHoles(new MemoryLog(now)),
  });
});
afterEach(() => world.close());

function withHoles(log: Log): Log {
  const read = log.read.bind(log);
  log.read = async (...from) => {
    const reader = await read(...from);
    return {
      close: () => reader.close(),
      next: async (...limits) =>
        (await reader.next(...limits)).map((batch) => {
          const records = batch.records().filter((record) => !isGone(batch.partition, record));
          return new ArrayBatch(batch.partition, batch.from, batch.upto, records);
        }),
    };
  };
  return log;
}

const some = numberedEvents(() => world);
const counted = async () => {
  const writer = await world.writer((await newestVersion(world.store))!, 0);
  await catchUp(world, writer);
  await writer.close();
};

it.each([
  ["from the middle", (partition: number, { offset }: LogRecord) => partition === 0 && offset === 4],
  ["nearly all", (_partition: number, { offset }: LogRecord) => offset < 9],
])("%s", async (_what, gone) => {
  await world.firstVersion();
  await some(20);
  await counted();
  const before = (await bestSnapshot(world.store))!;
  isGone = gone;
  await expect(runBatch(world.batch)).rejects.toSatisfy((error: unknown) => isError(error, "LOG_RANGE"));
  const after = (await bestSnapshot(world.store))!;
  expect([after.manifest.number, after.position]).toEqual([0, before.position]);
  expect(await world.expectExact(after)).toBe(1);
});

it("is none where no answer had counted it, or where it is archived", async () => {
  await world.firstVersion();
  await some(20);
  await counted();
  expect((await runBatch(world.batch)).manifest.proof.state).toBe("proved");
  isGone = (_partition, { offset }) => offset < 5;
  await some(10);
  await counted();
  expect((await runBatch(world.batch)).manifest).toMatchObject({ events: 30, proof: { state: "proved" } });
  // no process has read these before they are removed
  await some(10);
  isGone = (_partition, { offset }) => offset === 16;
  await counted();
  expect((await runBatch(world.batch)).manifest).toMatchObject({ events: 38, proof: { state: "proved" } });
});
