/** rebuild: from the beginning, without a seam, resumable, compared with what is served, and switched to. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runArchive } from "../../batch/archive-streams.ts";
import { type RebuildOptions, rebuild } from "../../batch/rebuild.ts";
import { rollBack } from "../../batch/rollback.ts";
import { quoteText } from "../../shared/duckdb/duck.ts";
import { memberFolder } from "../../shared/store/chain.ts";
import { Incidents, incidentsIn } from "../../shared/store/incidents.ts";
import { layout, type VersionManifest } from "../../shared/store/layout.ts";
import { logStream } from "../../shared/store/origin.ts";
import { seal } from "../../shared/store/sealed.ts";
import { bestSnapshot, newestVersion } from "../../shared/store/versions.ts";
import { behind } from "../support/store.ts";
import { stream } from "../support/view-case.ts";
import { catchUp, isError, World } from "./world.ts";

const views = {
  groups: "SELECT g, count(*) AS n, sum(x) AS x FROM events GROUP BY g",
  latest: "SELECT g, last(x) AS x, median(x) AS m, approx_count_distinct(x) AS d FROM events GROUP BY g",
  total: "SELECT count(*) AS n, max(x) AS hi FROM events",
};

let world: World;
let version: VersionManifest;
let sent = 0;

beforeEach(async () => {
  sent = 0;
  world = await World.open({ stream: stream("events", { g: "VARCHAR", x: "INTEGER" }), views });
  version = await world.firstVersion();
});
afterEach(() => world.close());

const some = (count: number) =>
  world.append(
    Array.from({ length: count }, () => {
      const valid = sent % 11 !== 7;
      const value = valid ? JSON.stringify({ g: `g${sent % 3}`, x: sent }) : "{";
      return { partition: sent++ % 2, value, valid };
    }),
  );

const flushed = async (manifest: VersionManifest) => {
  const writer = await world.writer(manifest, 0);
  await catchUp(world, writer);
  await writer.close();
};

/** A rebuild in steps of ten offsets, that counts its steps and ends after `steps`. */
async function replay(options: Partial<RebuildOptions> & { steps?: number } = {}) {
  let slept = 0;
  const done: number[] = [];
  const result = await rebuild({
    batch: world.batch,
    views: [],
    fullSpeed: false,
    perStep: 10,
    sleep: async () => {
      if (++slept === options.steps) throw new Error("killed");
    },
    onStep: (offsets) => done.push(offsets),
    ...options,
  });
  return { ...result, done };
}

const exact = async () => world.expectExact((await bestSnapshot(world.store))!);
const failedViews = async () => (await incidentsIn(world.store)).map(({ kind, subject }) => `${kind} ${subject}`);
const equal = (result: Awaited<ReturnType<typeof replay>>) =>
  result.views.map((view) => [view.view, view.incomparable, view.differences.length]);

describe("rebuild", () => {
  it("equals what is served, proves it, and is switched to", async () => {
    await some(30);
    await flushed(version);
    const one = await world.runBatch();
    await some(25);
    await flushed(one);
    const result = await replay();
    expect(result.manifest).toMatchObject({ number: 2, cause: "rebuild", proof: { state: "proved", views: 3 } });
    expect(equal(result)).toEqual([
      ["groups", null, 0],
      ["latest", null, 0],
      ["total", null, 0],
    ]);
    expect(result.done).toEqual([10, 20, 30, 40, 50, 55]);
    await some(5);
    await flushed(result.manifest);
    expect(await exact()).toBe(3);
    expect(await world.store.list(layout.rebuilds)).toEqual([]);
    expect((await world.runBatch()).proof).toMatchObject({ state: "proved", views: 3 });
  });

  it("resumes after a kill at any step, without repeating work", async () => {
    await some(60);
    await flushed(version);
    for (let step = 1; step <= 5; step++) {
      await expect(replay({ steps: step === 1 ? 2 : 1 })).rejects.toThrow("killed");
    }
    expect((await newestVersion(world.store))!.number).toBe(0);
    const result = await replay();
    expect(result.done).toEqual([]);
    expect(result.manifest.number).toBe(1);
    expect(equal(result).every(([, why, differences]) => why === null && differences === 0)).toBe(true);
    await flushed(result.manifest);
    expect(await exact()).toBe(3);
  });

  it("starts over for another definition, and refolds what is damaged", async () => {
    await some(60);
    await flushed(version);
    await expect(replay({ steps: 3 })).rejects.toThrow("killed");
    const [id] = await world.store.list(layout.rebuilds);
    const folder = memberFolder(layout.rebuild(id!), 1);
    const [file] = (await world.store.list(folder)).filter((name) => /^[34]-/.test(name));
    const name = `${folder}/${file!}`;
    const bytes = Buffer.from(behind(world.store).read(name));
    bytes[bytes.length >> 1]! ^= 1;
    behind(world.store).write(name, bytes);
    await expect(replay({ steps: 1 })).rejects.toThrow("killed");
    expect(world.said.join("\n")).toMatch(/; refolding from there/);
    await world.define({ ...views, total: "SELECT count(*) AS n, min(x) AS hi FROM events" });
    const result = await replay();
    expect(world.said.join("\n")).toMatch(/discarding an unfinished rebuild of another definition/);
    expect(result.done[0]).toBe(10);
    expect(equal(result)[2]).toEqual(["total", "it has changed", 0]);
    await flushed(result.manifest);
    expect(await exact()).toBe(3);
  });

  it("joins archive and log without a seam, also where the log has forgotten the beginning", async () => {
    await some(33);
    await runArchive(world.batch);
    await world.log.trim(
      logStream(world.stream),
      new Map([
        [0, 15],
        [1, 16],
      ]),
    );
    await some(27);
    const result = await replay({ perStep: 7 });
    // the log no longer reaches back to version 0's cut: what its delta serves comes from the archive, too
    await flushed(result.manifest);
    expect(await exact()).toBe(3);
    expect(result.manifest.events + result.manifest.dead).toBe(60);
  });

  it("follows the served position while events arrive", async () => {
    await some(40);
    const writer = await world.writer(version, 0);
    await catchUp(world, writer);
    let more = 3;
    const result = await replay({
      sleep: async () => {
        if (more-- <= 0) return;
        await some(15);
        await catchUp(world, writer);
      },
    });
    await writer.close();
    expect(equal(result).every(([, why, differences]) => why === null && differences === 0)).toBe(true);
    expect(result.manifest.events + result.manifest.dead).toBeGreaterThanOrEqual(75);
    await flushed(result.manifest);
    expect(await exact()).toBe(3);
  });

  it("reports what differs from a wrong served delta, and serves what is right", async () => {
    await some(20);
    await flushed(version);
    const one = await world.runBatch();
    const file = one.views.groups!.file!;
    const session = await world.session();
    const scratch = world.store.scratch("altered");
    await session.run(
      `COPY (SELECT * REPLACE (p0 + 1 AS p0) FROM read_parquet(${quoteText(behind(world.store).path(file.name))})) TO ${quoteText(scratch)} (FORMAT parquet)`,
    );
    const altered = await world.store.publish(scratch, `${layout.versionFolder("forged")}/groups.parquet`, {
      durable: false,
    });
    const forged = { ...one, views: { ...one.views, groups: { ...one.views.groups!, file: altered } } };
    await world.store.replace(layout.version(1), seal(forged));
    await flushed(one);
    const result = await replay();
    expect(result.views[0]).toMatchObject({ view: "groups", rows: 3 });
    expect(result.views[0]!.differences).toHaveLength(3);
    expect(result.manifest.proof).toMatchObject({ state: "unproved", by: "other rows than served: groups" });
    await flushed(result.manifest);
    expect(await exact()).toBe(3);
  });

  it("of one view recomputes the others where nothing is served at the position, or has failed", async () => {
    await some(20);
    await world.runBatch();
    await some(20);
    const alone = await replay({ views: ["latest"] });
    expect(alone.manifest.views.groups!.rows).toBe(3);
    await world.define({ ...views, total: "SELECT sum(CAST(g AS INTEGER)) AS n FROM events" });
    const failing = await world.runBatch();
    expect(failing.views.total!.failed).toBeDefined();
    await flushed(failing);
    const again = await replay({ views: ["latest"] });
    expect(again.manifest.views.total!.failed?.message).toMatch(/Could not convert/);
    await flushed(again.manifest);
    expect(await exact()).toBe(2);
  });

  it("and rollback report views that fail or are well again; no version is lost with a report", async () => {
    await some(20);
    const well = await world.runBatch();
    await world.define({ ...views, total: "SELECT sum(CAST(g AS INTEGER)) AS n FROM events" });
    const rebuilt = await replay();
    expect(await failedViews()).toEqual(["view-failed total"]);
    const rolled = await rollBack(world.batch, well.number);
    expect(await failedViews()).toEqual([]);
    const incidents = new Incidents(world.store, "batch", () => world.now);
    incidents.settle = () => Promise.reject(new Error("no space left"));
    const again = await replay({ batch: { ...world.batch, incidents } });
    expect(world.said.join("\n")).toMatch(/its views' incidents could not be written: no space left/);
    await flushed(again.manifest);
    expect(await exact()).toBe(2);
    expect([rebuilt.manifest.number, rolled.number, again.manifest.number]).toEqual([2, 3, 4]);
  });

  it("of one view takes the others as they are served", async () => {
    await some(20);
    await flushed(version);
    const one = await world.runBatch();
    await some(20);
    await flushed(one);
    const result = await replay({ views: ["latest"] });
    expect(equal(result)).toEqual([["latest", null, 0]]);
    await flushed(result.manifest);
    expect(await exact()).toBe(3);
  });

  it("gives way to a later rebuild of the same", async () => {
    await some(30);
    await flushed(version);
    let other: Promise<unknown> | null = null;
    const first = replay({
      sleep: async () => {
        other ??= replay();
        await other;
      },
    });
    await expect(first).rejects.toSatisfy((error: unknown) => isError(error, "BATCH_STALE"));
    expect((await newestVersion(world.store))!.cause).toBe("rebuild");
  });
});
