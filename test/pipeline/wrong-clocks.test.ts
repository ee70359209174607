/**
 * Clocks that are wrong by years: they pin neither duplicate windows nor retention, and what an earlier release
 * has kept is read.
 */
import { afterEach, beforeEach, expect, it } from "vitest";
import { runArchive } from "../../batch/archive-streams.ts";
import { runBatch } from "../../batch/run.ts";
import { Incidents, incidentsIn } from "../../shared/store/incidents.ts";
import { layout, type Segment } from "../../shared/store/layout.ts";
import { logStream } from "../../shared/store/origin.ts";
import { seal } from "../../shared/store/sealed.ts";
import { readTwice, replaceTwice } from "../../shared/store/twice.ts";
import { bestSnapshot, newestHead } from "../../shared/store/versions.ts";
import { StrangeStamps } from "../../speed/strange-stamps.ts";
import { stream } from "../support/view-case.ts";
import { catchUp, World } from "./world.ts";

const hour = 3_600_000;
const year = 365 * 24 * hour;
const events = { ...stream("events", { e: "VARCHAR", x: "INTEGER" }), id: "e", dedupMs: 2000, partitions: 1 };
const views = { all: "SELECT e, count(*) AS n, last(x) AS l FROM events GROUP BY e" };

let world: World;
let sent = 0;
const append = (e: string) => world.append([{ partition: 0, value: JSON.stringify({ e, x: sent++ }), valid: true }]);
const exact = async () => world.expectExact((await bestSnapshot(world.store))!);
/** How many events count. */
const counted = async () => {
  const { manifest, heads } = (await bestSnapshot(world.store))!;
  return [manifest, ...heads.flatMap(({ entries }) => entries)].reduce((sum, { events: n }) => sum + n, 0);
};
beforeEach(async () => {
  world = await World.open({ stream: events, views });
});
afterEach(() => world.close());

it.each([1, 2, 20])("%i appends of a process whose clock is ten years ahead", { timeout: 60_000 }, async (appends) => {
  const version = await world.firstVersion();
  const writer = await world.writer(version, 0);
  await append("a");
  world.now += 10 * year;
  for (let i = 0; i < appends; i++) {
    world.now += 10;
    await append(`wrong${i}`);
  }
  world.now -= 10 * year;
  await catchUp(world, writer);
  expect(writer.strangeStamps().get("events")![0]).toMatchObject({ partition: 0, offset: 1 });
  // where it had followed that clock, it takes a thousand records to find back
  world.now += 10;
  await world.append(
    Array.from({ length: appends > 1 ? 1100 : 2 }, () => ({ partition: 0, value: "{", valid: false })),
  );
  await catchUp(world, writer);
  const before = await counted();
  for (let i = 0; i < 5; i++) {
    await append("again");
    world.now += 1000;
    await append("again");
    world.now += hour;
  }
  await catchUp(world, writer);
  expect((await counted()) - before).toBe(5);
  await exact();
  const manifest = await world.runBatch();
  expect(manifest.proof.state).toBe("proved");
  // what is archived is let go after a day, as ever
  world.now += 25 * hour;
  await append("later");
  await append("later still");
  await runBatch({ ...world.batch, retentionMs: 24 * hour });
  world.now += 1000;
  await append("last");
  await runBatch({ ...world.batch, retentionMs: 24 * hour });
  expect((await world.log.first(logStream(events)))[0]).toBeGreaterThanOrEqual(manifest.cut.events![0]!);
  await exact();
  await writer.close();
});

it("is an incident with its place, for an hour", async () => {
  let now = 0;
  const stamps = new StrangeStamps(new Incidents(world.store, "speed-0", () => now), () => now);
  stamps.note("events", [{ partition: 3, offset: 17, stamp: Date.UTC(2099, 0, 1), before: Date.UTC(2026, 0, 1) }]);
  stamps.note("events", [{ partition: 4, offset: 5, stamp: null, before: Date.UTC(2026, 0, 1) }]);
  await stamps.report();
  const found = await incidentsIn(world.store);
  expect(found).toMatchObject([
    { kind: "log-time", subject: "events/3", streams: ["events"] },
    { kind: "log-time", subject: "events/4", streams: ["events"] },
  ]);
  expect(found[0]!.message).toContain("offset 17 of stream events partition 3 is stamped 2099-01-01T00:00:00.000Z");
  expect(found[1]!.message).toContain("offset 5 of stream events partition 4 has an impossible timestamp");
  now = 2 * hour;
  await stamps.report();
  expect(await incidentsIn(world.store)).toEqual([]);
});

it("goes on from what an earlier release has kept: archive files without log time, and a delta that is recomputed", async () => {
  const version = await world.firstVersion();
  let writer = await world.writer(version, 0);
  for (const e of ["a", "b", "a"]) await append(e);
  await runArchive(world.batch);
  await append("c");
  await catchUp(world, writer);
  await writer.close();
  const name = layout.segment("events", 0, 0);
  const { clock: _, unsteady: __, ...old } = (await readTwice<Segment>(world.store, name))!;
  await replaceTwice(world.store, name, seal(old));
  const head = (await newestHead(world.store, 0, 0))!;
  await world.store.replace(layout.head(0, 0, head.generation), seal({ ...head, format: 1 }));
  await exact();
  writer = await world.writer(version, 0);
  expect(writer.position).toEqual(version.cut);
  for (const e of ["b", "d"]) await append(e);
  await catchUp(world, writer);
  await exact();
  expect((await world.runBatch()).proof.state).toBe("proved");
  await writer.close();
});
