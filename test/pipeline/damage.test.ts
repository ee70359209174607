/** Damaged files: never served, reported, and rebuilt by their owners, while all other views go on. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runRepair } from "../../batch/repair.ts";
import { Follower } from "../../serving/snapshot/follower.ts";
import { verifyFiles } from "../../shared/proof/verify-files.ts";
import { damagesOf } from "../../shared/store/damage.ts";
import { layout, type VersionManifest } from "../../shared/store/layout.ts";
import { bestSnapshot, newestHead, newestVersion, readVersion } from "../../shared/store/versions.ts";
import { behind } from "../support/store.ts";
import { until } from "../support/until.ts";
import { stream } from "../support/view-case.ts";
import { catchUp, numberedEvents, World } from "./world.ts";

const views = {
  groups: "SELECT g, count(*) AS n FROM events GROUP BY g",
  total: "SELECT sum(x) AS x FROM events",
};

let world: World;
let version: VersionManifest;
let some: (count: number) => Promise<void>;
beforeEach(async () => {
  some = numberedEvents(() => world);
  world = await World.open({ stream: stream("events", { g: "VARCHAR", x: "INTEGER" }), views });
  await world.firstVersion();
  await some(20);
  version = await world.runBatch();
});
afterEach(() => world.close());

/** One bit of a file, under this name alone. */
function flip(name: string): void {
  const bytes = Buffer.from(behind(world.store).read(name));
  bytes[bytes.length >> 1]! ^= 4;
  behind(world.store).write(name, bytes);
}

const exact = async () => world.expectExact((await bestSnapshot(world.store))!);
const damages = async () => {
  const found = [];
  for await (const verdict of verifyFiles(world.store, world.log)) if (verdict.damage !== null) found.push(verdict);
  return found;
};

describe("a damaged file", () => {
  it("of a version leaves its view without an answer, until batch has recomputed it at the same cut", async () => {
    expect(await damages()).toEqual([]);
    flip(version.views.groups!.file!.name);
    const follower = await Follower.open(world.store, world.duck, world.say);
    const served = follower.pin();
    expect(served.views.get("groups")!.damaged).toMatch(/hash/);
    expect(served.views.get("total")!.damaged).toBeNull();
    served.release();
    expect(follower.complaint).toBe("");
    expect(await damagesOf(world.store, version.number)).toMatchObject([{ view: "groups" }]);
    expect(await damages()).toMatchObject([{ what: "view groups of version 1" }]);

    const repaired = (await runRepair(world.batch))!.manifest;
    expect(repaired).toMatchObject({ number: 2, cause: "repair", cut: version.cut });
    expect(repaired.views.total!.file).toEqual(version.views.total!.file);
    await until(async () => {
      await follower.tick();
      return follower.manifest.number === 2;
    });
    const again = follower.pin();
    expect(again.manifest.number).toBe(2);
    expect(again.views.get("groups")!.damaged).toBeNull();
    again.release();
    await follower.close();
    expect(await exact()).toBe(2);
    expect(await runRepair(world.batch)).toBeNull();
  });

  it("that was only misread once is no reason for a version", async () => {
    const bytes = behind(world.store).read(version.views.groups!.file!.name);
    flip(version.views.groups!.file!.name);
    const follower = await Follower.open(world.store, world.duck, world.say);
    behind(world.store).write(version.views.groups!.file!.name, bytes);
    expect(await runRepair(world.batch)).toBeNull();
    expect(await damagesOf(world.store, version.number)).toEqual([]);
    await follower.close();
  });

  it.each(["an entry's file", "HEAD"])("of a delta, %s, is recomputed by a new generation", async (what) => {
    const writer = await world.writer(version, 0);
    for (let i = 0; i < 3; i++) {
      await some(6);
      await catchUp(world, writer);
    }
    const head = (await newestHead(world.store, 1, 0))!;
    flip(what === "HEAD" ? layout.head(1, 0, head.generation) : head.entries[1]!.views.groups!.file!.name);
    const follower = await Follower.open(world.store, world.duck, world.say);
    expect(follower.position).toEqual(version.cut);
    expect(follower.complaint).toMatch(/can't be followed/);
    await some(6);
    await expect(writer.step()).rejects.toMatchObject({ code: "SPEED_REJECTED" });
    await writer.close();
    const second = await world.writer(version, 0);
    await catchUp(world, second);
    await second.close();
    await follower.tick();
    expect(follower.complaint).toBe("");
    expect(follower.position).toEqual(world.end);
    await follower.close();
    expect(await exact()).toBe(2);
    expect((await world.runBatch()).proof.state).toBe("proved");
  });

  it("that is a version's manifest, and so is its copy, is skipped, and the next batch makes a new one", async () => {
    await world.runBatch();
    flip(layout.version(2));
    flip(layout.copy(layout.version(2)));
    expect((await newestVersion(world.store))!.number).toBe(1);
    await expect(readVersion(world.store, 2)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
    expect(await damages()).toMatchObject([
      { what: "manifest of version 2" },
      { what: "copy of the manifest of version 2" },
    ]);
    expect(await exact()).toBe(2);
    await some(3);
    // up to the log's end: how far the lost one went is unknown
    expect(await world.runBatch()).toMatchObject({ number: 3, cut: world.end });
    expect(await exact()).toBe(2);
  });

  it("of the archive is named with its offsets", async () => {
    const [segment] = (await world.store.list(layout.segments("events", 0))).filter((name) => name.endsWith("parquet"));
    flip(`${layout.segments("events", 0)}/${segment!}`);
    expect(await damages()).toMatchObject([{ what: "archive of events partition 0, offsets 0 to 10" }]);
    await expect(world.runBatch()).rejects.toMatchObject({ code: "STORE_CORRUPT" });
    expect(await exact()).toBe(2);
  });
});
