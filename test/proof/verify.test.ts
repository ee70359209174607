/**
 * verify sees what is wrong in one column, whatever rounding does to the others: it asks plain DuckDB, not our
 * own partials alone.
 */
import { afterEach, beforeEach, expect, it } from "vitest";
import { verify } from "../../shared/proof/verify.ts";
import { checkedRows } from "../../shared/store/snapshot-rows.ts";
import { bestSnapshot } from "../../shared/store/versions.ts";
import { catchUp, World } from "../pipeline/world.ts";
import { stream } from "../support/view-case.ts";
import { seededNumbers } from "../views/seeded.ts";

const views = {
  v: `SELECT g, count(*) AS n, max(x) AS hi, sum(x) AS s, round(avg(x), 3) AS a, regr_sxx(y, x) AS r, count(*) FILTER (WHERE x > 0) AS up
    FROM events GROUP BY g HAVING sum(x) > -1e300`,
  plain: "SELECT g, sum(x) AS s FROM events GROUP BY g",
  sides: "SELECT regr_sxx(y, x) AS xx, regr_syy(x, y) AS yy FROM events",
};

let world: World;
beforeEach(async () => {
  world = await World.open({ stream: stream("events", { g: "VARCHAR", x: "DOUBLE", y: "DOUBLE" }), views });
});
afterEach(() => world.close());

const send = async (...events: readonly { g: string; x: number; y: number }[]) => {
  await world.append(events.map((event, i) => ({ partition: i % 2, value: JSON.stringify(event), valid: true })));
  const writer = await world.writer(await world.firstVersion(), 0);
  await catchUp(world, writer);
  await writer.close();
};

/**
 * How many rows differ in each view. @param wrong what is served in place of a column, `column: SQL`, in every
 * view that has it
 */
async function verdicts(wrong: Readonly<Record<string, string>> = {}) {
  const snapshot = (await bestSnapshot(world.store))!;
  const defined = snapshot.manifest.definition.views.map((view) => {
    const replaced = Object.entries(wrong).filter(([column]) => view.columns.some(({ name }) => name === column));
    const list = replaced.map(([column, sql]) => `${sql} AS ${column}`).join(", ");
    return list === "" ? view : { ...view, finalize: `SELECT * REPLACE (${list}) FROM (${view.finalize})` };
  });
  const { store, log } = world;
  const found: Record<string, number> = {};
  const session = await world.session();
  for await (const verdict of verify({ store, log, session, snapshot }, defined))
    found[verdict.view] = verdict.differences.length;
  return found;
}

it("in exact columns, and where a rounded one is none", async () => {
  const random = seededNumbers(7);
  const numbers = Array.from({ length: 40 }, () => (random() - 0.5) * 2e15);
  // each with its opposite, so that sums are rounding alone
  const events = [...numbers, ...numbers.map((x) => -x).reverse()].map((x) => ({
    g: `g${Math.abs(x) % 2 > 1}`,
    x,
    y: x / 7,
  }));
  await send(...events);
  expect(await verdicts()).toEqual({ v: 0, plain: 0, sides: 0 });
  for (const [column, sql] of [
    ["n", "n + 1"],
    ["hi", "-hi"],
    ["up", "up - 1"],
    ["r", "'NaN'::DOUBLE"],
    ["s", "NULL::DOUBLE"],
  ] as const)
    expect((await verdicts({ [column]: sql })).v, sql).toBeGreaterThan(0);
  // in the other a HAVING may hide a row, or not
  expect((await verdicts({ g: "g || 'x'" })).plain).toBeGreaterThan(0);
});

it("one side of a regression counts alone: values of 1e200 on the other spoil nothing", async () => {
  await send({ g: "a", x: 1, y: 2e200 }, { g: "a", x: 2, y: 1e200 });
  expect(await verdicts()).toEqual({ v: 0, plain: 0, sides: 0 });
  const snapshot = (await bestSnapshot(world.store))!;
  const view = snapshot.manifest.definition.views.find(({ name }) => name === "sides")!;
  const served = await checkedRows(world.store, snapshot, view);
  expect(await (await world.session()).rows(served)).toEqual([{ xx: 0.5, yy: 0.5 }]);
});
