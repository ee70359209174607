/**
 * Who may ask what: every route with no key, a bad one, an expired one and one of another scope; and what the
 * server says to whom.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostsFor } from "../../serving/http/access/guard.ts";
import { KeyFile } from "../../serving/http/access/key-file.ts";
import { judge, newKey, parseKeys } from "../../serving/http/access/keys.ts";
import type { AnswerFacts } from "../../serving/http/api.ts";
import type { ApiKey, Scope } from "../../shared/http/caller.ts";
import { World } from "../pipeline/world.ts";
import { stream } from "../support/view-case.ts";
import { type Api, openApi } from "./api.ts";

const now = Date.parse("2026-03-01T00:00:00Z");
const kept: ApiKey[] = [];
const keyOf = (name: string, scopes: readonly Scope[], expiresAt: string | null = null) => {
  const { key, text } = newKey(name, scopes, expiresAt, now);
  kept.push(key);
  return text;
};
const keys = {
  read: keyOf("read", ["read"]),
  ingest: keyOf("ingest", ["ingest"]),
  events: keyOf("events", ["events"]),
  admin: keyOf("admin", ["admin"], "2030-01-01T00:00:00.000Z"),
  expired: keyOf("expired", ["admin"], "2026-02-01T00:00:00.000Z"),
  unknown: newKey("unknown", ["admin"], null, now).text,
};

const open = ["/healthz", "/readyz", "/", "/openapi.json"];

describe("access", () => {
  let world: World;
  let api: Api;
  let file: string;
  const answered: AnswerFacts[] = [];

  beforeAll(async () => {
    world = await World.open({
      stream: { ...stream("events", { g: "VARCHAR" }), partitions: 1 },
      views: { groups: "SELECT g, count(*) AS n FROM events GROUP BY g" },
    });
    await world.firstVersion();
    await world.append([{ partition: 0, value: '{"g":"a"}', valid: true }]);
    await world.runBatch();
    file = join(world.dir, "keys.json");
    writeFileSync(file, JSON.stringify({ keys: kept }));
    world.now = now;
    api = await openApi(world, {
      keyFile: file,
      requestsPerSecond: 10_000,
      cors: ["https://good.example"],
      answered: (facts) => answered.push(facts),
    });
    await api.app.ready();
  });

  afterAll(async () => {
    await api.close();
    await world.close();
  });

  const call = (method: string, url: string, headers: Record<string, string> = {}, payload?: string) =>
    api.app.inject({ method: method as "GET", url, headers, ...(payload === undefined ? {} : { payload }) });
  const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

  it("asks every route's caller for a key of the right scope", async () => {
    const paths = Object.entries(api.app.swagger().paths ?? {});
    const routes = paths.flatMap(([path, methods]) =>
      Object.keys(methods as object).map((method) => ({ path, method })),
    );
    expect(routes.length).toBeGreaterThanOrEqual(8);
    let asked = 0;
    for (const { path, method } of routes) {
      const url = path
        .replace("{view}", "groups")
        .replace("{stream}", "events")
        .replace(/changes$/, "changes?limit=1");
      const ofStreams: Scope = method === "post" ? "ingest" : "events";
      const own: Scope = path.startsWith("/v1/streams") ? ofStreams : "read";
      const other: Scope = own === "read" ? "ingest" : "read";
      const status = async (headers: Record<string, string>) => {
        asked++;
        const response = await call(
          method.toUpperCase(),
          url,
          { ...headers, "content-type": "application/json" },
          method === "post" ? '{"sql": 1}' : undefined,
        );
        return response.statusCode;
      };
      const wanted = open.includes(path) ? null : own;
      const refusals = [
        await status({}),
        await status(bearer("x")),
        await status(bearer(keys.unknown)),
        await status(bearer(keys.expired)),
        await status({ authorization: `Basic ${keys.admin}` }),
        await status(bearer(keys[other])),
      ];
      if (wanted === null) expect(new Set(refusals), path).toEqual(new Set([200]));
      else expect(refusals, `${method} ${path}`).toEqual([401, 401, 401, 401, 401, 403]);
      for (const good of [keys[own], keys.admin])
        expect([401, 403], `${method} ${path}`).not.toContain(await status(bearer(good)));
    }
    process.stdout.write(`access: ${routes.length} routes, N=${asked} requests\n`);
  });

  it("says what is missing, and how to send it", async () => {
    const none = await call("GET", "/v1/views");
    expect(none.headers["www-authenticate"]).toBe('Bearer realm="tidemark"');
    expect(none.json()).toMatchObject({
      code: "UNAUTHENTICATED",
      detail: "there is no key; send Authorization: Bearer KEY",
    });
    expect((await call("GET", "/v1/views", bearer(keys.expired))).json()).toMatchObject({
      detail: "the key has expired",
    });
    expect((await call("GET", "/v1/views", bearer(keys.ingest))).json()).toMatchObject({
      code: "FORBIDDEN",
      detail: "this key has the scope ingest; this request needs read",
    });
  });

  it("knows a key by all of it", () => {
    const [id, secret] = [keys.read.slice(3, 15), keys.read.slice(16)];
    expect(judge(kept, keys.read, now)).toMatchObject({ key: { name: "read" } });
    for (const wrong of [
      "",
      "tm_",
      `tm_${id}_`,
      `tm_${id}_${secret.slice(1)}A`,
      `tm_${id}_${secret}=`,
      `${keys.read} `,
      keys.read.toUpperCase(),
    ])
      expect(judge(kept, wrong, now), wrong).toEqual({ why: "unknown" });
    expect(JSON.stringify(kept)).not.toContain(secret);
  });

  it("sees keys that come and go, and keeps to the last good ones", async () => {
    const own = join(world.dir, "own.json");
    const said: string[] = [];
    const found = await KeyFile.open(own, (line) => said.push(line));
    const current = async () => {
      await new Promise((resolve) => setTimeout(resolve, 1010));
      return (await found.keys())?.map((key) => key.name) ?? null;
    };
    expect(await found.keys()).toBeNull();
    writeFileSync(own, JSON.stringify({ keys: kept.slice(0, 1) }));
    expect(await current()).toEqual(["read"]);
    writeFileSync(own, "{");
    expect(await current()).toEqual(["read"]);
    expect(said.join()).toMatch(/the previous keys stay valid: .*own.json: it is not JSON/);
    // a file that is gone opens nothing
    rmSync(own);
    expect(await current()).toEqual([]);
  });

  it.each([
    ["[]", "it holds no list of keys"],
    ['{"keys": [{}]}', "key 1 is not a key"],
    [JSON.stringify({ keys: [{ ...kept[0], scopes: ["root"] }] }), "key 1 is not a key"],
    [JSON.stringify({ keys: [{ ...kept[0], expiresAt: "soon" }] }), "key 1 is not a key"],
  ])("a file of keys like %s is refused", (text, why) => {
    expect(() => parseKeys(text, "keys.json")).toThrow(`keys.json: ${why}`);
  });

  it("listens for others only with keys, or with --without-keys", async () => {
    const none = await KeyFile.open(join(world.dir, "none.json"), () => undefined);
    const some = await KeyFile.open(file, () => undefined);
    for (const host of ["0.0.0.0", "::", "10.0.0.1", "example.org", "127.0.0.1.example.org"]) {
      await expect(hostsFor(host, none, false)).rejects.toThrow(
        /can be reached from other machines, and there are no keys/,
      );
      expect(await hostsFor(host, none, true)).toBeNull();
      expect(await hostsFor(host, some, false)).toBeNull();
    }
    for (const host of ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
      expect(await hostsFor(host, none, false)).toContain("localhost");
  });

  it("allows other origins that were named, and no others", async () => {
    const asked = (origin: string) => call("GET", "/v1/views", { origin, ...bearer(keys.read) });
    expect((await asked("https://good.example")).headers["access-control-allow-origin"]).toBe("https://good.example");
    expect((await asked("https://bad.example")).headers["access-control-allow-origin"]).not.toBe("https://bad.example");
    const preflight = await call("OPTIONS", "/v1/query", {
      origin: "https://good.example",
      "access-control-request-method": "POST",
    });
    expect(preflight.statusCode).toBe(204);
  });

  it("sends security headers with everything, and packs what is worth it", async () => {
    for (const url of ["/", "/v1/views", "/nothing"]) {
      expect((await call("GET", url)).headers).toMatchObject({
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
      });
    }
    for (const encoding of ["gzip", "br"]) {
      const packed = await call("GET", "/openapi.json", { "accept-encoding": encoding });
      expect(packed.headers["content-encoding"]).toBe(encoding);
    }
    expect((await call("GET", "/healthz", { "accept-encoding": "gzip" })).headers["content-encoding"]).toBeUndefined();
  });

  it("describes parameters by their names, not by words of their schema", async () => {
    const { paths } = (await call("GET", "/openapi.json")).json<{
      paths: Record<string, Record<string, { parameters?: { name: string }[] }>>;
    }>();
    const names = Object.values(paths).flatMap((each) =>
      Object.values(each).flatMap(({ parameters = [] }) => parameters.map(({ name }) => name)),
    );
    expect(names).toContain("ticket");
    expect(names.filter((name) => ["type", "properties", "required", "additionalProperties"].includes(name))).toEqual(
      [],
    );
  });

  it("hands a trace's context on, and logs who asked what, without names and keys", async () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const response = await call("GET", "/v1/views/groups?g=eq.secret", { traceparent, ...bearer(keys.read) });
    expect(response.headers.traceparent).toBe(traceparent);
    expect((await call("GET", "/healthz", { traceparent: "x" })).headers.traceparent).toBeUndefined();
    const facts = answered.find((each) => each.traceparent === traceparent)!;
    expect(facts).toMatchObject({ method: "GET", route: "/v1/views/:view", status: 200, client: kept[0]!.id });
    expect(JSON.stringify(answered)).not.toMatch(/secret|tm_/);
  });

  it("keeps one client's idempotency keys from another's", async () => {
    const other = newKey("other", ["ingest"], null, now);
    writeFileSync(file, JSON.stringify({ keys: [...kept, other.key] }));
    await new Promise((resolve) => setTimeout(resolve, 1010));
    const ids: unknown[] = [];
    const append = world.log.append.bind(world.log);
    world.log.append = async (stream, records) => {
      if (stream.name === "events") ids.push(...records.map(({ id }) => id?.request));
      return append(stream, records);
    };
    for (const key of [keys.ingest, other.text]) {
      const headers = { ...bearer(key), "content-type": "application/json", "idempotency-key": "1" };
      expect((await call("POST", "/v1/streams/events/events", headers, '{"g":"x"}')).statusCode).toBe(200);
    }
    world.log.append = append;
    expect(new Set(ids).size).toBe(2);
  });

  it("takes packed events, and not more of them than fit unpacked", async () => {
    const send = (body: Buffer) =>
      api.app.inject({
        method: "POST",
        url: "/v1/streams/events/events",
        headers: { ...bearer(keys.ingest), "content-type": "application/x-ndjson", "content-encoding": "gzip" },
        payload: body,
      });
    const good = await send(gzipSync('{"g":"b"}\n{"g":"c"}\n'));
    expect(good.json()).toMatchObject({ accepted: 2 });
    const bomb = gzipSync(Buffer.alloc(64 << 20, "{}\n"));
    expect(bomb.length).toBeLessThan(1 << 20);
    expect((await send(bomb)).statusCode).toBe(413);
    expect((await send(Buffer.from("not gzip"))).statusCode).toBe(400);
  });
});

describe("without keys", () => {
  it("answers to its own names only, and to a limited number of requests a second", async () => {
    const world = await World.open({
      stream: { ...stream("events", { g: "VARCHAR" }), partitions: 1 },
      views: { total: "SELECT count(*) AS n FROM events" },
    });
    await world.firstVersion();
    const api = await openApi(world, { hosts: ["localhost", "127.0.0.1", "[::1]"], requestsPerSecond: 5 });
    try {
      const as = async (host: string, url = "/v1/views") =>
        (await api.app.inject({ method: "GET", url, headers: { host }, remoteAddress: host })).statusCode;
      for (const host of ["localhost", "127.0.0.1:7070", "[::1]:7070", "LOCALHOST:1"])
        expect(await as(host), host).toBe(200);
      for (const host of ["evil.example", "localhost.evil.example:7070", "127.0.0.1.nip.io"])
        expect(await as(host), host).toBe(421);
      expect(await as("evil.example", "/healthz")).toBe(200);
      const many = [];
      for (let i = 0; i < 8; i++)
        many.push(
          await api.app.inject({
            method: "GET",
            url: "/v1/views",
            remoteAddress: "10.1.1.1",
            headers: { host: "localhost" },
          }),
        );
      expect(many.map((each) => each.statusCode).sort()).toEqual([200, 200, 200, 200, 200, 429, 429, 429]);
      const refused = many.find((each) => each.statusCode === 429)!;
      expect(refused.json()).toMatchObject({ code: "RATE_LIMIT", detail: "more than 5 requests per second" });
      expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
      expect(await as("127.0.0.1", "/healthz")).toBe(200);
    } finally {
      await api.close();
      await world.close();
    }
  });
});
