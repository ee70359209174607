/** A changelog through the whole pipeline: views follow rows that change, and equal their SQL over what is left. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { runBatch } from "../../batch/run.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import { tableViews } from "../../shared/project/table-views.ts";
import { verify } from "../../shared/proof/verify.ts";
import { checkedRows } from "../../shared/store/snapshot-rows.ts";
import { bestSnapshot } from "../../shared/store/versions.ts";
import { stream } from "../support/view-case.ts";
import { seededNumbers } from "../views/seeded.ts";
import { catchUp, World } from "./world.ts";

const seed = Number(process.env.SEED || 1 + Math.floor(Math.random() * 1e6));
const row = "STRUCT(id BIGINT, city VARCHAR, age INTEGER, score DOUBLE)";
const customers: StreamDefinition = {
  ...stream("customers", { before: `${row}?`, after: `${row}?` }),
  changelog: {
    key: ["id"],
    row: stream("", { id: "BIGINT", city: "VARCHAR?", age: "INTEGER?", score: "DOUBLE?" }).fields,
  },
};
const views = {
  customers: tableViews([customers], "")[0]!.sql,
  cities: "SELECT city, count(*) AS n, sum(age) AS age, avg(score) AS score FROM customers GROUP BY city",
  oldest:
    "SELECT city, max(age) AS oldest, count(DISTINCT age) AS ages FROM customers GROUP BY city HAVING count(*) > 1",
  everyone: "SELECT id, city, age FROM customers GROUP BY ALL",
  total: "SELECT count(*) AS n, min(score) AS least, median(age) AS middle FROM customers WHERE age > 20",
  regions: "SELECT region, count(*) AS n FROM (SELECT * FROM customers) c JOIN regions USING (city) GROUP BY region",
};

interface Row {
  readonly id: number;
  readonly city: string | null;
  readonly age: number | null;
  readonly score: number | null;
}

let world: World;
let table: Map<number, Row>;
let random: () => number;
beforeEach(async () => {
  random = seededNumbers(seed);
  table = new Map();
  world = await World.open({
    stream: customers,
    views,
    references: { regions: "city,region\nBern,north\nOslo,north\nRome,south\n" },
  });
});
afterEach(() => world.close());

const any = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;

async function change(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const id = Math.floor(random() * 20);
    const before = table.get(id) ?? null;
    const gone = before && random() < 0.3;
    const made = {
      id,
      city: any(["Bern", "Rome", "Oslo", null]),
      age: any([null, 7, 31, 64]),
      score: any([null, 0.1, 0.2, 1e9]),
    };
    const after = gone ? null : made;
    if (after) table.set(id, after);
    else table.delete(id);
    await world.append([{ partition: id % 2, value: JSON.stringify({ before, after }), valid: true }]);
  }
}

async function expectVerified(): Promise<void> {
  const snapshot = (await bestSnapshot(world.store))!;
  expect(await world.expectExact(snapshot)).toBe(Object.keys(views).length);
  const session = await world.session();
  for await (const verdict of verify({ ...world, session, snapshot }, snapshot.manifest.definition.views))
    expect([verdict.failed, verdict.differences], `SEED=${seed} ${verdict.view}`).toEqual([null, []]);
}

const shown = async (view: string) => {
  const snapshot = (await bestSnapshot(world.store))!;
  const definition = snapshot.manifest.definition.views.find(({ name }) => name === view)!;
  return (await (await world.session()).read(await checkedRows(world.store, snapshot, definition))).getRowObjectsJson();
};

it(`is exact in both layers, version after version (SEED=${seed})`, { timeout: 120_000 }, async () => {
  await change(30);
  let manifest = await world.firstVersion();
  for (const how of ["full", "incremental", "full", "incremental"] as const) {
    const writer = await world.writer(manifest, 0);
    await catchUp(world, writer);
    await expectVerified();
    await change(25);
    await catchUp(world, writer);
    await expectVerified();
    await writer.close();
    manifest = (await runBatch(world.batch, how)).manifest;
    expect(manifest.proof).toMatchObject({ state: "proved", views: Object.keys(views).length });
    await expectVerified();
  }
  const left = (await shown("customers")).map(({ id, ...others }) => [Number(id), others] as const);
  expect(left.sort((a, b) => a[0] - b[0])).toEqual(
    [...table].sort((a, b) => a[0] - b[0]).map(([key, { id: _, ...others }]) => [key, others]),
  );
  const rows = (await shown("everyone")).map(({ id }) => Number(id)).sort((a, b) => a - b);
  expect(rows).toEqual([...table.keys()].sort((a, b) => a - b));
});

it("leaves no group where no row is left, and NULL where no value is", async () => {
  const bern = { id: 1, city: "Bern", age: 30, score: null };
  const put = (before: object | null, after: object | null) =>
    world.append([{ partition: 1, value: JSON.stringify({ before, after }), valid: true }]);
  await put(null, bern);
  const manifest = await world.firstVersion();
  const writer = await world.writer(manifest, 0);
  await catchUp(world, writer);
  expect(await shown("cities")).toEqual([{ city: "Bern", n: "1", age: "30", score: null }]);
  await put(bern, { ...bern, age: null });
  await catchUp(world, writer);
  expect(await shown("cities")).toEqual([{ city: "Bern", n: "1", age: null, score: null }]);
  await put({ ...bern, age: null }, null);
  await catchUp(world, writer);
  expect(await shown("cities")).toEqual([]);
  expect(await shown("total")).toEqual([{ n: "0", least: null, middle: null }]);
  await writer.close();
});

it("shows no number of a group where a row went that had not come", async () => {
  const manifest = await world.firstVersion();
  const writer = await world.writer(manifest, 0);
  const never = { id: 4, city: "Rome", age: 5, score: 1 };
  await world.append([{ partition: 0, value: JSON.stringify({ before: never, after: null }), valid: true }]);
  await catchUp(world, writer);
  await writer.close();
  const session = await world.session();
  const snapshot = (await bestSnapshot(world.store))!;
  for await (const verdict of verify({ ...world, session, snapshot }, snapshot.manifest.definition.views))
    if (verdict.view !== "total")
      expect(verdict.failed?.message, verdict.view).toMatch(/a row of customers went that had not come/);
});
