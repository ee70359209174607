/**
 * Events as CloudEvents and as Arrow: what arrives is what was sent, once, and what can't be read is refused
 * with its place and reason.
 */
import {
  Bool,
  DateDay,
  Decimal,
  Dictionary,
  Float64,
  Int32,
  Int64,
  makeData,
  makeVector,
  Table,
  TimestampMicrosecond,
  tableToIPC,
  Utf8,
  Vector,
  vectorFromArray,
} from "apache-arrow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { arrowEvents } from "../../ingest/http/arrow-events.ts";
import { newestVersion } from "../../shared/store/versions.ts";
import type { DeltaWriter } from "../../speed/delta-writer.ts";
import { World } from "../pipeline/world.ts";
import { type Api, openApi } from "../serving/api.ts";
import { stream } from "../support/view-case.ts";

const events = {
  ...stream("events", { k: "VARCHAR", n: "BIGINT?", d: "DECIMAL(38,2)?", t: "TIMESTAMP?" }),
  partitions: 3,
};

describe("events come as", () => {
  let world: World;
  let writer: DeltaWriter;
  let api: Api;

  beforeAll(async () => {
    world = await World.open({
      stream: events,
      views: { all: "SELECT k, count(*) AS c, max(n) AS n, max(d) AS d, max(t) AS t FROM events GROUP BY k" },
    });
    await world.firstVersion();
    writer = await world.writer((await newestVersion(world.store))!, 0);
    api = await openApi(world);
  });
  afterAll(async () => {
    await api.close();
    await writer.close();
    await world.close();
  });

  const post = async (type: string, payload: string | Uint8Array, headers: Record<string, string> = {}) => {
    const response = await api.app.inject({
      method: "POST",
      url: "/v1/streams/events/events",
      payload: typeof payload === "string" ? payload : Buffer.from(payload),
      headers: { "content-type": type, ...headers },
    });
    return {
      status: response.statusCode,
      ...response.json<{ accepted: number; refused: { index: number; reason: string }[]; detail?: string }>(),
    };
  };
  const rowOf = async (k: string) => {
    for (let i = 0; i < 3; i++) await writer.step();
    await api.follower.tick();
    return (await api.app.inject(`/v1/views/all?k=eq.${k}`)).body;
  };
  const cloud = (id: string, data: string, more = "") =>
    `{"specversion":"1.0","id":"${id}","source":"/test","type":"x"${more},"data":${data}}`;

  it("a structured CloudEvent, every digit kept, counted once however often it comes", async () => {
    const sent = cloud(
      "1",
      '{"k":"ce","n":9223372036854775807, "d":123456789012345678901234567890123456.25}',
      ',"time":"2026-01-01T00:00:00Z","k":"not this"',
    );
    for (let i = 0; i < 3; i++)
      expect(await post("application/cloudevents+json; charset=utf-8", sent)).toMatchObject({
        status: 200,
        accepted: 1,
      });
    expect(await rowOf("ce")).toContain('"c":1,"n":9223372036854775807,"d":123456789012345678901234567890123456.25');
    const packed = `{"specversion":"1.0","id":"2","source":"/test","type":"x","data_base64":"${Buffer.from('{"k":"b64"}').toString("base64")}"}`;
    expect(await post("application/cloudevents+json", packed)).toMatchObject({ accepted: 1 });
    expect(await rowOf("b64")).toContain('"c":1');
  });

  it("a batch of them, of which some are none", async () => {
    const batch = `[${cloud("b1", '{"k":"batch"}')}, ${cloud("b1", '{"k":"batch"}')},{"id":"x"},7,${cloud("b2", '{"k":8}')},${cloud("b3", '{"k":"batch"}')},{"specversion":"0.3","id":"1","source":"s","type":"t","data":{}},{"specversion":"1.0","id":"1","source":"s","type":"t"}]`;
    const { accepted, refused } = await post("application/cloudevents-batch+json", batch);
    expect([accepted, refused]).toEqual([
      3,
      [
        { index: 2, reason: "it is not a CloudEvent: specversion is missing" },
        { index: 3, reason: "it is not a CloudEvent: it is not an object" },
        { index: 4, reason: "k: a number of 1 characters is not a VARCHAR" },
        { index: 6, reason: "CloudEvents version 0.3 is not supported; 1.0 is" },
        { index: 7, reason: "the CloudEvent has no data" },
      ],
    ]);
    await post(
      "application/cloudevents-batch+json",
      `[${cloud("b3", '{"k":"batch"}')},${cloud("b4", '{"k":"batch"}')}]`,
    );
    expect(await rowOf("batch")).toContain('"c":3');
    expect(await post("application/cloudevents-batch+json", cloud("1", "{}"))).toMatchObject({
      status: 400,
      detail: expect.stringMatching(/must be a JSON array/) as string,
    });
  });

  it("a binary CloudEvent", async () => {
    const headers = { "ce-specversion": "1.0", "ce-id": "%E2%82%AC", "ce-source": "/test", "ce-type": "x" };
    for (let i = 0; i < 2; i++)
      expect(await post("application/json", '{"k":"binary"}', headers)).toMatchObject({ accepted: 1 });
    expect(await rowOf("binary")).toContain('"c":1');
    expect(await post("application/json", '{"k":"binary"}', { "ce-specversion": "1.0", "ce-id": "1" })).toMatchObject({
      status: 422,
      refused: [{ index: 0, reason: "it is not a CloudEvent: source is missing" }],
    });
  });

  it("Arrow, every digit kept", async () => {
    const micros = 1767225600123456n;
    const table = new Table({
      k: vectorFromArray(["arrow", "arrow", "arrow"], new Dictionary(new Utf8(), new Int32())),
      n: vectorFromArray([1n, 9223372036854775807n, null], new Int64()),
      d: new Vector([
        makeData({
          type: new Decimal(2, 38, 128),
          length: 3,
          nullCount: 0,
          data: new Uint32Array([5, 0, 0, 0, 4294967295, 4294967295, 4294967295, 4294967295, 1, 1, 1, 1]),
        }),
      ]),
      t: new Vector([
        makeData({
          type: new TimestampMicrosecond(),
          length: 3,
          nullCount: 0,
          data: new BigInt64Array([micros, -1n, 0n]),
        }),
      ]),
    });
    expect(await post("application/vnd.apache.arrow.stream", tableToIPC(table, "stream"))).toMatchObject({
      status: 200,
      accepted: 3,
      refused: [],
    });
    expect(await rowOf("arrow")).toContain(
      '"c":3,"n":9223372036854775807,"d":792281625327110816715484692.49,"t":"2026-01-01 00:00:00.123456"',
    );
  });

  it.each([
    ["application/vnd.apache.arrow.stream", "no arrow", 400, /not a readable Arrow IPC stream/],
    ["application/cloudevents+json", "{", 400, /is not JSON/],
    ["text/plain", "x", 415, /content type is not accepted/],
    ["application/xml", "<x/>", 415, /content type is not accepted/],
  ])("not as %s of %s", async (type, payload, status, why) => {
    expect(await post(type, payload)).toMatchObject({ status, detail: expect.stringMatching(why) as string });
  });
});

it("not Arrow that ends before its schema, wherever it is cut", () => {
  const whole = Buffer.from(tableToIPC(new Table({ k: vectorFromArray(["a"]) }), "stream"));
  const schemaEnd = 8 + whole.readInt32LE(4);
  expect(() => arrowEvents(whole.subarray(0, schemaEnd), anything, 10)).not.toThrow();
  for (let length = 0; length < schemaEnd; length++)
    expect(() => arrowEvents(whole.subarray(0, length), anything, 10), `${length} bytes`).toThrow(
      /^the body is not a readable Arrow IPC stream: (?!.*undefined)/,
    );
});

/** Every column, as it is. */
const anything = { ...stream("anything", { x: "VARCHAR?" }), upcast: "event" };

it("writes every type of Arrow's that an event can have", () => {
  const texts = (columns: Record<string, Vector>) =>
    arrowEvents(Buffer.from(tableToIPC(new Table(columns), "stream")), anything, 1000).map((each) =>
      "value" in each ? each.value.toString() : each.reason,
    );
  expect(
    texts({ b: vectorFromArray([true, null], new Bool()), 'f "': vectorFromArray([1.5, Number.NaN], new Float64()) }),
  ).toEqual(['{"b":true,"f \\"":1.5}', '{"b":null,"f \\"":"NaN"}']);
  expect(texts({ d: vectorFromArray([new Date("2026-02-03")], new DateDay()) })).toEqual(['{"d":"2026-02-03"}']);
  const bytes = makeVector(new Uint8Array([1, 255]));
  expect(texts({ u: bytes })).toEqual(['{"u":1}', '{"u":255}']);
});

it("does not unfold more than it may", () => {
  const long = "x".repeat(1 << 20);
  const table = new Table({
    k: vectorFromArray(
      Array.from({ length: 200 }, () => long),
      new Dictionary(new Utf8(), new Int32()),
    ),
  });
  const body = Buffer.from(tableToIPC(table, "stream"));
  expect(body.length).toBeLessThan(2 << 20);
  expect(() => arrowEvents(body, anything, 10_000_000)).toThrow(/larger than one request may be/);
});
