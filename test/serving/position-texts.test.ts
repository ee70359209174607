/**
 * A position of any number of partitions travels in headers: short where it would be too long, read by any
 * replica, and said so where it is gone.
 */
import { createServer } from "node:http";
import { afterAll, beforeAll, expect, it } from "vitest";
import { connect } from "../../serving/client/client.ts";
import { formatPosition, type Position, parsePosition, positionOf } from "../../shared/position.ts";
import { layout } from "../../shared/store/layout.ts";
import { cleanPositionTexts, PositionTexts, readableMax } from "../../shared/store/position-texts.ts";
import type { DeltaWriter } from "../../speed/delta-writer.ts";
import { randomOf } from "../faults/fault.ts";
import { catchUp, World } from "../pipeline/world.ts";
import { stream } from "../support/view-case.ts";
import { type Api, openApi } from "./api.ts";

const partitions = 400;
const events = { ...stream("events", { g: "VARCHAR" }), partitions };
let world: World;
let writer: DeltaWriter;
let api: Api;
let url: string;

beforeAll(async () => {
  world = await World.open({
    stream: events,
    views: { groups: "SELECT g, count(*) AS n FROM events GROUP BY g", total: "SELECT count(*) AS n FROM events" },
  });
  writer = await world.writer(await world.firstVersion(), 0);
  api = await openApi(world);
  url = await api.app.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(async () => {
  await api.close();
  await writer.close();
  await world.close();
});

async function send(count = partitions): Promise<void> {
  const sent = Array.from({ length: count }, (_, partition) => ({ partition, value: '{"g":"a"}', valid: true }));
  await world.append(sent);
  await catchUp(world, writer);
  await api.follower.tick();
}

const get = (path: string, headers: Record<string, string> = {}) =>
  api.app.inject({ method: "GET", url: path, headers });
const size = (headers: object) =>
  Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + 4 + String(value).length, 0);

it("an answer's headers fit into 4 KB, and what they say can be waited for, resolved and compared", async () => {
  await send();
  const first = await get("/v1/views/groups");
  const text = String(first.headers["tidemark-position"]);
  expect(text).toMatch(/^~[\w-]{22}$/);
  expect(size(first.headers)).toBeLessThan(4096);
  expect(first.json().meta.position).toBe(text);
  const forms = await api.app.inject({ method: "POST", url: "/v1/positions", payload: { position: text } });
  expect(forms.json()).toEqual({ position: text, long: formatPosition(api.follower.position) });
  const waited = await get("/v1/views/total", { "tidemark-wait-for": text });
  expect([waited.statusCode, waited.headers["tidemark-position"]]).toEqual([200, text]);
  const etag = String(first.headers.etag);
  expect((await get("/v1/views/groups", { "if-none-match": etag })).statusCode).toBe(304);
  await send(3);
  const next = String((await get("/v1/views/total")).headers["tidemark-position"]);
  expect(next).not.toBe(text);
  const diff = await get(`/v1/diff?from=${text}&to=${next}&view=total`);
  expect(diff.json().ranges).toHaveLength(3);
  // several are the furthest of them
  const both = await get("/v1/views/total", { "tidemark-wait-for": `${next};${text};events@0:1` });
  expect(both.headers["tidemark-position"]).toBe(next);
});

it("another replica reads it; one that is not known is 410, one that is none 400", async () => {
  const text = String((await get("/v1/views/total")).headers["tidemark-position"]);
  const other = await openApi(world);
  try {
    const ask = (position: string) =>
      other.app.inject({ method: "GET", url: "/v1/views/total", headers: { "tidemark-wait-for": position } });
    expect((await ask(text)).statusCode).toBe(200);
    const gone = await ask("~0123456789012345678901");
    expect([gone.statusCode, gone.json().code]).toEqual([410, "POSITION_GONE"]);
    expect((await ask("~nonsense")).statusCode).toBe(400);
    // what a crash tore is not taken for another
    await world.store.replace(layout.positionText(text), "events@0:1");
    const third = await openApi(world);
    const torn = await third.app.inject({
      method: "GET",
      url: "/v1/views/total",
      headers: { "tidemark-wait-for": text },
    });
    await third.close();
    expect(torn.statusCode).toBe(410);
  } finally {
    await other.close();
  }
});

it("a client reads its writes through a proxy with room for 4 KB, and goes on where its position is gone", async () => {
  let largest = 0;
  const proxy = createServer({ maxHeaderSize: 4096 }, async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { host: _, connection: __, "content-length": ___, ...headers } = request.headers;
    const body = Buffer.concat(chunks);
    const answer = await fetch(url + request.url, {
      method: request.method!,
      headers: headers as Record<string, string>,
      ...(body.length > 0 ? { body } : {}),
    });
    const own = Object.fromEntries([...answer.headers].filter(([name]) => !/encoding|length|connection/.test(name)));
    largest = Math.max(largest, size(own), size(request.headers));
    response.writeHead(answer.status, own).end(Buffer.from(await answer.arrayBuffer()));
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = proxy.address() as { port: number };
    const client = connect({ url: `http://127.0.0.1:${port}` });
    await client.view("total").rows();
    for (let round = 0; round < 3; round++) {
      await send(5);
      const { meta } = await client.view("total").rows();
      expect(client.position).toBe(meta.position);
    }
    // what it has seen elsewhere, in full
    client.see(formatPosition(api.follower.position));
    expect((await client.view("total").rows()).meta.position).toMatch(/^~/);
    expect(client.position.length).toBeLessThan(100);
    for (const name of await world.store.list(layout.positionTexts))
      await world.store.remove(`${layout.positionTexts}/${name}`);
    client.see("~0123456789012345678901");
    await client.view("total").rows();
    expect(client.position).toMatch(/^~[\w-]{22}$/);
    expect(client.position).not.toContain("0123456789");
    expect(largest).toBeLessThan(4096);
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
});

it("is a function of the position, read back as it was, and short only where it has to be", async () => {
  const random = randomOf(Number(process.env.SEED || 11));
  const texts = () => new PositionTexts(world.store, () => world.now, world.say);
  let shorts = 0;
  for (let i = 0; i < 60; i++) {
    const streams = 1 + Math.floor(random() * 3);
    const each = 1 + Math.floor(random() * 120);
    const places = Array.from({ length: streams * each }, (_, at) => {
      return { stream: `s${at % streams}`, partition: Math.floor(at / streams), offset: Math.floor(random() * 1e9) };
    });
    const position = positionOf(places);
    const origin: Position = positionOf(places.map((place) => ({ ...place, offset: 0 })));
    const text = await texts().textOf(position);
    expect(text).toBe(await texts().textOf(parsePosition(formatPosition(position), origin)));
    expect(text.startsWith("~")).toBe(formatPosition(position).length > readableMax);
    if (text.startsWith("~")) shorts++;
    expect(await texts().read(text, origin)).toEqual(position);
  }
  expect(shorts).toBeGreaterThan(5);
  const kept = await world.store.list(layout.positionTexts);
  await cleanPositionTexts(world.store);
  expect(await world.store.list(layout.positionTexts)).toEqual(kept);
  await cleanPositionTexts(world.store, 3000);
  const left = await world.store.list(layout.positionTexts);
  expect(left.length).toBeLessThan(4);
});
