/**
 * Large doubles that cancel out leave nothing but rounding: what that is a share of is kept, so that two right
 * derivations are equal.
 */
import { afterEach, beforeEach, expect, it } from "vitest";
import { rebuild } from "../../batch/rebuild.ts";
import { verify } from "../../shared/proof/verify.ts";
import { bestSnapshot } from "../../shared/store/versions.ts";
import { stream } from "../support/view-case.ts";
import { seededNumbers } from "../views/seeded.ts";
import { catchUp, World } from "./world.ts";

const views = {
  sums: "SELECT g, sum(x) AS s, avg(x) AS a, fsum(x) AS f, round(avg(x), 3) AS r FROM events GROUP BY g HAVING sum(x) > -1e300",
  moments:
    "SELECT g, covar_pop(x, y) AS c, regr_sxy(y, x) AS s, var_pop(x) AS v, regr_avgx(y, x) AS m FROM events GROUP BY g",
};

let world: World;
beforeEach(async () => {
  world = await World.open({ stream: stream("events", { g: "VARCHAR", x: "DOUBLE", y: "DOUBLE" }), views });
});
afterEach(() => world.close());

it("is proved, verified and rebuilt as equal", async () => {
  const random = seededNumbers(5);
  const numbers = Array.from({ length: 60 }, () => (random() - 0.5) * 2e15);
  // each with its opposite, elsewhere
  const all = [...numbers, ...numbers.map((x) => -x).reverse(), 0.1, 0.2, 0.3].map((x, i) => ({
    partition: i % 2,
    value: JSON.stringify({ g: `g${Math.floor(Math.abs(x)) % 2}`, x, y: (x % 1000) / 7 }),
    valid: true,
  }));
  const writer = await world.writer(await world.firstVersion(), 0);
  for (let i = 0; i < all.length; i += 9) {
    await world.append(all.slice(i, i + 9));
    await catchUp(world, writer);
  }
  await writer.close();
  expect((await world.runBatch()).proof).toMatchObject({ state: "proved", views: 2 });
  const snapshot = (await bestSnapshot(world.store))!;
  const session = await world.session();
  for await (const verdict of verify(
    { store: world.store, log: world.log, session, snapshot },
    snapshot.manifest.definition.views,
  ))
    expect(verdict.differences, verdict.view).toEqual([]);
  const { views: rebuilt } = await rebuild({
    batch: world.batch,
    views: [],
    fullSpeed: true,
    perStep: 7,
    sleep: async () => undefined,
    onStep: () => undefined,
  });
  expect(rebuilt.map((view) => view.differences)).toEqual([[], []]);
});
