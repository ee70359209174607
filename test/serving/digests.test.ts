/**
 * Bodies are the same at both ends of the wire: one flipped bit is noticed, whichever way it goes, however the
 * body is packed or sent.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingHttpHeaders, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiError, connect, DigestMismatch } from "../../serving/client/client.ts";
import { newestVersion } from "../../shared/store/versions.ts";
import type { DeltaWriter } from "../../speed/delta-writer.ts";
import { World } from "../pipeline/world.ts";
import { stream } from "../support/view-case.ts";
import { seededNumbers } from "../views/seeded.ts";
import { type Api, openApi } from "./api.ts";

const rows = 3000;
const logged = { name: "events", topic: "events", existing: true, partitions: 2 };

interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: NodeJS.Dict<string>;
  readonly body: Buffer;
}

describe("digests", () => {
  let world: World;
  let writer: DeltaWriter;
  let api: Api;
  let url: string;
  let proxy: FlippingProxy;
  const seed = Number(process.env.TIDEMARK_SEED ?? Date.now() % 1_000_000);

  beforeAll(async () => {
    world = await World.open({
      stream: { ...stream("events", { k: "VARCHAR", x: "BIGINT" }), key: "k", partitions: 2 },
      views: {
        groups: "SELECT k, count(*) AS n, sum(x) AS s FROM events GROUP BY k",
        total: "SELECT count(*) AS n FROM events",
      },
    });
    await world.firstVersion();
    writer = await world.writer((await newestVersion(world.store))!, 0);
    const sent = Array.from({ length: rows }, (_, i) => {
      return { partition: i % 2, key: null, value: Buffer.from(`{"k":"key-${i}","x":${i}}`) };
    });
    await world.log.append(logged, sent);
    await writer.step();
    api = await openApi(world);
    await api.follower.tick();
    url = await api.app.listen({ host: "127.0.0.1", port: 0 });
    proxy = await FlippingProxy.open(url, seededNumbers(seed));
  });
  afterAll(async () => {
    await proxy.close();
    await api.close();
    await writer.close();
    await world.close();
  });

  const ask = (path: string, headers: Record<string, string> = {}, body?: string | Buffer): Promise<Answered> =>
    exchange(url + path, body === undefined ? "GET" : "POST", headers, body);
  const post = (body: string | Buffer, headers: Record<string, string>) =>
    ask("/v1/streams/events/events", { "content-type": "application/json", ...headers }, body);
  const sha = (algorithm: string, body: string | Buffer) => createHash(algorithm).update(body).digest("base64");

  it("every answer says what it is: in its head or its trailer, over the bytes that were sent", async () => {
    const paths = [
      "/v1/views",
      "/v1/views/groups",
      "/v1/views/groups?k=eq.key-1",
      "/v1/views/none",
      "/v1/views/groups?x=1",
      "/nowhere",
      "/v1/status",
      "/openapi.json",
      "/metrics",
      "/healthz",
      "/readyz",
      "/",
    ];
    const types = [
      "application/json",
      "application/x-ndjson",
      "text/csv",
      "application/vnd.apache.arrow.stream",
      "application/vnd.apache.parquet",
    ];
    let [inHead, inTrailer] = [0, 0];
    for (const path of paths) {
      for (const accept of path === "/v1/views/groups" ? types : ["*/*"]) {
        for (const encoding of ["identity", "gzip", "br"]) {
          const { headers, trailers, body } = await ask(path, { accept, "accept-encoding": encoding });
          const said = [headers["repr-digest"], trailers["repr-digest"]].filter((each) => each !== undefined);
          expect([path, accept, encoding, said]).toEqual([
            path,
            accept,
            encoding,
            [`sha-256=:${sha("sha256", body)}:`],
          ]);
          if (headers["repr-digest"] === undefined) {
            inTrailer++;
            expect(headers.trailer).toBe("repr-digest");
          } else inHead++;
        }
      }
    }
    expect(inHead).toBeGreaterThan(20);
    expect(inTrailer).toBeGreaterThan(5);
  });

  it("takes a body that is what it says, packed or not, and no other", async () => {
    const body = '{"k":"taken","x":1}';
    const packed = gzipSync(body);
    for (const [algorithm, name] of [
      ["sha256", "sha-256"],
      ["sha512", "sha-512"],
    ] as const) {
      for (const [sent, encoding] of [
        [body, "identity"],
        [packed, "gzip"],
      ] as const) {
        const digest = `${name}=:${sha(algorithm, sent)}:`;
        const answer = await post(sent, { "content-digest": digest, "content-encoding": encoding });
        expect([digest, answer.status, answer.body.toString()]).toEqual([
          digest,
          200,
          expect.stringContaining('"accepted":1'),
        ]);
        const wrong = await post(sent, {
          "content-digest": `${name}=:${sha(algorithm, "another")}:`,
          "content-encoding": encoding,
        });
        expect([wrong.status, JSON.parse(wrong.body.toString())]).toEqual([
          400,
          expect.objectContaining({ code: "DIGEST_MISMATCH" }),
        ]);
      }
    }
    // of what is packed it is the digest of that, not of what comes out
    expect(
      (await post(packed, { "content-encoding": "gzip", "content-digest": `sha-256=:${sha("sha256", body)}:` })).status,
    ).toBe(400);
    // both must be right; an unknown algorithm proves nothing
    const good = `sha-256=:${sha("sha256", body)}:`;
    expect((await post(body, { "content-digest": `${good}, sha-512=:${sha("sha512", "x")}:` })).status).toBe(400);
    expect((await post(body, { "content-digest": `md5=:AAAA:, ${good}` })).status).toBe(200);
    for (const malformed of ["sha-256", "sha-256=abc", `sha-256=${sha("sha256", body)}`, "=:AAAA:", "sha-256=:&:"])
      expect([malformed, (await post(body, { "content-digest": malformed })).status]).toEqual([malformed, 400]);
    const sql = JSON.stringify({ sql: "SELECT 1" });
    const query = await ask("/v1/query", { "content-type": "application/json", "content-digest": good }, sql);
    expect(JSON.parse(query.body.toString())).toMatchObject({ code: "DIGEST_MISMATCH" });
  });

  it("events that go on for ever have none", async () => {
    const headers = await new Promise<IncomingHttpHeaders>((resolve, reject) => {
      const asked = request(
        `${url}/v1/views/groups/changes`,
        { headers: { accept: "text/event-stream" } },
        (response) => {
          resolve(response.headers);
          asked.destroy();
        },
      );
      asked.on("error", reject).end();
    });
    expect(headers["content-type"]).toContain("text/event-stream");
    expect([headers["repr-digest"], headers.trailer]).toEqual([undefined, undefined]);
  });

  it("the client notices each bit that an answer loses on its way, and tries again", async () => {
    const plain: typeof fetch = (address, init) =>
      fetch(address, { ...init, headers: { ...(init?.headers as object), "Accept-Encoding": "identity" } });
    let [flipped, harmless] = [0, 0];
    for (const [form, client] of [
      ["plain", connect({ url: proxy.url, fetch: plain })],
      ["packed", connect({ url: proxy.url })],
    ] as const) {
      const questions: Readonly<Record<string, () => Promise<unknown>>> = {
        "one row": () => client.view("groups").rows({ where: { k: "key-7" } }),
        "many rows": () => client.view("groups").rows({ limit: 300, order: ["k"] }),
        "many rows as Arrow": () =>
          client
            .view("groups")
            .arrow({ limit: 300, order: ["k"] })
            .then(String),
        views: () => client.views(),
        "no such view": () => client.view("none").rows(),
      };
      proxy.flips = { answers: 0, requests: 0 };
      for (const [what, question] of Object.entries(questions)) {
        const outcome = () => question().then(textOf, textOf);
        const right = await outcome();
        for (let round = 0; round < 12; round++) {
          proxy.flips = { answers: 1, requests: 0 };
          const asked = proxy.asked;
          expect([form, what, await outcome()]).toEqual([form, what, right]);
          flipped++;
          // a packed body has bits that say nothing of what is in it, such as when it was packed
          if (proxy.asked === asked + 1) harmless++;
          else expect(proxy.asked).toBe(asked + 2);
        }
        if (form === "plain") expect([what, harmless]).toEqual([what, 0]);
      }
      proxy.flips = { answers: Number.POSITIVE_INFINITY, requests: 0 };
      if (form === "plain") await expect(client.views()).rejects.toBeInstanceOf(DigestMismatch);
    }
    expect(harmless).toBeLessThan(12);
    proxy.flips = { answers: 0, requests: 0 };
    console.log(
      `digests: SEED=${seed} N=${flipped} answers with a flipped bit, ${harmless} of no effect, the others noticed`,
    );
  }, 60_000);

  it("the server notices each bit that a request loses on its way, and nothing of it counts", async () => {
    const client = connect<Record<string, { row: object; key: string }>, { events: object }>({ url: proxy.url });
    const before = await world.log.end(logged);
    const N = 24;
    for (let i = 0; i < N; i++) {
      proxy.flips = { answers: 0, requests: Number.POSITIVE_INFINITY };
      const failed = await client
        .stream("events")
        .append([{ k: `flipped-${i}`, x: i }])
        .then(
          () => "taken",
          (error: unknown) => error,
        );
      expect(failed).toBeInstanceOf(ApiError);
      expect(failed).toMatchObject({ status: 400, code: "DIGEST_MISMATCH" });
    }
    expect(await world.log.end(logged)).toEqual(before);
    proxy.flips = { answers: 0, requests: 1 };
    expect(await client.stream("events").append([{ k: "once", x: 1 }])).toMatchObject({ accepted: 1 });
    proxy.flips = { answers: 0, requests: 0 };
    console.log(`digests: SEED=${seed} N=${N} requests with a flipped bit, each refused`);
  }, 60_000);
});

/** Passes everything on, but for one bit of a body. */
class FlippingProxy {
  flips = { answers: 0, requests: 0 };
  asked = 0;
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async open(to: string, random: () => number): Promise<FlippingProxy> {
    const server = createServer(async (incoming, outgoing) => {
      self.asked++;
      const sent = await bytesOf(incoming);
      const flips = self.flips;
      if (flips.requests-- > 0) self.#flip(sent, random);
      const { host: _, ...headers } = incoming.headers as Record<string, string>;
      const answer = await exchange(to + incoming.url, incoming.method!, headers, sent.length > 0 ? sent : undefined);
      if (flips.answers-- > 0) self.#flip(answer.body, random);
      const { "transfer-encoding": _chunked, trailer: _trailer, ...kept } = answer.headers;
      outgoing.writeHead(answer.status, { ...kept, "content-length": answer.body.length });
      outgoing.end(answer.body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const self = new FlippingProxy(server);
    return self;
  }

  #flip(body: Buffer, random: () => number): void {
    if (body.length === 0) return;
    const bit = Math.floor(random() * 8 * body.length);
    body[bit >> 3]! ^= 1 << (bit & 7);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function exchange(
  url: string,
  method: string,
  headers: Record<string, string>,
  body?: string | Buffer,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers }, async (response) => {
      const found = await bytesOf(response);
      resolve({ status: response.statusCode!, headers: response.headers, trailers: response.trailers, body: found });
    });
    asked.on("error", reject).end(body);
  });
}

async function bytesOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Without what is not the same twice. */
function textOf(outcome: unknown): string {
  if (outcome instanceof Error) return `${outcome.name}: ${outcome.message}`;
  return JSON.stringify(outcome, (key, value: unknown) =>
    key === "lagMs" ? 0 : typeof value === "bigint" ? String(value) : value,
  );
}
