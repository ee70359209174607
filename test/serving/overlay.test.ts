/**
 * What the delta touches is kept in memory as far as there is room, and goes on over combined entries; beyond
 * the room DuckDB is asked.
 */
import { afterEach, expect, it } from "vitest";
import type { ReadModels } from "../../serving/model/read-models.ts";
import type { DeltaWriter } from "../../speed/delta-writer.ts";
import { catchUp, World } from "../pipeline/world.ts";
import { until } from "../support/until.ts";
import { stream } from "../support/view-case.ts";
import { type Api, openApi } from "./api.ts";

const events = { ...stream("events", { g: "VARCHAR", x: "BIGINT" }), partitions: 1 };
const wide = Array.from({ length: 20 }, (_, i) => `sum(x + ${i}) AS a_long_name_${i}`).join(", ");
let world: World;
let api: Api;
let writer: DeltaWriter;
let models: ReadModels;

afterEach(async () => {
  await api.close();
  await writer.close();
  await world.close();
});

async function open(bytesMax: number): Promise<void> {
  const views = { wide: `SELECT g, ${wide} FROM events GROUP BY g`, total: "SELECT sum(x) AS s FROM events" };
  world = await World.open({ stream: events, views });
  writer = await world.writer(await world.firstVersion(), 0);
  api = await openApi(world, { models: { bytesMax } });
  models = api.models!;
  await until(async () => {
    await models.poll();
    return models.ready === 2;
  });
}

async function send(from: number, upto: number): Promise<void> {
  const sent = Array.from({ length: upto - from }, (_, i) => JSON.stringify({ g: `g${from + i}`, x: i }));
  await world.append(sent.map((value) => ({ partition: 0, value, valid: true })));
  await catchUp(world, writer);
  await api.follow();
}

/** The row's text, and whether a model had it. */
async function ask(query: string): Promise<{ readonly rows: string; readonly model: boolean }> {
  const lookup = models.lookup.bind(models);
  let model = false;
  models.lookup = (...args) => {
    const row = lookup(...args);
    model = row !== undefined;
    return row;
  };
  const { body } = await api.app.inject({ method: "GET", url: `/v1/views/${query}` });
  models.lookup = lookup;
  return { rows: /"data":(.*),"meta"/.exec(body)![1]!, model };
}

it("leaves the view that takes the most to DuckDB, and has the others", { timeout: 120_000 }, async () => {
  await open(20_000);
  await send(0, 10);
  await models.poll();
  expect(await ask("wide?g=eq.g3")).toMatchObject({ model: true });
  await send(10, 200);
  await models.poll();
  const left = await ask("wide?g=eq.g13");
  expect(left.model).toBe(false);
  expect(left.rows).toContain('"a_long_name_0":3,');
  await send(200, 210);
  await models.poll();
  expect(await ask("total")).toEqual({ rows: '[{"s":18045}]', model: true });
});

it("is the same over combined entries, given only what is new", { timeout: 120_000 }, async () => {
  await open(1 << 20);
  for (let i = 0; i < 70; i++) {
    await send(0, 1 + (i % 4));
    await models.poll();
    const own = await ask("wide?g=eq.g0");
    expect(own.model).toBe(true);
    expect(own.rows).toBe((await ask("wide?g=eq.g0&limit=2")).rows);
  }
  const served = api.follower.pin();
  const view = served.views.get("wide")!;
  served.release();
  // some were combined, and followers need not start over
  expect(view.mergedUpto).toBeGreaterThan(1);
  expect(view.mergedUpto).toBeLessThan(view.upto);
});
