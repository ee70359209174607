/** A changelog through the whole pipeline: views follow rows that change, and equal their SQL over what is left. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { repair } from "../../batch/repair.ts";
import { runBatch } from "../../batch/run.ts";
import { Archive } from "../../shared/archive/archive.ts";
import { bestSnapshot } from "../../shared/store/versions.ts";
import { behind } from "../support/store.ts";
import { seededNumbers } from "../views/seeded.ts";
import { Customers, customerViews, ofCustomers, servedRows, verdictsOf } from "./customers.ts";
import { catchUp, World } from "./world.ts";

const seed = Number(process.env.SEED || 1 + Math.floor(Math.random() * 1e6));
const viewCount = Object.keys(customerViews).length;

let world: World;
let table: Customers;
beforeEach(async () => {
  world = await World.open(ofCustomers);
  table = new Customers(world, seededNumbers(seed));
});
afterEach(() => world.close());

async function expectVerified(): Promise<void> {
  expect(await world.expectExact((await bestSnapshot(world.store))!)).toBe(viewCount);
  for (const { view, failed, differences } of await verdictsOf(world))
    expect([failed, differences], `SEED=${seed} ${view}`).toEqual([null, []]);
}

const shown = (view: string) => servedRows(world, view);

it(`is exact in both layers, version after version (SEED=${seed})`, { timeout: 120_000 }, async () => {
  await table.change(30);
  let manifest = await world.firstVersion();
  for (const how of ["full", "incremental", "full", "incremental"] as const) {
    const writer = await world.writer(manifest, 0);
    await catchUp(world, writer);
    await expectVerified();
    await table.change(25);
    await catchUp(world, writer);
    await expectVerified();
    await writer.close();
    manifest = (await runBatch(world.batch, how)).manifest;
    expect(manifest.proof).toMatchObject({ state: "proved", views: viewCount });
    await expectVerified();
  }
  const left = (await shown("customers")).map(({ id, ...others }) => ({ id: Number(id), ...others }));
  expect(left.sort((a, b) => a.id - b.id)).toEqual(table.left);
  const ids = (await shown("everyone")).map(({ id }) => Number(id)).sort((a, b) => a - b);
  expect(ids).toEqual(table.left.map(({ id }) => id));
});

it("leaves no group where no row is left, and NULL where no value is", async () => {
  const bern = { id: 1, city: "Bern", age: 30, score: null };
  await table.put(1, bern);
  const manifest = await world.firstVersion();
  const writer = await world.writer(manifest, 0);
  await catchUp(world, writer);
  expect(await shown("cities")).toEqual([{ city: "Bern", n: "1", age: "30", score: null }]);
  await table.put(1, { ...bern, age: null });
  await catchUp(world, writer);
  expect(await shown("cities")).toEqual([{ city: "Bern", n: "1", age: null, score: null }]);
  await table.put(1, null);
  await catchUp(world, writer);
  expect(await shown("cities")).toEqual([]);
  expect(await shown("total")).toEqual([{ n: "0", least: null, middle: null }]);
  await writer.close();
});

it("shows no number of a group where a row went that had not come", async () => {
  const manifest = await world.firstVersion();
  const writer = await world.writer(manifest, 0);
  await table.record({ id: 4, city: "Rome", age: 5, score: 1 }, null);
  await catchUp(world, writer);
  await writer.close();
  for (const { view, failed } of await verdictsOf(world))
    if (view !== "total") expect(failed, view).toMatch(/a row of customers went that had not come/);
});

it(`is the same after its archive was rewritten from the log (SEED=${seed})`, async () => {
  await table.change(12);
  await runBatch(world.batch);
  await table.change(12);
  const { manifest } = await runBatch(world.batch, "incremental");
  const before = await shown("customers");
  const archive = await Archive.read(world.store, manifest.origin);
  const segments = [0, 1].flatMap((partition) => archive.of("customers", partition));
  for (const [i, { file }] of segments.entries())
    if (i % 2 === 0) behind(world.store).append(file.name, "x");
    else behind(world.store).remove(file.name);
  const { remade, damaged, missing } = (await repair(world.batch, false))!;
  expect([remade.length, damaged, missing]).toEqual([segments.length, [], []]);
  expect(await shown("customers")).toEqual(before);
  expect((await runBatch(world.batch)).manifest.proof).toMatchObject({ state: "proved", views: viewCount });
  await expectVerified();
});
