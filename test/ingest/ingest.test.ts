/** Events over HTTP: exactly those that are events, once, however often the request is sent. */
import { tableFromArrays, tableToIPC } from "apache-arrow";
import type { FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { IngestReport } from "../../ingest/http/ingest.ts";
import type { Follower } from "../../serving/snapshot/follower.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { newestVersion } from "../../shared/store/versions.ts";
import type { DeltaWriter } from "../../speed/delta-writer.ts";
import { World } from "../pipeline/world.ts";
import { type Api, openApi } from "../serving/api.ts";
import { until } from "../support/until.ts";
import { stream } from "../support/view-case.ts";

const events = { ...stream("events", { k: "VARCHAR", x: "DECIMAL(38,0)" }), key: "k", partitions: 3 };

describe("POST /v1/streams/{stream}/events", () => {
  let world: World;
  let follower: Follower;
  let api: Api;
  let app: FastifyInstance;
  let writer: DeltaWriter;

  beforeEach(async () => {
    world = await World.open({
      stream: events,
      views: { total: "SELECT count(*) AS n, sum(x) AS s, max(k) AS k FROM events" },
    });
    await world.firstVersion();
    writer = await world.writer((await newestVersion(world.store))!, 0);
    api = await openApi(world);
    ({ app, follower } = api);
  });
  afterEach(async () => {
    await api.close();
    await writer.close();
    await world.close();
  });

  const post = (payload: string, headers: Record<string, string> = {}, url = "/v1/streams/events/events") =>
    app.inject({ method: "POST", url, payload, headers: { "content-type": "application/json", ...headers } });
  const total = async () => {
    await writer.step();
    await writer.step();
    await follower.tick();
    const { data, meta } = (await app.inject("/v1/views/total")).json<{ data: unknown[]; meta: object }>();
    return { ...(data[0] as { n: number; s: string; k: string }), meta };
  };

  it("takes one event, an array of them, or lines, and returns the position after them", async () => {
    const one = await post('{"k":"a","x":1}');
    expect(one.statusCode).toBe(200);
    expect(one.json()).toMatchObject({ accepted: 1, refused: [] });
    expect(one.headers["tidemark-position"]).toMatch(/^events@\d:1$/);
    const many = '[\n {"k":"b, ]\\"[", "x": 12345678901234567890123456789012345678},\n{"k":"c","x":2}\n]';
    expect((await post(many)).json()).toMatchObject({ accepted: 2, refused: [] });
    const lines = await post('{"k":"z","x":3}\n\n{"k":"e","x":4}', { "content-type": "application/x-ndjson" });
    expect(lines.json()).toMatchObject({ accepted: 2 });
    expect(await total()).toMatchObject({ n: 5, k: "z" });
    expect((await app.inject("/v1/views/total")).body).toContain("12345678901234567890123456789012345688");
  });

  it("refuses invalid events, each with its reason, and takes the others", async () => {
    const found = (await post('[{"k":"a","x":1},{"k":"a"},7,{"k":"a","x":"y"},{"k":"b","x":2}]')).json<IngestReport>();
    expect(found).toMatchObject({ accepted: 2 });
    expect(found.refused).toEqual([
      { index: 1, reason: "x: required field is missing" },
      { index: 2, reason: "not a JSON object" },
      { index: 3, reason: "x: a text of 1 characters is not a DECIMAL(38,0)" },
    ]);
    expect((await post("[7]")).statusCode).toBe(422);
    expect(await total()).toMatchObject({ n: 2, s: 3, meta: { dead: 0 } });
  });

  it("counts a request once, however often it is sent, and whether its answer or its append was lost", async () => {
    const body = JSON.stringify(Array.from({ length: 40 }, (_, x) => ({ k: `k${x % 7}`, x })));
    const append = world.log.append.bind(world.log);
    let failures = 0;
    world.log.append = async (...args) => {
      if (args[0].name !== "events") return append(...args);
      failures++;
      // the answer is lost after the append, then the append itself
      if (failures === 1) await append(...args);
      if (failures <= 2) throw new TidemarkError("LOG_APPEND", "no answer");
      return append(...args);
    };
    for (let times = 0; times < 3; times++) {
      const answer = await post(body, { "idempotency-key": "order-1" });
      expect(answer.json()).toMatchObject({ accepted: 40 });
    }
    world.log.append = append;
    expect(failures).toBeGreaterThan(3);
    expect(await total()).toMatchObject({ n: 40, s: (39 * 40) / 2, meta: { duplicates: 40 * 3 } });
    await post(body, { "idempotency-key": "order-2" });
    await post(body);
    expect(await total()).toMatchObject({ n: 120 });
  });

  it("says what can't be done, and when to come again", async () => {
    expect((await post("{}", {}, "/v1/streams/none/events")).statusCode).toBe(404);
    expect((await post("{broken")).json()).toMatchObject({ status: 400, code: "USAGE" });
    expect((await post("x", { "content-type": "text/plain" })).statusCode).toBe(415);
    expect((await post("{}", { "idempotency-key": "a b" })).statusCode).toBe(400);
    expect((await post(`[${" ".repeat(17 << 20)}]`)).statusCode).toBe(413);
    for (const [type, body] of [
      ["application/json", `[${"7,".repeat(200_000)}7]`],
      ["application/x-ndjson", "7\n".repeat(200_001)],
      ["application/vnd.apache.arrow.stream", tableToIPC(tableFromArrays({ x: new Int8Array(200_001) }), "stream")],
    ] as const) {
      const many = await app.inject({
        method: "POST",
        url: "/v1/streams/events/events",
        headers: { "content-type": type },
        payload: typeof body === "string" ? body : Buffer.from(body),
      });
      expect([type, many.statusCode, many.body]).toEqual([type, 413, expect.stringContaining("at most 200000 events")]);
    }
    world.log.append = async () => {
      throw new TidemarkError("LOG_APPEND", "the disk is full");
    };
    const full = await post('{"k":"a","x":1}');
    expect(full.statusCode).toBe(503);
    expect(full.headers["retry-after"]).toBe("1");
    expect(full.json()).toMatchObject({ code: "LOG_APPEND" });
  });

  it("takes no more than it can hold", async () => {
    let go: () => void = () => undefined;
    const wait = new Promise<void>((resolve) => {
      go = resolve;
    });
    const append = world.log.append.bind(world.log);
    world.log.append = async (...args) => {
      await wait;
      return append(...args);
    };
    const large = JSON.stringify({ k: "a".repeat(12 << 20), x: 1 });
    const taken = Array.from({ length: 3 }, () => post(large));
    const early: Awaited<ReturnType<typeof post>>[] = [];
    await until(() => {
      taken.push(post('{"k":"a","x":1}'));
      void taken.at(-1)!.then((each) => early.push(each));
      return early.length > 0;
    });
    for (const { statusCode, headers } of early) expect([statusCode, headers["retry-after"]]).toEqual([429, "1"]);
    go();
    const codes = (await Promise.all(taken)).map(({ statusCode }) => statusCode);
    expect(codes.slice(0, 3)).toEqual([200, 200, 200]);
    expect(new Set(codes)).toEqual(new Set([200, 429]));
    expect((await post('{"k":"a","x":1}')).statusCode).toBe(200);
  });
});
