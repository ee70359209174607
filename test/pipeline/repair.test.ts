/**
 * repair: damaged archive files are rewritten from the log; offsets that are nowhere stay missing until the loss is
 * accepted.
 */
import { afterEach, beforeEach, expect, it } from "vitest";
import { runArchive } from "../../batch/archive-streams.ts";
import { rebuild } from "../../batch/rebuild.ts";
import { repair } from "../../batch/repair.ts";
import { Records } from "../../shared/archive/records.ts";
import { Duck } from "../../shared/duckdb/duck.ts";
import { verifyFiles } from "../../shared/proof/verify-files.ts";
import { logStream } from "../../shared/store/origin.ts";
import { checkedRows } from "../../shared/store/snapshot-rows.ts";
import { newestVersion, snapshotOf } from "../../shared/store/versions.ts";
import { behind } from "../support/store.ts";
import { stream } from "../support/view-case.ts";
import { catchUp, World } from "./world.ts";

let world: World;
beforeEach(async () => {
  world = await World.open({
    stream: { ...stream("events", { g: "VARCHAR" }), partitions: 2 },
    views: { groups: "SELECT g, count(*) AS n FROM events GROUP BY g" },
  });
});
afterEach(() => world.close());

const append = (...gs: string[]) =>
  world.append(gs.map((g, i) => ({ partition: i % 2, value: JSON.stringify({ g }), valid: true })));
const trim = (...below: number[]) => world.log.trim(logStream(world.stream), new Map(below.entries()));
const damagedFiles = async () => {
  const damaged: string[] = [];
  for await (const { file, damage } of verifyFiles(world.store, world.log)) if (damage !== null) damaged.push(file);
  return damaged;
};
const segmentsOf = async (partition: number) =>
  new Records(world.store, world.log, (await newestVersion(world.store))!.origin).segments("events", partition);

async function answered(): Promise<string> {
  const duck = await Duck.open({ threads: 1 });
  const session = await duck.session();
  const snapshot = await snapshotOf(world.store, (await newestVersion(world.store))!);
  const rows = await checkedRows(world.store, snapshot, world.definition.views[0]!);
  const found = (await session.read(`SELECT g, n FROM (${rows}) ORDER BY g`)).getRows();
  session.close();
  duck.close();
  return found.map(([g, n]) => `${g}${n}`).join(" ");
}

it("finds nothing when everything is intact", async () => {
  await append("a", "b", "c");
  await world.runBatch();
  const found = await repair(world.batch, true);
  expect(found).toMatchObject({ remade: [], damaged: [], missing: [], lost: [], views: null });
});

it("rewrites damaged and removed archive files from the log, with the same duplicates", async () => {
  await append("a", "b", "c", "d");
  await world.runBatch();
  await append("a", "b");
  await world.runBatch();
  const [[first], [, second]] = [await segmentsOf(0), await segmentsOf(1)];
  behind(world.store).append(first!.file.name, "x");
  behind(world.store).remove(second!.file.name);
  expect(await damagedFiles()).toHaveLength(2);
  const found = await repair(world.batch, false);
  expect(found!.remade).toEqual([
    { stream: "events", partition: 0, from: 0, upto: 2 },
    { stream: "events", partition: 1, from: 2, upto: 3 },
  ]);
  expect(await damagedFiles()).toEqual([]);
  const [again] = await segmentsOf(0);
  const facts = ({ rows, dead, duplicates, late, requests, latest }: typeof again & object) => ({
    rows,
    dead,
    duplicates,
    late,
    requests,
    latest,
  });
  expect(facts(again!)).toEqual(facts(first!));
  await world.runBatch();
  expect(await answered()).toBe("a2 b2 c1 d1");
});

it("names an archive file that the log no longer holds", async () => {
  await append("a", "b", "c", "d");
  await world.runBatch();
  behind(world.store).append((await segmentsOf(0))[0]!.file.name, "x");
  await trim(2, 2);
  const found = await repair(world.batch, true);
  expect(found!.remade).toEqual([]);
  expect(found!.damaged).toMatchObject([
    { partition: 0, from: 0, upto: 2, why: expect.stringContaining("begins at 2") },
  ]);
});

it("goes on without lost offsets once the loss is accepted, and not before", async () => {
  await append("a", "b");
  const version = await world.runBatch();
  await append("lost", "b", "lost", "b", "c", "d");
  await trim(3, 1);
  await expect(runArchive(world.batch)).rejects.toThrow("begins at 3");
  const missing = [{ stream: "events", partition: 0, from: 1, upto: 3 }];
  expect(await repair(world.batch, false)).toMatchObject({ missing, lost: [] });
  await expect(runArchive(world.batch)).rejects.toThrow("begins at 3");
  expect(await repair(world.batch, true)).toMatchObject({ missing: [], lost: missing, answered: [] });
  expect(await repair(world.batch, false)).toMatchObject({ missing: [], lost: missing, answered: [] });
  const writer = await world.writer(version, 0);
  await catchUp(world, writer);
  await writer.close();
  expect(await answered()).toBe("a1 b3 c1 d1");
  expect((await world.runBatch()).proof.state).toBe("proved");
  expect(await answered()).toBe("a1 b3 c1 d1");
  expect(await damagedFiles()).toEqual([]);
});

it("reports where answers still count events that the archive never had, and rebuild removes them", async () => {
  await append("a", "b");
  const version = await world.runBatch();
  await append("lost", "b");
  const writer = await world.writer(version, 0);
  await catchUp(world, writer);
  await trim(2, 1);
  const lost = [{ stream: "events", partition: 0, from: 1, upto: 2 }];
  expect(await repair(world.batch, true)).toMatchObject({ lost, answered: lost });
  expect(await answered()).toBe("a1 b2 lost1");
  await writer.close();
  await rebuild({
    batch: world.batch,
    views: [],
    fullSpeed: true,
    perStep: 100,
    sleep: async () => undefined,
    onStep: () => undefined,
  });
  expect(await answered()).toBe("a1 b2");
});

it("keeps a loss that several accept at once, and rewrites its file", async () => {
  await append("a", "b");
  await world.runBatch();
  await append("lost", "b", "c", "d");
  await trim(2, 1);
  const found = await Promise.all([repair(world.batch, true), repair(world.batch, true)]);
  expect(found.map((each) => each!.missing)).toEqual([[], []]);
  const [, lost] = await segmentsOf(0);
  expect(lost).toMatchObject({ from: 1, upto: 2, lost: true });
  expect((await world.runBatch()).events).toBe(5);
  behind(world.store).remove(lost!.file.name);
  expect((await repair(world.batch, false))!.remade).toEqual([{ stream: "events", partition: 0, from: 1, upto: 2 }]);
  expect(await damagedFiles()).toEqual([]);
  expect((await segmentsOf(0))[1]).toMatchObject({ from: 1, upto: 2, lost: true });
  expect((await world.runBatch()).events).toBe(5);
});
