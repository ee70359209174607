/**
 * A slow reader holds a session as long as no other client wants it; a part of an answer is never taken for the
 * whole.
 */
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { World } from "../pipeline/world.ts";
import { until } from "../support/until.ts";
import { stream } from "../support/view-case.ts";
import { type Api, openApi } from "./api.ts";

const [keys, length] = [200, 60_000];
let world: World;
let api: Api;
let port: number;
const sockets: Socket[] = [];

beforeEach(async () => {
  world = await World.open({
    stream: { ...stream("events", { g: "BIGINT", t: "VARCHAR" }), partitions: 1 },
    views: { texts: "SELECT g, max(t) AS t FROM events GROUP BY g", total: "SELECT count(*) AS n FROM events" },
  });
  await world.firstVersion();
  const t = "x".repeat(length);
  await world.append(
    Array.from({ length: keys }, (_, g) => ({ partition: 0, value: JSON.stringify({ g, t }), valid: true })),
  );
  await world.runBatch();
  api = await openApi(world, { patienceMs: 300 });
  port = Number(new URL(await api.app.listen({ port: 0, host: "127.0.0.1" })).port);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await api.close();
  await world.close();
});

/** Asks for all rows, and reads none of them until asked to. */
async function slowly() {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  sockets.push(socket);
  let [bytes, text] = [0, ""];
  socket.on("data", (data: Buffer) => {
    bytes += data.length;
    text = `${text}${data.toString("latin1")}`.slice(-200);
    if (bytes === data.length) socket.pause();
  });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.write("GET /v1/views/texts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  await until(() => bytes > 0);
  const rest = async () => {
    socket.resume();
    await closed;
    // the last chunk, and the trailer with the digest of all
    return { bytes, whole: /\r\n0\r\nRepr-Digest: [^\r\n]+\r\n\r\n$/i.test(text) };
  };
  return { rest };
}

it("leaves slow readers alone while no client waits", async () => {
  const reader = await slowly();
  const other = await (await fetch(`http://127.0.0.1:${port}/v1/views/total`)).json();
  expect(other).toMatchObject({ data: [{ n: keys }] });
  const { bytes, whole } = await reader.rest();
  expect(bytes).toBeGreaterThan(keys * length);
  expect(whole).toBe(true);
});

it("gives slow readers up when others wait for their sessions, and never says that they had all", async () => {
  const readers = [await slowly(), await slowly()];
  const other = await (await fetch(`http://127.0.0.1:${port}/v1/views/total`)).json();
  expect(other).toMatchObject({ data: [{ n: keys }] });
  const ends = await Promise.all(readers.map(({ rest }) => rest()));
  expect(ends.filter(({ whole }) => !whole).length).toBeGreaterThan(0);
  for (const { whole, bytes } of ends) expect(whole).toBe(bytes > keys * length);
  // the sessions are whole: others go on
  for (let i = 0; i < 4; i++)
    expect(await (await fetch(`http://127.0.0.1:${port}/v1/views/texts?select=g&limit=1`)).json()).toMatchObject({
      data: [{}],
    });
});
