/** The rows of a reference table come from the project: damaged, they are read again, and batch goes on. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { repair } from "../../batch/repair.ts";
import { runBatch } from "../../batch/run.ts";
import { verifyFiles } from "../../shared/proof/verify-files.ts";
import { bestSnapshot } from "../../shared/store/versions.ts";
import { behind } from "../support/store.ts";
import { stream } from "../support/view-case.ts";
import { catchUp, numberedEvents, World } from "./world.ts";

const views = { owners: "SELECT owner, count(*) AS n FROM events JOIN owners USING (g) GROUP BY owner" };

let world: World;
let some: (count: number) => Promise<void>;
beforeEach(async () => {
  some = numberedEvents(() => world);
  world = await World.open({
    stream: stream("events", { g: "VARCHAR", x: "INTEGER" }),
    views,
    references: { owners: "g,owner\na,ann\nb,bob\nc,cid\n" },
  });
  await world.firstVersion();
  await some(20);
  await world.runBatch();
});
afterEach(() => world.close());

const damages: Readonly<Record<string, (name: string) => void>> = {
  removed: (name) => behind(world.store).remove(name),
  "cut off": (name) => behind(world.store).write(name, behind(world.store).read(name).subarray(0, 100)),
  altered: (name) => {
    const bytes = Buffer.from(behind(world.store).read(name));
    bytes[bytes.length >> 1]! ^= 4;
    behind(world.store).write(name, bytes);
  },
};
/** The project's files are read at each run. */
const reading = () => ({
  ...world.batch,
  makeDefinition: async () => {
    await world.define(views);
    return world.definition;
  },
});
const ways: Readonly<Record<string, () => Promise<unknown>>> = {
  "a batch": () => runBatch(reading()),
  "a repair": () => repair(reading(), false),
};

it.each(Object.keys(damages).flatMap((how) => Object.keys(ways).map((by) => [how, by] as const)))(
  "%s, it is kept anew by %s",
  async (how, by) => {
    const before = (await bestSnapshot(world.store))!.manifest;
    damages[how]!(before.definition.references[0]!.file.name);
    const found = [];
    for await (const { damage, todo } of verifyFiles(world.store, world.log)) if (damage) found.push(todo);
    expect(new Set(found)).toEqual(
      new Set(["batch makes it again from the project's reference folder: tidemark batch --once"]),
    );
    await some(5);
    await ways[by]!();
    const after = (await bestSnapshot(world.store))!.manifest;
    expect(after.number).toBeGreaterThan(before.number);
    await world.store.check(after.definition.references[0]!.file);
    const writer = await world.writer(after, 0);
    await some(5);
    await catchUp(world, writer);
    await writer.close();
    expect(await world.expectExact((await bestSnapshot(world.store))!)).toBe(1);
  },
);
