/** Whatever comes over a socket is answered with a refusal or a closed connection, and the server goes on. */
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { World } from "../pipeline/world.ts";
import { stream } from "../support/view-case.ts";
import { type Api, openApi } from "./api.ts";

const post = "POST /v1/streams/events/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n";
const get = "GET /v1/views HTTP/1.1\r\nHost: localhost\r\n";

/**
 * What is sent; where it says `then`, the sender ends its side. Each name: what may come back, by status;
 * "closed": nothing but an end.
 */
const abuses: Record<string, { readonly sent: string; readonly end?: boolean; readonly may: RegExp }> = {
  "no HTTP": { sent: "hello\r\n\r\n", may: /^400/ },
  bytes: { sent: "\x00\xff\xfe\r\n\r\n", may: /^400/ },
  TLS: { sent: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", end: true, may: /^400|closed/ },
  "HTTP/0.9": { sent: "GET /\r\n\r\n", may: /^400|^200/ },
  "HTTP/9.9": { sent: "GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", may: /^400|^505/ },
  "no host": { sent: "GET /v1/views HTTP/1.1\r\n\r\n", may: /^400/ },
  "two hosts": { sent: `${get}Host: other\r\n\r\n`, may: /^400|^200/ },
  "a header without a name": { sent: `${get}: x\r\n\r\n`, may: /^400/ },
  "a header with a line break": { sent: `${get}X: a\rb\r\n\r\n`, may: /^400/ },
  "a header of 100 kB": { sent: `${get}X: ${"a".repeat(100_000)}\r\n\r\n`, may: /^431|closed/ },
  "5,000 headers": {
    sent: `${get}${Array.from({ length: 5000 }, (_, i) => `X${i}: 1\r\n`).join("")}\r\n`,
    may: /^431|^200|closed/,
  },
  "an address of 100 kB": {
    sent: `GET /${"a".repeat(100_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    may: /^431|^414|closed/,
  },
  "a path of dots": { sent: "GET /../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", may: /^404/ },
  "a broken escape": { sent: "GET /v1/views/%E0%A4%A HTTP/1.1\r\nHost: localhost\r\n\r\n", may: /^400|^404/ },
  "an escaped zero": { sent: "GET /v1/views/a%00b HTTP/1.1\r\nHost: localhost\r\n\r\n", may: /^404/ },
  "two lengths": { sent: `${post}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`, may: /^400/ },
  "a length and chunks": {
    sent: `${post}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    may: /^400/,
  },
  "a negative length": { sent: `${post}Content-Length: -1\r\n\r\n`, may: /^400/ },
  "a length that is no number": { sent: `${post}Content-Length: many\r\n\r\n`, may: /^400/ },
  "a length of 10 GB": { sent: `${post}Content-Length: 10000000000\r\n\r\n{}`, may: /^413/ },
  "a chunk of no size": { sent: `${post}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`, may: /^400|closed/ },
  "a chunk too long for its size": {
    sent: `${post}Transfer-Encoding: chunked\r\n\r\n1\r\nabcdef\r\n0\r\n\r\n`,
    may: /^400|closed/,
  },
  "a chunk of 2^64": {
    sent: `${post}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n`,
    may: /^400|^413|closed/,
  },
  "an unknown coding": { sent: `${post}Transfer-Encoding: quantum\r\n\r\n`, may: /^400|^501|closed/ },
  "an unknown packing": { sent: `${post}Content-Encoding: quantum\r\nContent-Length: 2\r\n\r\n{}`, may: /^415|^400/ },
  "a body cut short": { sent: `${post}Content-Length: 100\r\n\r\n{"g":`, end: true, may: /^400|closed/ },
  "chunks cut short": { sent: `${post}Transfer-Encoding: chunked\r\n\r\n5\r\n{"g"`, end: true, may: /^400|closed/ },
  "something unexpected": { sent: `${get}Expect: the-moon\r\n\r\n`, may: /^417|^200/ },
  "an upgrade": {
    sent: `${get}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n`,
    may: /^200|^400|^426|closed/,
  },
  "a tunnel": { sent: "CONNECT example.org:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", may: /^40[05]|closed/ },
  "an unknown method": { sent: "BREW /v1/views HTTP/1.1\r\nHost: localhost\r\n\r\n", may: /^40[05]/ },
  "100 at a time": { sent: `${get}\r\n`.repeat(100), may: /^200/ },
};

describe("over a raw socket", () => {
  let world: World;
  let api: Api;
  let port: number;
  const said: string[] = [];

  beforeAll(async () => {
    world = await World.open({
      stream: { ...stream("events", { g: "VARCHAR" }), partitions: 1 },
      views: { total: "SELECT count(*) AS n FROM events" },
    });
    await world.firstVersion();
    api = await openApi(world, { say: (line) => said.push(line) });
    port = Number(new URL(await api.app.listen({ host: "127.0.0.1", port: 0 })).port);
  });

  afterAll(async () => {
    await api.close();
    await world.close();
  });

  /** The first line's status and reason of the first answer, or "closed"; "silence" where nothing came in time. */
  const speak = (sent: string, end: boolean, msMax: number) =>
    new Promise<string>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.write(Buffer.from(sent, "latin1"));
        if (end) socket.end();
      });
      let text = "";
      const timer = setTimeout(() => done("silence"), msMax);
      const done = (how: string) => {
        clearTimeout(timer);
        socket.destroy();
        resolve(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? how);
      };
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
        if (text.includes("\r\n\r\n")) done("answered");
      });
      socket.on("error", () => done("closed"));
      socket.on("close", () => done("closed"));
    });

  it.each(Object.keys(abuses))("%s", async (name) => {
    const { sent, end = false, may } = abuses[name]!;
    expect(await speak(sent, end, 5000)).toMatch(may);
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  });

  it("headers that never end are not waited for", { timeout: 30_000 }, async () => {
    const began = performance.now();
    const all = await Promise.all(Array.from({ length: 50 }, () => speak(get, false, 20_000)));
    expect(new Set(all)).toEqual(new Set(["408"]));
    expect(performance.now() - began).toBeGreaterThan(5000);
  });

  it("was none of it a failure of ours", async () => {
    expect(said).toEqual([]);
    expect((await (await fetch(`http://127.0.0.1:${port}/v1/views/total`)).json()) as object).toMatchObject({
      data: [{ n: 0 }],
    });
    process.stdout.write(`raw sockets: N=${Object.keys(abuses).length + 50}, no 5xx, the server goes on\n`);
  });
});
