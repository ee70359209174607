import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Follower } from "../../serving/snapshot/follower.ts";
import type { Freshness } from "../../serving/snapshot/freshness.ts";
import { formatPosition } from "../../shared/position.ts";
import { filesOf } from "../../shared/store/partials.ts";
import { newestHead, newestVersion } from "../../shared/store/versions.ts";
import type { DeltaWriter } from "../../speed/delta-writer.ts";
import { catchUp, type Sent, World } from "../pipeline/world.ts";
import { scratchOf } from "../support/scratch.ts";
import { isFull } from "../support/share.ts";
import { behind } from "../support/store.ts";
import { until } from "../support/until.ts";
import { stream } from "../support/view-case.ts";
import { type Api, openApi } from "./api.ts";

const sales = {
  ...stream("sales", {
    shop: "VARCHAR?",
    n: "BIGINT",
    big: "DECIMAL(38,0)?",
    price: "DECIMAL(18,3)?",
    at: "TIMESTAMP?",
    ok: "BOOLEAN?",
    id: "UUID?",
    text: "VARCHAR?",
  }),
  partitions: 2,
};

const views = {
  shops: "SELECT shop, count(*) AS sales, sum(n) AS n, max(big) AS big, avg(price) AS mean FROM sales GROUP BY shop",
  keys: 'SELECT date_trunc(\'hour\', "at") AS hour, ok, id, price, n AS "n ü,x", count(*) AS c FROM sales GROUP BY ALL',
  total: "SELECT count(*) AS n, sum(n) AS s FROM sales",
  casts: "SELECT shop, sum(text::BIGINT) AS t FROM sales GROUP BY shop",
};

const event = (n: number, over: Record<string, unknown> = {}) =>
  JSON.stringify({
    shop: n % 5 === 4 ? null : `s${n % 5}`,
    n,
    big: "12345678901234567890123456789012345678",
    price: `${n}.125`,
    at: `2026-01-0${1 + (n % 3)} 10:30:00`,
    ok: n % 2 === 0,
    id: `00000000-0000-0000-0000-00000000000${n % 4}`,
    text: "1",
    ...over,
  });

const sent = (value: string, partition = 0): Sent => ({ partition, value, valid: true });

interface Body {
  readonly data: Record<string, unknown>[];
  readonly meta: Record<string, unknown>;
}

describe("the API", () => {
  let world: World;
  let follower: Follower;
  let api: Api;
  let freshness: Freshness;
  let app: FastifyInstance;
  let writer: DeltaWriter;
  const said: string[] = [];
  let stop: AbortController;

  async function open(waitMsMax = 60): Promise<void> {
    world = await World.open({ stream: sales, views });
    await world.firstVersion();
    await world.append(Array.from({ length: 20 }, (_, n) => sent(event(n), n % 2)));
    await world.runBatch();
    writer = await world.writer((await newestVersion(world.store))!, 0);
    await world.append(Array.from({ length: 10 }, (_, n) => sent(event(20 + n), n % 2)));
    await catchUp(world, writer);
    api = await openApi(world, { waitMsMax, say: (line) => said.push(line) });
    ({ app, follower, freshness, stop } = api);
  }

  async function close(): Promise<void> {
    await api.close();
    await writer.close();
    await world.close();
  }

  const get = (url: string, headers: Record<string, string> = {}) => app.inject({ method: "GET", url, headers });
  const rows = async (query: string): Promise<Record<string, unknown>[]> => {
    const response = await get(`/v1/views/${query}`);
    expect(response.statusCode, response.body).toBe(200);
    return response.json<Body>().data;
  };
  const refused = async (query: string): Promise<string> => {
    const response = await get(`/v1/views/${query}`);
    expect(response.headers["content-type"]).toMatch(/^application\/problem\+json/);
    const { status, code, detail, title, type } = response.json<Record<string, string>>();
    expect([Number(status), typeof title, type]).toEqual([response.statusCode, "string", "about:blank"]);
    return `${response.statusCode} ${code}: ${detail}`;
  };

  describe("asked", () => {
    beforeAll(() => open());
    afterAll(close);

    it("lists the views", async () => {
      const { data, meta } = (await get("/v1/views")).json<Body>();
      expect(data.map((view) => view.name)).toEqual(["shops", "keys", "total", "casts"]);
      expect(data[0]).toMatchObject({
        streams: ["sales"],
        failed: null,
        columns: [
          { name: "shop", type: "VARCHAR", key: true },
          { name: "sales", type: "BIGINT", key: false },
          { name: "n", type: "HUGEINT" },
          { name: "big", type: "DECIMAL(38,0)" },
          { name: "mean", type: "DOUBLE" },
        ],
      });
      expect(meta).toMatchObject({ version: 1, position: "sales@0:15,1:15" });
    });

    it("answers rows of both layers, exact at a position, every digit kept", async () => {
      const response = await get("/v1/views/shops?order=shop.asc.nullsfirst");
      expect(response.headers).toMatchObject({
        "tidemark-position": "sales@0:15,1:15",
        "tidemark-version": "1",
        "content-type": "application/json; charset=utf-8",
      });
      const { data, meta } = response.json<Body>();
      expect(meta).toEqual({
        view: "shops",
        position: "sales@0:15,1:15",
        version: 1,
        verifiedUpTo: null,
        lagMs: null,
        events: { batch: 20, speed: 10 },
        dead: 0,
        duplicates: 0,
        late: 0,
      });
      expect(data.map((row) => [row.shop, row.sales, row.n])).toEqual([
        [null, 6, 4 * 6 + 75],
        ["s0", 6, 75],
        ["s1", 6, 81],
        ["s2", 6, 87],
        ["s3", 6, 93],
      ]);
      expect(response.body).toContain('"big":12345678901234567890123456789012345678');
      expect(data[1]!.mean).toBe(75 / 6 + 0.125);
    });

    it.each([
      ["shops?shop=eq.s1", 1],
      ["shops?shop=neq.s1", 3],
      ["shops?shop=not.eq.s1", 3],
      ["shops?shop=gt.s1", 2],
      ["shops?shop=gte.s1&shop=lt.s3", 2],
      ["shops?shop=lte.s1", 2],
      ["shops?shop=is.null", 1],
      ["shops?shop=is.not_null", 4],
      ["shops?shop=not.is.null", 4],
      ["shops?shop=in.(s1,s2,%22s,3%22)", 2],
      ["shops?shop=not.in.(s1,s2)", 2],
      ["shops?shop=in.()", 0],
      ["shops?n=eq.81", 1],
      ["shops?n=gt.80&shop=neq.s1", 2],
      ["shops?big=eq.12345678901234567890123456789012345678", 5],
      ["shops?limit=2", 2],
      ["shops?limit=0", 0],
      ["shops?offset=3", 2],
      ["shops?offset=999999999999", 0],
      ["shops?limit=999999999999999", 5],
      ["total?n=eq.30", 1],
      ["total?n=eq.31", 0],
      ["keys?ok=is.true", 15],
      ["keys?ok=eq.false", 15],
      ["keys?hour=eq.2026-01-02", 0],
      ["keys?hour=eq.2026-01-02%2010:00:00", 10],
      ["keys?hour=gte.2026-01-02T00:00:00", 20],
      ["keys?price=eq.7.125", 1],
      ["keys?price=eq.7.1250", 1],
      ["keys?price=lt.1", 1],
      ["keys?id=eq.00000000-0000-0000-0000-000000000001", 8],
      [`keys?${encodeURIComponent("n ü,x")}=gte.25`, 5],
    ])("%s gives %i rows", async (query, count) => expect(await rows(query)).toHaveLength(count));

    it("selects and orders", async () => {
      expect(await rows("shops?select=n,shop&order=n.desc&limit=2")).toEqual([
        { n: 99, shop: null },
        { n: 93, shop: "s3" },
      ]);
      expect(
        await rows(`keys?select=${encodeURIComponent('"n ü,x"')}&order=${encodeURIComponent('"n ü,x".desc')}&limit=1`),
      ).toEqual([{ "n ü,x": 29 }]);
      expect((await rows("shops?select=shop&order=shop.desc")).map((row) => row.shop)).toEqual([
        null,
        "s3",
        "s2",
        "s1",
        "s0",
      ]);
      expect((await rows("shops?select=shop&order=shop.desc.nullslast")).map((row) => row.shop).at(-1)).toBeNull();
    });

    it.each([
      ["nothing", '404 VIEW_UNKNOWN: there is no view "nothing"; there are: shops, keys, total, casts'],
      ["shops?shp=eq.s1", '400 USAGE: view "shops" has no column "shp"; it has: shop, sales, n, big, mean'],
      [
        "shops?shop=s1",
        "400 USAGE: filter shop=s1: it names no operator; write shop=eq.s1; there are: eq, neq, gt, gte, lt, lte, in, is",
      ],
      [
        "shops?shop=like.s1",
        '400 USAGE: filter shop=like.s1: "like" is not an operator; there are: eq, neq, gt, gte, lt, lte, in, is',
      ],
      [
        "shops?shop=constructor.s1",
        '400 USAGE: filter shop=constructor.s1: "constructor" is not an operator; there are: eq, neq, gt, gte, lt, lte, in, is',
      ],
      ["shops?n=eq.abc", '400 USAGE: filter on n: "abc" is not a HUGEINT; correct the value'],
      ["keys?hour=gt.yesterday", '400 USAGE: filter on hour: "yesterday" is not a TIMESTAMP; correct the value'],
      ["keys?id=in.(1)", '400 USAGE: filter on id: "1" is not a UUID; correct the value'],
      ["shops?shop=in.s1", '400 USAGE: filter shop=in.s1: its list is not in parentheses; write shop=in.(a,b,"c,d")'],
      ["shops?shop=in.(%22a)", '400 USAGE: the list "a has an unclosed quote; write a,b,"c,d"'],
      ["shops?shop=is.true", "400 USAGE: filter shop=is.true: the column is not a BOOLEAN; use eq"],
      ["shops?limit=-1", "400 USAGE: limit=-1 is not a whole number; write limit=100"],
      ["shops?limit=1e9", "400 USAGE: limit=1e9 is not a whole number; write limit=100"],
      ["shops?select=*", '400 USAGE: view "shops" has no column "*"; it has: shop, sales, n, big, mean'],
      ["shops?order=n.up", '400 USAGE: view "shops" has no column "n.up"; it has: shop, sales, n, big, mean'],
      ["shops?__proto__=eq.1", '400 USAGE: view "shops" has no column "__proto__"; it has: shop, sales, n, big, mean'],
      ["shops?n=eq.3.5", '400 USAGE: filter on n: "3.5" is not a HUGEINT; correct the value'],
      ["shops?sales=in.(6,6.4)", '400 USAGE: filter on sales: "6.4" is not a BIGINT; correct the value'],
      ["keys?price=eq.7.1255", '400 USAGE: filter on price: "7.1255" is not a DECIMAL(18,3); correct the value'],
      ["shops?limit=1&limit=2", "400 USAGE: limit is given twice; give it once"],
      ["shops?select=", "400 USAGE: select names no column; leave it out for all columns"],
      ["shops?shop=eq.%FF%00", "200"],
    ])("%s is answered %s", async (query, expected) => {
      if (expected === "200") expect(await rows(query)).toEqual([]);
      else expect(await refused(query)).toBe(expected);
    });

    it("sends rows in the form that is accepted", async () => {
      const query = "/v1/views/keys?order=n_,hour&limit=3".replace("n_", encodeURIComponent('"n ü,x"'));
      const as = async (accept: string) => {
        const response = await get(query, { accept });
        expect(response.headers).toMatchObject({ "tidemark-position": "sales@0:15,1:15", vary: "Accept" });
        return response;
      };
      const json = (await as("application/json")).json<Body>().data;
      expect((await as("*/*")).json<Body>().data).toEqual(json);
      const ndjson = await as("application/x-ndjson");
      expect(ndjson.headers["content-type"]).toBe("application/x-ndjson; charset=utf-8");
      expect(
        ndjson.body
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line) as unknown),
      ).toEqual(json);
      const csv = await as("text/html;q=0.1, text/csv");
      expect(csv.headers["content-type"]).toBe("text/csv; charset=utf-8; header=present");
      expect(csv.body.split("\r\n").slice(0, 2)).toEqual([
        'hour,ok,id,price,"n ü,x",c',
        "2026-01-01 10:00:00,true,00000000-0000-0000-0000-000000000000,0.125,0,1",
      ]);
      const parquet = (await as("application/vnd.apache.parquet")).rawPayload;
      const file = join(world.dir, "sent.parquet");
      writeFileSync(file, parquet);
      const kept = await world.oracle.rows(`SELECT "n ü,x", c FROM read_parquet('${file}')`);
      expect(kept.map((row) => [Number(row["n ü,x"]), Number(row.c)])).toEqual(
        json.map((row) => [row["n ü,x"], row.c]),
      );
      expect(scratchOf(world.store)).toEqual([]);
      expect((await as("application/vnd.apache.arrow.stream")).headers["content-type"]).toBe(
        "application/vnd.apache.arrow.stream",
      );
      const refusedForm = await get(query, { accept: "image/png" });
      expect([refusedForm.statusCode, refusedForm.json<Record<string, string>>().code]).toEqual([
        406,
        "NOT_ACCEPTABLE",
      ]);
    });

    it("holds a query until the position is covered, or says 504", async () => {
      const covered = await get("/v1/views/total", { "tidemark-wait-for": "sales@0:15" });
      expect(covered.statusCode).toBe(200);
      const late = await get("/v1/views/total", { "tidemark-wait-for": "sales@0:16" });
      expect([late.statusCode, late.json<Record<string, string>>().code]).toEqual([504, "WAIT_TIMEOUT"]);
      for (const text of ["sales", "sales@9:1", "sales@0:-1", "x".repeat(5000)]) {
        const response = await get("/v1/views/total", { "tidemark-wait-for": text });
        expect([response.statusCode, response.json<Record<string, string>>().code], text).toEqual([400, "USAGE"]);
      }
      // of a stream that the project had once
      expect((await get("/v1/views/total", { "tidemark-wait-for": "sale@0:1" })).statusCode).toBe(200);
    });

    it("knows its state", async () => {
      expect((await get("/healthz")).json()).toEqual({ status: "ok" });
      expect((await get("/readyz")).json()).toEqual({ status: "ready", position: "sales@0:15,1:15", views: [] });
      freshness.note(world.now - 500, { sales: { 0: 15, 1: 15 } });
      freshness.note(world.now, { sales: { 0: 15, 1: 17 } });
      const status = (await get("/v1/status")).json<Record<string, unknown>>();
      expect(status).toMatchObject({
        version: 1,
        lagMs: 500,
        cut: "sales@0:10,1:10",
        events: { batch: 20, speed: 10 },
        streams: [
          {
            name: "sales",
            partitions: 2,
            position: "sales@0:15,1:15",
            logEnd: "sales@0:15,1:17",
            records: { batch: 20, speed: 10 },
            behind: 2,
          },
        ],
        complaint: null,
      });
    });

    it("shows a page that brings all it needs", async () => {
      const response = await get("/");
      expect(response.headers["content-type"]).toBe("text/html; charset=utf-8");
      expect(response.headers["content-security-policy"]).toMatch(/default-src 'none'/);
      expect(response.body).not.toMatch(/(src|href)="(?!\/assets\/|#|data:)/);
      for (const path of ["/assets/style.css", "/assets/dashboard/main.js"])
        expect(response.body).toContain(`"${path}"`);
      expect((await get("/assets/style.css")).headers["content-type"]).toBe("text/css; charset=utf-8");
      for (const path of [
        "/assets/",
        "/assets/../package.json",
        "/assets/%2e%2e/%2e%2e/package.json",
        "/assets/client/..%2f..%2fhttp.js",
      ])
        expect((await get(path)).statusCode).toBe(404);
    });

    it("refuses other methods, routes, and what is too long, without a stack", async () => {
      expect((await app.inject({ method: "HEAD", url: "/v1/views/total" })).statusCode).toBe(200);
      for (const url of ["/v1/views", "/v1/views/total", "/v1/status", "/healthz", "/"]) {
        for (const method of ["POST", "PUT", "DELETE", "PATCH"] as const) {
          const response = await app.inject({ method, url });
          expect([response.statusCode, response.headers.allow, response.json<Record<string, string>>().code]).toEqual([
            405,
            "GET, HEAD",
            "METHOD_NOT_ALLOWED",
          ]);
        }
      }
      expect((await get("/v2")).json()).toMatchObject({ status: 404, code: "NOT_FOUND" });
      const long = await get(`/v1/views/${"x".repeat(5000)}`);
      expect(long.statusCode).toBeGreaterThanOrEqual(400);
      expect(long.statusCode).toBeLessThan(500);
      for (const url of [
        "/v1/views/%",
        "/v1/views/%E0%A4%A",
        "/v1/views/total?%=%",
        `/v1/views/shops?${"shop=eq.s1&".repeat(2000)}`,
      ]) {
        const response = await get(url);
        expect(response.statusCode, url).toBeLessThan(500);
        expect(response.body).not.toMatch(/\bat .*\.[jt]s:/);
      }
      expect(said).toEqual([]);
    });

    it("answers many at a time, though sessions are few", async () => {
      const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => rows(`shops?shop=eq.s${i % 4}`)));
      expect(answers.every((data, i) => data[0]!.shop === `s${i % 4}`)).toBe(true);
    });
  });

  describe("over sockets", () => {
    beforeEach(() => open(8000));
    afterEach(close);

    it("clients that leave, before or during an answer, take nothing with them", async () => {
      const url = await app.listen({ host: "127.0.0.1", port: 0 });
      for (let round = 0; round < 4; round++) {
        const leave = new AbortController();
        const asked = Array.from({ length: 6 }, (_, i) => {
          const headers: Record<string, string> = i % 2 === 0 ? { "tidemark-wait-for": "sales@0:16" } : {};
          return fetch(`${url}/v1/views/keys`, { signal: leave.signal, headers }).catch(() => null);
        });
        await new Promise((resolve) => setImmediate(resolve));
        leave.abort();
        await Promise.all(asked);
      }
      const answers = await Promise.all(Array.from({ length: 8 }, () => fetch(`${url}/v1/views/total`)));
      expect(await Promise.all(answers.map(async (each) => ((await each.json()) as Body).data[0]!.n))).toEqual(
        Array(8).fill(30),
      );
    });

    it("stops at once, though clients wait", async () => {
      const url = await app.listen({ host: "127.0.0.1", port: 0 });
      const waiting = fetch(`${url}/v1/views/total`, { headers: { "tidemark-wait-for": "sales@0:16" } });
      await new Promise((resolve) => setTimeout(resolve, 20));
      const began = performance.now();
      stop.abort();
      expect((await waiting).status).toBe(504);
      await app.close();
      expect(performance.now() - began).toBeLessThan(1000);
    });
  });

  describe("while the store moves", () => {
    beforeEach(() => open(10_000));
    afterEach(close);

    it("a query that waits is answered once the delta covers it", async () => {
      await world.append([sent(event(30))]);
      const position = formatPosition(world.end);
      const waiting = get("/v1/views/total", { "tidemark-wait-for": position });
      await catchUp(world, writer);
      await follower.tick();
      const response = await waiting;
      expect(response.json<Body>().data).toEqual([{ n: 31, s: (30 * 31) / 2 }]);
      expect(response.headers["tidemark-position"]).toBe(position);
    });

    it("a view that fails on valid events says where, and the others go on", async () => {
      await world.append([sent(event(30)), sent(event(31, { text: "one" })), sent(event(32))]);
      await catchUp(world, writer);
      await follower.tick();
      expect(await refused("casts")).toMatch(
        /^503 SERVE_VIEW_FAILED: view "casts" fails on valid events at sales partition 0 offset 16: .*\(3 characters\).*the other views are still answered$/,
      );
      expect(await rows("total")).toEqual([{ n: 33, s: (32 * 33) / 2 }]);
      const { data } = (await get("/v1/views")).json<Body>();
      expect(data.map((view) => view.failed === null)).toEqual([true, true, true, false]);
    });

    it("versions are swapped under queries without going back or mixing", { timeout: 60_000 }, async () => {
      let stop = false;
      let seen = 0;
      let asked = 0;
      const reader = async () => {
        while (!stop) {
          const response = await get("/v1/views/total");
          const { data, meta } = response.json<Body>();
          const n = Number(data[0]!.n);
          // events are numbered, so a mix of two snapshots has another sum than its count says
          expect(data[0]!.s).toBe((n * (n - 1)) / 2);
          const { batch, speed } = meta.events as { batch: number; speed: number };
          expect(batch + speed).toBe(n);
          expect(n).toBeGreaterThanOrEqual(seen);
          seen = n;
          asked++;
        }
      };
      const reading = reader();
      let old = writer;
      const rounds = isFull ? 6 : 3;
      for (let round = 0; round < rounds; round++) {
        await world.append(Array.from({ length: 10 }, (_, n) => sent(event(30 + round * 10 + n), n % 2)));
        await catchUp(world, old);
        await follower.tick();
        const next = await world.writer(await world.runBatch(), 0);
        await catchUp(world, next);
        // the new version is loaded beside the old one, and served when it is there
        const wanted = next.generation.manifest.number;
        await until(async () => {
          await follower.tick();
          return (await get("/v1/status")).json<{ version: number }>().version === wanted;
        });
        await old.close();
        old = next;
      }
      stop = true;
      await reading;
      writer = old;
      expect(seen).toBe(30 + 10 * rounds);
      expect(asked).toBeGreaterThan(20);
      expect((await get("/v1/views/total")).headers["tidemark-version"]).toBe(String(1 + rounds));
    });

    it("a damaged entry is never served: the old snapshot stays, and readyz says why", async () => {
      await world.append([sent(event(30))]);
      await catchUp(world, writer);
      const head = (await newestHead(world.store, 1, 0))!;
      const { name } = filesOf(head.entries.at(-1)!)[0]!;
      const bytes = Buffer.from(behind(world.store).read(name));
      bytes[bytes.length >> 1]! ^= 16;
      behind(world.store).write(name, bytes);
      await follower.tick();
      expect(await rows("total")).toEqual([{ n: 30, s: (29 * 30) / 2 }]);
      const ready = await get("/readyz");
      expect(ready.statusCode).toBe(503);
      expect(ready.json<Record<string, string>>().detail).toMatch(
        /delta of version 1 can't be followed: .*another hash/,
      );
      // the writer's successor recomputes it
      await writer.close();
      writer = await world.writer((await newestVersion(world.store))!, 0);
      await catchUp(world, writer);
      await follower.tick();
      expect(await rows("total")).toEqual([{ n: 31, s: (30 * 31) / 2 }]);
      expect((await get("/readyz")).statusCode).toBe(200);
    });
  });
});
