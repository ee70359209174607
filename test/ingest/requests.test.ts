/**
 * A request under its client's key: one effect, whatever of it could be taken the first time; another body
 * under it is refused, by every server.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Requests } from "../../ingest/requests.ts";
import { MemoryLog } from "../../shared/log/memory.ts";
import { newestVersion } from "../../shared/store/versions.ts";
import type { DeltaWriter } from "../../speed/delta-writer.ts";
import { World } from "../pipeline/world.ts";
import { type Api, openApi } from "../serving/api.ts";
import { stream } from "../support/view-case.ts";

const hour = 3_600_000;
const views = { all: "SELECT x, count(*) AS n FROM events GROUP BY x" };
const events = { ...stream("events", { k: "VARCHAR", x: "INTEGER" }), key: "k", partitions: 5 };

describe("Idempotency-Key", () => {
  let world: World;
  let writer: DeltaWriter;
  let apis: Api[];

  beforeEach(async () => {
    world = await World.open({ stream: events, views });
    await world.firstVersion();
    writer = await world.writer((await newestVersion(world.store))!, 0);
    apis = [await openApi(world), await openApi(world)];
  });
  afterEach(async () => {
    for (const api of apis) await api.close();
    await writer.close();
    await world.close();
  });

  const post = async (api: Api, key: string, payload: string | Buffer, type = "application/json") => {
    const headers = { "content-type": type, "idempotency-key": key };
    const answer = await api.app.inject({ method: "POST", url: "/v1/streams/events/events", payload, headers });
    return { status: answer.statusCode, ...answer.json<{ code?: string; accepted?: number }>() };
  };
  const counted = async () => {
    await writer.step();
    await writer.step();
    const api = await openApi(world);
    try {
      const { data } = (await api.app.inject("/v1/views/all?order=x")).json<{ data: { x: number; n: number }[] }>();
      return data.map(({ x, n }) => [x, n]);
    } finally {
      await api.close();
    }
  };
  const body = '[{"k":"a","x":1},{"k":"b","x":2},{"k":"c","x":3}]';

  const others: Readonly<Record<string, readonly [string, string?]>> = {
    "a value": ['[{"k":"a","x":1},{"k":"b","x":2},{"k":"c","x":4}]'],
    "keys of other partitions": ['[{"k":"q","x":7},{"k":"r","x":8},{"k":"s","x":9},{"k":"t","x":10},{"k":"u","x":11}]'],
    "another order": ['[{"k":"c","x":3},{"k":"b","x":2},{"k":"a","x":1}]'],
    "fewer events": ['[{"k":"a","x":1}]'],
    "more events": ['[{"k":"a","x":1},{"k":"b","x":2},{"k":"c","x":3},{"k":"d","x":4}]'],
    "another form": ['{"k":"a","x":1}\n{"k":"b","x":2}\n{"k":"c","x":3}', "application/x-ndjson"],
  };
  it("refuses another body, whatever differs and whichever server is asked, and then takes the first again", async () => {
    const askers: Readonly<Record<string, Api>> = { "the same server": apis[0]!, "another replica": apis[1]! };
    let sent = 0;
    for (const [what, [other, type]] of Object.entries(others)) {
      for (const who of [...Object.keys(askers), "a server that has just started"]) {
        const fresh = askers[who] ? null : await openApi(world);
        const asked = askers[who] ?? fresh!;
        const [one, two] = [`${what}, ${who}`, `${what}, ${who}, anew`].map((key) => key.replaceAll(" ", "-")) as [
          string,
          string,
        ];
        expect([one, await post(apis[0]!, one, body)]).toEqual([
          one,
          expect.objectContaining({ status: 200, accepted: 3 }),
        ]);
        const refused = { status: 422, code: "IDEMPOTENCY_REUSED" };
        expect([one, await post(asked, one, other, type)]).toEqual([one, expect.objectContaining(refused)]);
        expect([one, await post(asked, one, body)]).toEqual([
          one,
          expect.objectContaining({ status: 200, accepted: 3 }),
        ]);
        expect([two, await post(asked, two, other, type)]).toEqual([two, expect.objectContaining({ status: 200 })]);
        sent += 3 + other.split('"k"').length - 1;
        await fresh?.close();
      }
    }
    expect((await counted()).reduce((sum, [, n]) => sum + n!, 0)).toBe(sent);
  });

  it("of two bodies at once under one key, one is taken, by whichever server", async () => {
    for (let round = 0; round < 12; round++) {
      const sent = [0, 1, 2, 3].map((i) =>
        post(apis[i % 2]!, `race-${round}`, `[{"k":"k${i}","x":${100 * round + i}}]`),
      );
      const statuses = (await Promise.all(sent)).map(({ status }) => status).sort();
      expect(statuses).toEqual([200, 422, 422, 422]);
    }
    expect(await counted()).toHaveLength(12);
  });

  it("takes a key in quotes and bare for the same, and refuses an invalid one", async () => {
    expect(await post(apis[0]!, 'a"b\\c', body)).toMatchObject({ status: 200 });
    expect(await post(apis[1]!, '"a\\"b\\\\c"', body)).toMatchObject({ status: 200 });
    expect(await post(apis[1]!, '"a\\"b\\\\c"', "[]")).toMatchObject({ status: 200, accepted: 0 });
    for (const wrong of ["a b", '"a b"', "ä", '""', "x".repeat(201)])
      expect([wrong, await post(apis[0]!, wrong, body)]).toEqual([wrong, expect.objectContaining({ status: 400 })]);
    expect(await counted()).toEqual([1, 2, 3].map((x) => [x, 1]));
  });

  it("numbers what was sent: what is taken only the second time moves no number of the others", async () => {
    const wide = {
      ...events,
      fields: [
        { name: "k", type: "VARCHAR", nullable: false },
        { name: "x", type: "BIGINT", nullable: false },
      ],
    };
    const sent = '[{"k":"a","x":1},{"k":"a","x":3000000000},{"k":"a","x":4},{"k":"b","x":8},7,{"k":"a","x":9}]';
    expect(await post(apis[0]!, "widened", sent)).toMatchObject({ accepted: 4 });
    const before = await world.log.end({ name: "events", topic: "events", existing: true, partitions: 5 });
    await writer.close();
    await world.define(views, 1, wide);
    const manifest = await world.runBatch();
    writer = await world.writer(manifest, 0);
    const later = await openApi(world);
    apis.push(later);
    expect(await post(later, "widened", sent)).toMatchObject({ accepted: 5 });
    expect(before.reduce((sum, each) => sum + each, 0)).toBe(4);
    expect(await counted()).toEqual([1, 4, 8, 9, 3_000_000_000].map((x) => [x, 1]));
  });
});

describe("requests", () => {
  const registration = (fingerprint: string, partitions = 3) => ({ fingerprint, partitions, from: null });

  it("are decided by the log alone: the first record of an id is binding for a day, and later readers agree", async () => {
    let now = Date.parse("2026-03-01T00:00:00Z");
    const log = new MemoryLog(() => now);
    const open = () => new Requests(log, "flights", "/nowhere");
    const first = open();
    expect(await first.register("r", registration("A"))).toEqual({ ...registration("A"), first: true });
    expect(await first.register("r", registration("A", 9))).toEqual({ ...registration("A"), first: false });
    now += 24 * hour;
    const second = open();
    // known as long as the records appended under it are
    expect(await second.register("r", registration("B"))).toEqual({ ...registration("A"), first: false });
    now += 2 * hour;
    expect(await second.register("r", registration("B"))).toEqual({ ...registration("B"), first: true });
    for (const each of [first, second, open()]) {
      expect(await each.register("r", registration("A"))).toEqual({ ...registration("B"), first: false });
      await each.close();
    }
  });

  it("do not fill the log: expired registrations are trimmed, and a reader that was there reads on", async () => {
    let now = Date.parse("2026-03-01T00:00:00Z");
    const log = new MemoryLog(() => now);
    const [idle, busy] = [new Requests(log, "flights", "/nowhere"), new Requests(log, "flights", "/nowhere")];
    await idle.register("idle", registration("I"));
    for (let i = 0; i < 400; i++, now += hour / 4) await busy.register(`r${i}`, registration("X"));
    const stream = { name: "__requests", topic: "flights.__requests", existing: true, partitions: 4 };
    const [first, end] = [await log.first(stream), await log.end(stream)];
    const kept = end.reduce((sum, each, partition) => sum + each - first[partition]!, 0);
    expect(kept).toBeGreaterThanOrEqual(4 * 26);
    expect(kept).toBeLessThanOrEqual(4 * 30);
    expect(await idle.register("r399", registration("Y"))).toMatchObject({ fingerprint: "X", first: false });
    expect(await idle.register("idle", registration("J"))).toMatchObject({ fingerprint: "J", first: true });
    await idle.close();
    await busy.close();
  });

  it("ignore other records of the topic", async () => {
    const log = new MemoryLog();
    const requests = new Requests(log, "flights", "/nowhere");
    await requests.register("r", registration("A"));
    const stream = { name: "__requests", topic: "flights.__requests", existing: true, partitions: 4 };
    const strange = [
      "",
      "{",
      "7",
      "null",
      '{"request":"s"}',
      '{"request":"s","fingerprint":1,"partitions":3,"from":null}',
      null,
    ];
    const partitions = [0, 1, 2, 3];
    await log.append(
      stream,
      strange.flatMap((value) =>
        partitions.map((partition) => ({ partition, key: null, value: value === null ? null : Buffer.from(value) })),
      ),
    );
    expect(await requests.register("s", registration("B"))).toEqual({ ...registration("B"), first: true });
    expect(await requests.register("r", registration("B"))).toEqual({ ...registration("A"), first: false });
    await requests.close();
  });

  it("have a topic that Kafka takes, whatever the project is called, and another for each", async () => {
    const names = ["flights", "a b", "a_b", "漢字", "漢文", "x".repeat(300), "x".repeat(299), "", "../.."];
    const topics = new Set<string>();
    for (const name of names) {
      const log = new MemoryLog();
      const ensure = log.ensure.bind(log);
      log.ensure = (stream) => {
        topics.add(stream.topic);
        return ensure(stream);
      };
      const requests = new Requests(log, name, "/nowhere");
      await requests.register("r", registration("A"));
      await requests.close();
    }
    expect(topics.size).toBe(names.length);
    for (const topic of topics) expect(topic).toMatch(/^[a-zA-Z0-9._-]{1,249}$/);
  });
});
