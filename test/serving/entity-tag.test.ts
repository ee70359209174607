import { afterEach, beforeEach, expect, it } from "vitest";
import { World } from "../pipeline/world.ts";
import { stream } from "../support/view-case.ts";
import { type Api, openApi } from "./api.ts";

let world: World;
let api: Api;
beforeEach(async () => {
  world = await World.open({
    stream: stream("events", { g: "VARCHAR" }),
    views: { groups: "SELECT g, count(*) AS n FROM events GROUP BY g" },
  });
  await world.firstVersion();
  api = await openApi(world);
});
afterEach(async () => {
  await api.close();
  await world.close();
});

const url = "/v1/views/groups?order=g";
const get = (path: string, headers: Record<string, string> = {}) =>
  api.app.inject({ method: "GET", url: path, headers });

it("does not send again what a client has, and sends it when it has changed", async () => {
  const first = await get(url);
  const tag = String(first.headers.etag);
  expect(tag).toMatch(/^W\/"[\w-]{22}"$/);
  const again = await get(url, { "if-none-match": `"other", ${tag}` });
  expect([again.statusCode, again.body, again.headers.etag]).toEqual([304, "", tag]);
  // other questions and other forms are other answers
  expect((await get(`${url}&limit=1`, { "if-none-match": tag })).statusCode).toBe(200);
  expect((await get(url, { "if-none-match": tag, accept: "text/csv" })).statusCode).toBe(200);
  expect((await get("/v1/views/none", { "if-none-match": tag })).statusCode).toBe(404);
  await world.append([{ partition: 0, value: '{"g":"a"}', valid: true }]);
  const writer = await world.writer(api.follower.manifest, 0);
  await writer.step();
  await writer.close();
  await api.follower.tick();
  const changed = await get(url, { "if-none-match": tag });
  expect(changed.json<{ data: unknown }>().data).toEqual([{ g: "a", n: 1 }]);
  expect(changed.headers.etag).not.toBe(tag);
});
