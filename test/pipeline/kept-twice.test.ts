/**
 * What names all other files is kept twice: either may be damaged in any way, and nothing is lost, nothing goes
 * back, and it is said.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { missedRun, runBatchDaemon } from "../../batch/daemon.ts";
import { mendAll } from "../../batch/mending.ts";
import { repair } from "../../batch/repair.ts";
import { Follower } from "../../serving/snapshot/follower.ts";
import { atPosition } from "../../serving/snapshot/past.ts";
import { verifyFiles } from "../../shared/proof/verify-files.ts";
import { damagedFiles } from "../../shared/store/file-troubles.ts";
import { incidentsIn } from "../../shared/store/incidents.ts";
import { layout } from "../../shared/store/layout.ts";
import { ensureVersion, readOrigin } from "../../shared/store/origin.ts";
import { listTwice, namesTwice } from "../../shared/store/twice.ts";
import { bestSnapshot, lostVersions, newestVersion, readVersion } from "../../shared/store/versions.ts";
import { behind } from "../support/store.ts";
import { until } from "../support/until.ts";
import { stream } from "../support/view-case.ts";
import { seededNumbers } from "../views/seeded.ts";
import { catchUp, numberedEvents, World } from "./world.ts";

let world: World;
let some: (count: number) => Promise<void>;
beforeEach(async () => {
  some = numberedEvents(() => world);
  world = await World.open({
    stream: stream("events", { g: "VARCHAR", x: "INTEGER" }),
    views: { groups: "SELECT e.g, count(*) AS n FROM events e JOIN labels l ON e.g = l.g GROUP BY e.g" },
    references: { labels: "g,label\ng0,zero\ng1,one\ng2,two\n" },
  });
  await world.firstVersion();
  await some(12);
  await world.runBatch();
});
afterEach(() => world.close());

type Damage = (bytes: Buffer, random: () => number, other: () => Buffer) => Buffer | null;
const damages: Readonly<Record<string, Damage>> = {
  "a flipped bit": (bytes, random) => {
    const flipped = Buffer.from(bytes);
    flipped[Math.floor(random() * bytes.length)]! ^= 1 << Math.floor(random() * 8);
    return flipped;
  },
  "its end gone": (bytes, random) => bytes.subarray(0, Math.floor(random() * bytes.length)),
  "nothing in it": () => Buffer.alloc(0),
  "no such file": () => null,
  "another's content": (_bytes, _random, other) => other(),
};

function put(name: string, bytes: Buffer | null): void {
  behind(world.store).remove(name);
  if (bytes) behind(world.store).write(name, bytes);
}

function spoil(...names: string[]): void {
  for (const name of names) put(name, Buffer.from("spoilt"));
}

const both = (number: number) => [layout.version(number), layout.copy(layout.version(number))] as const;
const comesTo = (follower: Follower, number: number) =>
  until(async () => {
    await follower.tick();
    return follower.manifest.number === number && follower.complaint === "";
  });
const exact = async () => world.expectExact((await bestSnapshot(world.store))!);

describe("of what is kept twice", () => {
  it.each(Object.keys(damages))("either may have %s: all goes on, it is reported, and restored", async (what) => {
    await some(6);
    const newest = await world.runBatch();
    const names = await namesTwice(world.store, "all");
    const kinds = new Set(names.map((name) => name.split("/")[0]));
    expect([...kinds].sort()).toEqual(["archive", "origins", "references", "versions"]);
    const random = seededNumbers(what.length);
    for (const name of names) {
      for (const file of [name, layout.copy(name)]) {
        const bytes = behind(world.store).read(file);
        const other = () =>
          behind(world.store).read(names.find((each) => each !== name && !each.startsWith(name.split("/")[0]!))!);
        put(file, damages[what]!(bytes, random, other));
        expect(await newestVersion(world.store), file).toEqual(newest);
        expect((await bestSnapshot(world.store))!.position, file).toEqual(newest.cut);
        expect(await lostVersions(world.store), file).toEqual([]);
        await readOrigin(world.store, "events");
        const missingCopy = file !== name && !behind(world.store).has(file);
        const flawed = await damagedFiles(world.store, "all");
        expect(flawed.length, file).toBe(missingCopy ? 0 : 1);
        if (!missingCopy) {
          expect(flawed[0]).toContain(file);
          const found = [];
          for await (const verdict of verifyFiles(world.store, world.log)) if (verdict.damage) found.push(verdict.file);
          expect(found).toEqual([file]);
        }
        expect(await mendAll(world.store, world.say)).toEqual(missingCopy ? [] : [file]);
        expect(behind(world.store).read(file).equals(bytes), file).toBe(true);
      }
    }
    expect(await exact()).toBe(1);
    expect(await damagedFiles(world.store, "all")).toEqual([]);
  });

  it("a version's both are damaged: readers say that they may be behind, and batch makes a new one up to the log's end at once", async () => {
    const first = (await newestVersion(world.store))!;
    const before = await Follower.open(world.store, world.duck, world.say);
    await some(6);
    const lost = await world.runBatch();
    await comesTo(before, lost.number);
    spoil(...both(lost.number));
    expect(await newestVersion(world.store)).toEqual(first);
    expect((await lostVersions(world.store)).map(({ number }) => number)).toEqual([lost.number]);
    expect(await missedRun(world.store, { schedule: "0 2 * * *", timezone: "UTC" }, world.now)).toBeNull();
    const restarted = await Follower.open(world.store, world.duck, world.say);
    expect(restarted.complaint).toMatch(/version 2 was published and can't be read: versions\/00000002\.json is torn/);
    // who has it all is not behind
    await before.tick();
    expect(before.complaint).toBe("");
    const past = await atPosition(world.store, world.log, first.cut, "run");
    expect(past.snapshot.manifest.number).toBe(first.number);

    const stop = new AbortController();
    const daemon = runBatchDaemon({
      batch: world.batch,
      schedule: "0 2 * * *",
      archive: "0 3 * * *",
      timezone: "UTC",
      signal: stop.signal,
    });
    await until(async () => (await newestVersion(world.store))!.number === lost.number + 1);
    stop.abort();
    await daemon;
    expect(await newestVersion(world.store)).toMatchObject({ cause: "batch", cut: world.end });
    expect(await lostVersions(world.store)).toEqual([]);
    expect((await incidentsIn(world.store)).map(({ kind, subject }) => [kind, subject])).toContainEqual([
      "file-damaged",
      layout.version(2),
    ]);
    await comesTo(restarted, lost.number + 1);
    expect(await exact()).toBe(1);
    for (const follower of [before, restarted]) await follower.close();
  });

  it("the only versions there are are lost: an empty one starts, says what it replaces, and repair computes it", async () => {
    for (const number of [0, 1]) spoil(...both(number));
    const made = await ensureVersion(world.store, world.log, async () => world.definition);
    expect(made).toMatchObject({ number: 2, cause: "origin" });
    const follower = await Follower.open(world.store, world.duck, world.say);
    expect(follower.complaint).toMatch(/may be older/);
    expect((await repair(world.batch, false))!.views!.manifest).toMatchObject({ number: 3, cut: world.end });
    await comesTo(follower, 3);
    await follower.close();
    expect(await exact()).toBe(1);
  });

  it("an older version's both are damaged: what is newer goes on, and it goes with the next cleaning", async () => {
    spoil(...both(0));
    expect(await lostVersions(world.store)).toEqual([]);
    expect(await damagedFiles(world.store)).toHaveLength(1);
    await some(4);
    await world.runBatch();
    expect(await damagedFiles(world.store)).toEqual([]);
    await expect(readVersion(world.store, 0)).rejects.toMatchObject({ code: "STORE_MISSING" });
    expect(await exact()).toBe(1);
  });

  it("a damaged HEAD leaves a reader that starts at the cut, and it says which file", async () => {
    const version = (await newestVersion(world.store))!;
    const writer = await world.writer(version, 0);
    await some(5);
    await catchUp(world, writer);
    await writer.close();
    const head = layout.head(version.number, 0, 1);
    spoil(head);
    const follower = await Follower.open(world.store, world.duck, world.say);
    expect(follower.position).toEqual(version.cut);
    expect(follower.complaint).toMatch(/can't be followed/);
    expect([...follower.damagedFiles.keys()]).toEqual([head]);
    await follower.close();
  });

  it("copies that were never made are made, and are no damage", async () => {
    behind(world.store).remove(layout.copy("versions"));
    expect(await damagedFiles(world.store)).toEqual([]);
    expect(await mendAll(world.store, world.say)).toEqual([]);
    expect(await listTwice(world.store, "versions")).toEqual(await world.store.list(layout.copy("versions")));
  });
});
