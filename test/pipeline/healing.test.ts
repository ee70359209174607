/**
 * A delta or a version that is wrong with good hashes: the proof finds it, names the first entry, and the delta
 * heals itself.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Follower } from "../../serving/snapshot/follower.ts";
import { quoteText } from "../../shared/duckdb/duck.ts";
import { incidentsIn } from "../../shared/store/incidents.ts";
import { type Entry, type Head, layout, type VersionManifest } from "../../shared/store/layout.ts";
import { reject } from "../../shared/store/rejections.ts";
import { seal } from "../../shared/store/sealed.ts";
import type { FileRef } from "../../shared/store/store.ts";
import { bestSnapshot, newestHead, readVersion } from "../../shared/store/versions.ts";
import { runSpeed } from "../../speed/daemon.ts";
import { behind } from "../support/store.ts";
import { until } from "../support/until.ts";
import { stream } from "../support/view-case.ts";
import { catchUp, numberedEvents, World } from "./world.ts";

const views = {
  groups: "SELECT g, count(*) AS n, last(x) AS x FROM events GROUP BY g",
  total: "SELECT sum(x) AS x FROM events",
};

for (const shards of [1, 2]) {
  describe(`with ${shards} ${shards === 1 ? "shard" : "shards"}`, () => {
    let world: World;
    let version: VersionManifest;
    let some: (count: number) => Promise<void>;
    beforeEach(async () => {
      some = numberedEvents(() => world);
      world = await World.open({ stream: stream("events", { g: "VARCHAR", x: "INTEGER" }), views, shards });
      version = await world.firstVersion();
    });
    afterEach(() => world.close());

    /** Each call is an entry of every shard. */
    const flushed = async (manifest: VersionManifest, times: number) => {
      const writers = [];
      for (let shard = 0; shard < shards; shard++) writers.push(await world.writer(manifest, shard));
      for (let i = 0; i < times; i++) {
        await some(6);
        for (const writer of writers) await catchUp(world, writer);
      }
      for (const writer of writers) await writer.close();
    };

    /** The file with one more event for each group, under another name and with a hash of its own. */
    const altered = async (file: FileRef, name: string): Promise<FileRef> => {
      const session = await world.session();
      const scratch = world.store.scratch("altered");
      const select = `SELECT * REPLACE (p0 + 1 AS p0) FROM read_parquet(${quoteText(behind(world.store).path(file.name))})`;
      await session.run(`COPY (${select}) TO ${quoteText(scratch)} (FORMAT parquet)`);
      return world.store.publish(scratch, name, { durable: false });
    };

    /** As if speed had computed one entry wrongly. */
    const forge = async (manifest: VersionManifest, shard: number, index: number): Promise<Entry> => {
      const head = (await newestHead(world.store, manifest.number, shard))!;
      const entry = head.entries[index]!;
      const file = await altered(
        entry.views.groups!.file!,
        `${layout.generation(manifest.number, shard, head.generation)}/forged.parquet`,
      );
      const groups = { ...entry.views.groups!, file };
      const forged: Head = {
        ...head,
        entries: head.entries.with(index, { ...entry, views: { ...entry.views, groups } }),
      };
      await world.store.replace(layout.head(manifest.number, shard, head.generation), seal(forged));
      return entry;
    };

    /** The daemon, until its generations are newer than these. */
    const healed = async (manifest: VersionManifest, shard: number, generation: number) => {
      const stop = new AbortController();
      const daemon = runSpeed({
        store: world.store,
        log: world.log,
        manifest,
        shards: null,
        flushMsMax: 5,
        memoryLimit: "500MB",
        now: () => world.now,
        say: world.say,
        signal: stop.signal,
      });
      await until(async () => {
        const head = await newestHead(world.store, manifest.number, shard);
        return (
          head !== null && head.generation > generation && JSON.stringify(head.position) === JSON.stringify(target)
        );
      });
      stop.abort();
      await daemon;
    };
    let target: unknown;

    it("a wrong entry is named, recomputed by a new generation, served, and proved", async () => {
      await flushed(version, 3);
      const shard = shards - 1;
      const entry = await forge(version, shard, 1);
      const head = (await newestHead(world.store, 0, shard))!;
      target = head.position;
      const follower = await Follower.open(world.store, world.duck, () => undefined);
      const served = async () => {
        const pinned = follower.pin();
        const { base, delta, definition } = pinned.views.get("groups")!;
        const rows = await world.duck.session().then((session) => {
          return session.read(
            `WITH partials AS (FROM ${base} UNION ALL SELECT * EXCLUDE (__stretch) FROM ${delta}), merged AS (${definition.combine}) SELECT sum(n)::INTEGER AS n FROM (${definition.finalize})`,
          );
        });
        pinned.release();
        return Number(rows.getRows()[0]![0]);
      };
      expect(await served()).toBeGreaterThan(18);

      const wrong = `the first wrong entry is ${entry.sequence} of shard ${shard}, generation ${head.generation}, from `;
      // the other view is proved, and published; this one is as the archive has it
      const one = await world.runBatch();
      expect(one.proof).toMatchObject({ state: "proved", views: 1 });
      expect(one.proof.unproved!.groups).toContain(wrong);
      expect(await world.expectExact({ manifest: one, heads: [], position: one.cut })).toBe(2);
      const found = await incidentsIn(world.store);
      expect(found).toMatchObject([
        { role: "batch", kind: "view-failed", subject: "groups", code: "BATCH_UNPROVED", views: ["groups"] },
      ]);

      await healed(version, shard, head.generation);
      const now = (await newestHead(world.store, 0, shard))!;
      expect(now.entries[0]!.upto).toEqual(head.entries[0]!.upto);
      expect(world.said.join("\n")).toMatch(/the first wrong entry is .*; the delta is recomputed from there/);
      for (let i = 0; i < 3; i++) await follower.tick();
      expect(await served()).toBe(18);
      expect(await world.expectExact((await bestSnapshot(world.store))!)).toBe(2);
      expect((await world.runBatch()).proof).toMatchObject({ state: "proved", views: 2 });
      await follower.close();
    });

    it("heals while it runs, and rejecting what is right does no harm", async () => {
      await flushed(version, 2);
      const head = (await newestHead(world.store, 0, 0))!;
      target = head.position;
      await reject(world.store, {
        version: 0,
        shard: 0,
        from: head.entries[0]!.from,
        view: "groups",
        why: "a mistake",
      });
      await healed(version, 0, head.generation);
      expect(await world.expectExact((await bestSnapshot(world.store))!)).toBe(2);
      expect((await world.runBatch()).proof).toMatchObject({ state: "proved", views: 2 });
    });

    it("a version that is wrong itself is replaced, and said to be", async () => {
      await flushed(version, 1);
      const one = await world.runBatch();
      await flushed(one, 1);
      const file = await altered(one.views.groups!.file!, `${layout.versionFolder("forged")}/groups.parquet`);
      const forged = { ...one, views: { ...one.views, groups: { ...one.views.groups!, file } } };
      await world.store.replace(layout.version(1), seal(forged));
      const two = await world.runBatch();
      expect(two.proof).toMatchObject({ state: "proved", views: 1 });
      expect(two.proof.unproved!.groups).toBe("version 1's own partials are wrong; it is as the archive has it");
      expect(await readVersion(world.store, 2)).toEqual(two);
      await flushed(two, 1);
      expect(await world.expectExact((await bestSnapshot(world.store))!)).toBe(2);
      expect((await world.runBatch()).proof).toMatchObject({ state: "proved", views: 2 });
    });
  });
}

it("a delta that a power cut has left without its version is not taken for another's", async () => {
  const world = await World.open({
    stream: stream("events", { g: "VARCHAR", x: "INTEGER" }),
    views: { total: "SELECT count(*) AS n FROM events" },
  });
  try {
    const some = numberedEvents(() => world);
    await world.firstVersion();
    const lost = await world.runBatch();
    const before = await world.writer(lost, 0);
    await some(6);
    await catchUp(world, before);
    await before.close();
    for (const file of [layout.version(lost.number), layout.copy(layout.version(lost.number))])
      behind(world.store).remove(file);
    // the same cut, and the same names, by another definition
    await world.define({ total: "SELECT sum(x) AS n FROM events" });
    const made = await world.runBatch();
    expect(made.number).toBeGreaterThan(lost.number);
    const writer = await world.writer(made, 0);
    await catchUp(world, writer);
    await writer.close();
    const snapshot = (await bestSnapshot(world.store))!;
    expect(snapshot.manifest.number).toBe(made.number);
    expect(await world.expectExact(snapshot)).toBe(1);
  } finally {
    await world.close();
  }
});
