/**
 * A key is checked as long as something is answered to it: revoked, out of date or of fewer scopes, it gets
 * nothing more within a second.
 */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KeyFile } from "../../serving/http/access/key-file.ts";
import { newKey } from "../../serving/http/access/keys.ts";
import type { AnswerFacts } from "../../serving/http/api.ts";
import { queryLimits } from "../../serving/sql/queries.ts";
import type { ApiKey, Scope } from "../../shared/http/caller.ts";
import { World } from "../pipeline/world.ts";
import { until } from "../support/until.ts";
import { stream } from "../support/view-case.ts";
import { type Api, openApi } from "./api.ts";

/** What is promised, and what a busy machine may take beside it, ms. */
const endedMax = 1000 + 2000;

describe("a key that counts no more", () => {
  let world: World;
  let api: Api;
  let url: string;
  let file: string;
  const facts: AnswerFacts[] = [];

  beforeAll(async () => {
    world = await World.open({
      stream: { ...stream("events", { g: "VARCHAR" }), partitions: 1 },
      views: { groups: "SELECT g, count(*) AS n FROM events GROUP BY g" },
    });
    await world.firstVersion();
    await world.append([{ partition: 0, value: '{"g":"a"}', valid: true }]);
    await world.runBatch();
    file = join(world.dir, "keys.json");
    write([newKey("other", ["read"], null, 0).key]);
    api = await openApi(world, {
      keyFile: file,
      cors: ["https://good.example"],
      waitMsMax: 60_000,
      limits: { ...queryLimits, children: 1, secondsMax: 60 },
      answered: (fact) => facts.push(fact),
    });
    url = await api.app.listen({ host: "127.0.0.1", port: 0 });
  }, 60_000);
  afterAll(async () => {
    await api.close();
    await world.close();
  });

  const write = (keys: readonly ApiKey[]) => writeFileSync(file, JSON.stringify({ keys }));
  const known = async (...scopes: Scope[]) => {
    const made = newKey("own", scopes, null, 0);
    write([made.key]);
    const headers = { authorization: `Bearer ${made.text}` };
    await until(
      async () => (await api.app.inject({ url: "/v1/nothing", headers })).statusCode && (await ask(headers)) !== 401,
    );
    return { ...made, headers };
  };
  const ask = async (headers: Record<string, string>, path = "/v1/status") =>
    (await api.app.inject({ method: "GET", url: path, headers })).statusCode;

  /** What comes of a request, and when it is over. */
  const open = (path: string, headers: Record<string, string>, body?: string) => {
    const state = { status: 0, text: "", over: 0 };
    const done = () => {
      state.over ||= performance.now();
    };
    const sent = request(
      `${url}${path}`,
      { headers, method: body === undefined ? "GET" : "POST", agent: false },
      (response) => {
        state.status = response.statusCode!;
        response.setEncoding("utf8").on("data", (chunk: string) => {
          state.text += chunk;
        });
        response.on("close", done).on("error", done);
      },
    );
    sent.on("error", done).on("close", done);
    sent.end(body);
    return { state, close: () => sent.destroy() };
  };

  const endings: [string, (key: ApiKey) => ApiKey[]][] = [
    ["revoked", () => []],
    ["out of date", (key) => [{ ...key, expiresAt: "1999-01-01T00:00:00.000Z" }]],
    ["of other scopes", (key) => [{ ...key, scopes: ["ingest"] }]],
    ["replaced by another of its id", (key) => [{ ...key, sha256: "0".repeat(64) }]],
  ];
  it.each(endings)("%s: what it listens to, waits for and runs ends", { timeout: 60_000 }, async (_, after) => {
    const { key, headers } = await known("read");
    const changes = open("/v1/views/groups/changes", headers);
    const waiting = open("/v1/views/groups", { ...headers, "tidemark-wait-for": "events@0:99" });
    const sql = "SELECT count(*) FROM range(1000000) a, range(1000000) b, range(1000000) c";
    const running = open("/v1/query", { ...headers, "content-type": "application/json" }, JSON.stringify({ sql }));
    await until(() => changes.state.text.includes("retry:"));
    expect(waiting.state.over + running.state.over + changes.state.over).toBe(0);
    const changed = performance.now();
    write(after(key));
    await until(() => changes.state.over && waiting.state.over && running.state.over);
    for (const { state } of [changes, waiting, running]) expect(state.over - changed).toBeLessThan(endedMax);
    expect([waiting.state.status, running.state.status]).toEqual([401, 401]);
    expect(waiting.state.text).toContain("the key is no longer valid");
  });

  it("a ticket opens one stream, once, for its key and as long as that counts", { timeout: 60_000 }, async () => {
    const { headers } = await known("read");
    const ticketFor = async (path: string, own: Record<string, string> = headers) =>
      api.app.inject({ method: "POST", url: "/v1/tickets", headers: own, payload: { path } });
    const path = "/v1/views/groups/changes";
    const { ticket, expires } = (await ticketFor(path)).json<{ ticket: string; expires: string }>();
    expect(Date.parse(expires) - world.now).toBe(60_000);
    expect(await ask({}, `/v1/views/groups?ticket=${ticket}`)).toBe(401);
    expect(await ask({}, `/v1/views/other/changes?ticket=${ticket}`)).toBe(401);
    const listening = open(`${path}?g=eq.a&ticket=${ticket}`, {});
    await until(() => listening.state.text.includes("retry:"));
    expect(listening.state.status).toBe(200);
    expect(await ask({}, `${path}?ticket=${ticket}`)).toBe(401);
    const late = (await ticketFor(path)).json<{ ticket: string }>().ticket;
    world.now += 60_001;
    expect(await ask({}, `${path}?ticket=${late}`)).toBe(401);
    const unused = (await ticketFor(path)).json<{ ticket: string }>().ticket;
    for (const wrong of ["/v1/query", "/v1/views/groups", `${path}?g=eq.a`, "//x/changes"])
      expect((await ticketFor(wrong)).statusCode, wrong).toBe(400);
    expect((await ticketFor(path, {})).statusCode).toBe(401);
    write([]);
    await until(() => listening.state.over);
    await until(async () => (await ask(headers)) === 401);
    expect(await ask({}, `${path}?ticket=${unused}`)).toBe(401);
    for (const text of [ticket, late, unused]) expect(JSON.stringify(facts)).not.toContain(text);
    expect((await known("ingest")) && (await ticketFor(path, (await known("ingest")).headers)).statusCode).toBe(403);
  });

  it("a page of another origin can read every refusal, and what depends on more than its origin says so", async () => {
    const { headers } = await known("read");
    const origin = "https://good.example";
    const call = (method: string, path: string, own: Record<string, string>) =>
      api.app.inject({ method: method as "GET", url: path, headers: { origin, ...own } });
    const refusals: [string, string, Record<string, string>, number][] = [
      ["GET", "/v1/views", {}, 401],
      ["GET", "/v1/views", { authorization: "Bearer x" }, 401],
      ["POST", "/v1/streams/events/events", headers, 403],
      ["GET", "/v1/views/nothing", headers, 404],
      ["GET", "/v1/nothing", headers, 404],
      ["DELETE", "/v1/views/groups", headers, 405],
      ["GET", "/v1/views/groups?n=like.x", headers, 400],
      ["GET", "/v1/views/groups", { ...headers, accept: "image/png" }, 406],
      ["POST", "/v1/query", headers, 400],
    ];
    for (const [method, path, own, status] of refusals) {
      const answer = await call(method, path, own);
      expect(answer.statusCode, `${method} ${path}`).toBe(status);
      expect(answer.headers["access-control-allow-origin"], `${method} ${path}`).toBe(origin);
      expect(String(answer.headers.vary), `${method} ${path}`).toContain("Origin");
    }
    const rows = await call("GET", "/v1/views/groups", headers);
    expect(String(rows.headers.vary).split(", ")).toEqual(expect.arrayContaining(["Origin", "Accept"]));
    const foreign = await api.app.inject({ url: "/v1/views", headers: { origin: "https://bad.example" } });
    expect(foreign.headers["access-control-allow-origin"]).not.toBe("https://bad.example");
  });

  it("a file of keys that can't be read is never taken for none", async () => {
    const path = join(world.dir, "odd.json");
    const cases: [string, () => void, RegExp][] = [
      [
        "a link to nowhere",
        () => symlinkSync(join(world.dir, "nowhere"), path),
        /is a link to a file that does not exist/,
      ],
      ["a folder", () => mkdirSync(path), /it can't be read \(EISDIR\)/],
      ["half of one", () => writeFileSync(path, '{"keys": ['), /it is not JSON/],
    ];
    for (const [name, make, why] of cases) {
      make();
      await expect(
        KeyFile.open(path, () => undefined),
        name,
      ).rejects.toThrow(why);
      rmSync(path, { recursive: true });
      // and where it comes while there were none
      const said: string[] = [];
      const none = await KeyFile.open(path, (line) => said.push(line));
      expect(await none.keys(), name).toBeNull();
      make();
      await until(async () => (await none.keys()) !== null);
      expect(await none.keys(), name).toEqual([]);
      expect(said.join(), name).toMatch(why);
      rmSync(path, { recursive: true });
    }
  });
});
