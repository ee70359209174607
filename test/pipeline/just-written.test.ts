/** A file that no longer is what was written is used by no process, not even by its writer. */
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, it } from "vitest";
import { runArchive } from "../../batch/archive-streams.ts";
import { rebuild } from "../../batch/rebuild.ts";
import { runBatch } from "../../batch/run.ts";
import { quoteName, quoteText } from "../../shared/duckdb/duck.ts";
import { layout } from "../../shared/store/layout.ts";
import { bestSnapshot, newestVersion } from "../../shared/store/versions.ts";
import { behind } from "../support/store.ts";
import { stream } from "../support/view-case.ts";
import { catchUp, isError, numberedEvents, World } from "./world.ts";

const views = {
  groups: "SELECT g, count(*) AS n, sum(x) AS x FROM events GROUP BY g",
  total: "SELECT count(*) AS n FROM events",
};
/** Of a rebuild in steps of two offsets, more than it keeps apart. */
const stretches = 20;

let world: World;
beforeEach(async () => {
  world = await World.open({ stream: stream("events", { g: "VARCHAR", x: "INTEGER" }), views });
  const version = await world.firstVersion();
  await numberedEvents(() => world)(2 * stretches);
  const writer = await world.writer(version, 0);
  await catchUp(world, writer);
  await writer.close();
});
afterEach(() => world.close());

/** The nth file in that folder is another one, whole in itself, as soon as it is there. @returns how it is put in */
function exchange(folder: string, nth: number) {
  const { store } = world;
  const publish = store.publish.bind(store);
  let seen = 0;
  store.publish = async (scratch, name, options) => {
    const file = await publish(scratch, name, options);
    if (name.startsWith(folder) && name.endsWith(".parquet") && seen++ === nth) {
      const session = await world.session();
      const written = `read_parquet(${quoteText(behind(store).path(name))})`;
      const numbers = (await session.describe(`FROM ${written}`)).filter(({ type }) => /INT/.test(type));
      const other = numbers.map((column) => `${quoteName(column.name)} + 1 AS ${quoteName(column.name)}`).join(", ");
      const changed = store.scratch("other.parquet");
      await session.run(`COPY (SELECT * REPLACE (${other}) FROM ${written}) TO ${quoteText(changed)} (FORMAT parquet)`);
      behind(store).write(name, readFileSync(changed));
    }
    return file;
  };
  return () => {
    store.publish = publish;
    return seen > nth;
  };
}

const replay = () =>
  rebuild({
    batch: world.batch,
    views: [],
    fullSpeed: true,
    perStep: 2,
    sleep: async () => undefined,
    onStep: () => undefined,
  });
const inRebuild = `${layout.rebuilds}/`;
const ofVersions = `${layout.versionFolder("")}`;

it.each([
  ["a stretch of a rebuild", inRebuild, 0, replay],
  ["what a rebuild combines", inRebuild, 2 * 17, replay],
  ["what a rebuild publishes", ofVersions, 0, replay],
  ["what a recompute publishes", ofVersions, 0, () => runBatch(world.batch)],
  ["what an incremental run publishes", ofVersions, 1, () => runBatch(world.batch, "incremental")],
  ["an archive file", "archive/", 1, () => runArchive(world.batch)],
] as const)("%s", async (_what, folder, nth, run) => {
  const restore = exchange(folder, nth);
  await expect(run()).rejects.toSatisfy((error: unknown) => isError(error, "STORE_CORRUPT"));
  expect(restore(), "it was exchanged").toBe(true);
  expect((await newestVersion(world.store))!.number).toBe(0);
  await replay();
  expect((await newestVersion(world.store))!.number).toBe(1);
  expect(await world.expectExact((await bestSnapshot(world.store))!)).toBe(2);
});
