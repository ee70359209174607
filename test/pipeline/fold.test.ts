/** The engine of runs and rebuilds: a past in many stretches gives what one gives, and a fold goes on where it was. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BatchResult } from "../../batch/batch.ts";
import { fullPace, type Pace } from "../../batch/fold.ts";
import { openRun } from "../../batch/opened-run.ts";
import { planRun, type RunMode, type Situation } from "../../batch/plan.ts";
import { carryOut } from "../../batch/run.ts";
import { survey } from "../../batch/situation.ts";
import { nextStretch } from "../../batch/stretches.ts";
import { Archive } from "../../shared/archive/archive.ts";
import { quoteText } from "../../shared/duckdb/duck.ts";
import type { Position } from "../../shared/position.ts";
import { memberFolder } from "../../shared/store/chain.ts";
import { layout, type VersionManifest } from "../../shared/store/layout.ts";
import { seal, unseal } from "../../shared/store/sealed.ts";
import { bestSnapshot } from "../../shared/store/versions.ts";
import { behind } from "../support/store.ts";
import { stream } from "../support/view-case.ts";
import { catchUp, numberedEvents, World } from "./world.ts";

const views = {
  groups: "SELECT g, count(*) AS n, sum(x) AS x FROM events GROUP BY g",
  latest: "SELECT g, last(x) AS x, median(x) AS m, approx_count_distinct(x) AS d FROM events GROUP BY g",
  total: "SELECT count(*) AS n, max(x) AS hi FROM events",
};

let world: World;
let version: VersionManifest;
let some: (count: number) => Promise<void>;

beforeEach(async () => {
  some = numberedEvents(() => world);
  world = await World.open({ stream: stream("events", { g: "VARCHAR", x: "INTEGER" }), views });
  version = await world.firstVersion();
});
afterEach(() => world.close());

const flushed = async (manifest: VersionManifest) => {
  const writer = await world.writer(manifest, 0);
  await catchUp(world, writer);
  await writer.close();
};

/** A run in stretches of this many offsets, that is killed after some. */
async function run(
  mode: RunMode,
  offsets: number,
  killedAfter = Number.POSITIVE_INFINITY,
  found: Partial<Situation> = {},
) {
  const done: number[] = [];
  const pace: Pace = {
    limits: { ...fullPace.limits, offsets },
    rest: async () => {
      if (done.length === killedAfter) throw new Error("killed");
    },
    onStretch: (count) => done.push(count),
  };
  const result = await (async (): Promise<BatchResult> => {
    await using opened = await openRun(world.batch);
    return await carryOut(opened, planRun({ ...(await survey(opened, mode)), ...found }), pace);
  })();
  return { ...result, done };
}

const exact = async () => world.expectExact((await bestSnapshot(world.store))!);
const unfinished = () => world.store.list(layout.rebuilds);

describe("a fold", () => {
  it.each([
    [3, 29],
    [10, 5],
    [59, 1],
  ])("in stretches of %i offsets is proved like one in one, and leaves nothing behind", async (offsets, before) => {
    await some(60);
    await flushed(version);
    const { manifest, done } = await run("full", offsets);
    expect(done).toHaveLength(before);
    expect(manifest.proof).toMatchObject({ state: "proved", views: 3, unproved: {} });
    await flushed(manifest);
    expect(await exact()).toBe(3);
    expect(await unfinished()).toEqual([]);
  });

  it("resumes a killed run, up to a later cut, and needs no stretch for the last part", async () => {
    await some(60);
    await flushed(version);
    await expect(run("full", 10, 2)).rejects.toThrow("killed");
    expect(await unfinished()).toHaveLength(1);
    await some(20);
    await flushed(version);
    const { manifest, done } = await run("full", 10);
    expect(done).toEqual([30, 40, 50, 60, 70]);
    expect(manifest.proof).toMatchObject({ state: "proved", views: 3 });
    await flushed(manifest);
    expect(await exact()).toBe(3);
  });

  it("resumes a rebuild of an earlier release, whose stretches have no level", async () => {
    await some(60);
    await flushed(version);
    await expect(run("full", 10, 3)).rejects.toThrow("killed");
    const [id] = await unfinished();
    const progress = layout.rebuildProgress(id!, 1);
    const before = unseal<{ stretches: { level?: number }[] }>(
      (await world.store.read(progress))!.toString(),
      progress,
    );
    const stretches = before.stretches.map(({ level: _, ...each }) => each);
    // nor is it a chain's
    await world.store.remove(progress);
    await world.store.remove(`${memberFolder(layout.rebuild(id!), 1)}/OWNER`);
    await world.store.replace(layout.rebuildProgressBefore(id!), seal({ run: "aaaaaaaaaaaa-00000000", stretches }));
    const { manifest, done } = await run("full", 10);
    expect(done).toEqual([40, 50]);
    expect(manifest.proof).toMatchObject({ state: "proved", views: 3 });
  });

  it("leaves out stretches beyond a cut that is earlier than a killed run's", async () => {
    await some(20);
    await flushed(version);
    await some(40);
    const atTheEnd = { served: null, unreadable: "the delta could not be read just then" };
    await expect(run("full", 10, 5, atTheEnd)).rejects.toThrow("killed");
    const { manifest } = await run("full", 10);
    expect(manifest.cut).toEqual({ events: { 0: 10, 1: 10 } });
    expect(manifest.proof).toMatchObject({ state: "proved", views: 3 });
    await flushed(manifest);
    expect(await exact()).toBe(3);
  });

  it("over the events since a version resumes, by its own stretches", async () => {
    await some(30);
    await flushed(version);
    const { manifest: one } = await run("full", Number.POSITIVE_INFINITY);
    await some(40);
    await flushed(one);
    await expect(run("incremental", 10, 1)).rejects.toThrow("killed");
    const { manifest, done } = await run("incremental", 10);
    expect(done).toEqual([20, 30]);
    expect(manifest.proof).toMatchObject({ state: "proved", views: 3 });
    await flushed(manifest);
    expect(await exact()).toBe(3);
  });

  it("that fails on an event fails there for good, and the other views go on", async () => {
    await world.define({ ...views, total: "SELECT sum(CAST(g AS INTEGER)) AS n FROM events" });
    await some(60);
    const { manifest } = await run("full", 10);
    expect(manifest.views.total!.failed!.message).toMatch(/Could not convert/);
    await flushed(manifest);
    expect(await exact()).toBe(2);
  });

  it("that is not proved is not resumed", async () => {
    await some(40);
    await flushed(version);
    const { manifest: one } = await run("full", 10);
    await world.define({ groups: views.groups });
    await flushed(one);
    const session = await world.session();
    await expect(run("full", 10, 1)).rejects.toThrow("killed");
    // a stretch with one event too many in each group, under a good hash
    const [id] = await unfinished();
    const folder = memberFolder(layout.rebuild(id!), 1);
    const file = (await world.store.list(folder)).find((name) => name.endsWith(".parquet"))!;
    const name = `${folder}/${file}`;
    const scratch = world.store.scratch("altered");
    const select = `SELECT * REPLACE (p0 + 1 AS p0) FROM read_parquet(${quoteText(behind(world.store).path(name))})`;
    await session.run(`COPY (${select}) TO ${quoteText(scratch)} (FORMAT parquet)`);
    const altered = await world.store.publish(scratch, name, { durable: false });
    const progress = layout.rebuildProgress(id!, 1);
    const before = unseal<{ stretches: object[] }>((await world.store.read(progress))!.toString(), progress);
    const stretches = before.stretches.map((each) => ({ ...each, views: { groups: { file: altered, rows: 3 } } }));
    await world.store.replace(progress, seal({ ...before, stretches }));
    await expect(run("full", 10)).rejects.toMatchObject({ code: "BATCH_UNPROVED" });
    expect(await unfinished()).toEqual([]);
    expect((await run("full", 10)).manifest.proof).toMatchObject({ state: "proved", views: 1 });
  });
});

/** A log of two partitions whose archive has files of ten offsets, 100 bytes each. */
const archived = async (): Promise<Archive> => {
  const file = { name: "", bytes: 100, sha256: "" };
  let archive = await Archive.read(world.store, { a: { 0: 0, 1: 0 } });
  for (const partition of [0, 1])
    for (let from = 0; from < 50; from += 10)
      archive = archive.with({ stream: "a", partition, from, upto: from + 10, file } as Parameters<Archive["with"]>[0]);
  return archive;
};

describe("the next stretch", () => {
  const next = async (from: [number, number], upto: [number, number], limits: Partial<Pace["limits"]>) => {
    const at = ([a, b]: [number, number]): Position => ({ a: { 0: a, 1: b } });
    const none = { bytes: Number.POSITIVE_INFINITY, offsets: Number.POSITIVE_INFINITY };
    const { a } = nextStretch(await archived(), at(from), at(upto), { ...none, ...limits });
    return [a![0], a![1]];
  };

  it("is all that is left where that is within the limits", async () => {
    expect(await next([0, 0], [50, 50], {})).toEqual([50, 50]);
    expect(await next([20, 20], [20, 20], { bytes: 1 })).toEqual([20, 20]);
    expect(await next([0, 40], [50, 50], { bytes: 600 })).toEqual([50, 50]);
  });

  it("ends with whole files, one at least of each partition, and shares its bytes among those behind", async () => {
    expect(await next([0, 0], [50, 50], { bytes: 400 })).toEqual([20, 20]);
    expect(await next([0, 50], [50, 50], { bytes: 400 })).toEqual([40, 50]);
    expect(await next([5, 0], [50, 50], { bytes: 1 })).toEqual([10, 10]);
  });

  it("goes on above the archive, and shares its offsets alike", async () => {
    expect(await next([50, 40], [90, 90], { bytes: 1000 })).toEqual([90, 90]);
    expect(await next([50, 40], [90, 90], { offsets: 10 })).toEqual([55, 45]);
    expect(await next([0, 0], [50, 3], { offsets: 1 })).toEqual([1, 1]);
  });
});
