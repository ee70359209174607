/** The client against a real server on a socket. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { typesText } from "../../cli/types-text.ts";
import { ApiError, type Change, type Client, connect } from "../../serving/client/client.ts";
import { parseExactly } from "../../serving/client/numbers.ts";
import { furthest } from "../../serving/client/positions.ts";
import { queryOf } from "../../serving/client/question.ts";
import { newestVersion } from "../../shared/store/versions.ts";
import type { DeltaWriter } from "../../speed/delta-writer.ts";
import { World } from "../pipeline/world.ts";
import { type Api, openApi } from "../serving/api.ts";
import { stream } from "../support/view-case.ts";

const sales = {
  ...stream("sales", {
    shop: "VARCHAR?",
    n: "BIGINT",
    price: "DECIMAL(38,3)?",
    tags: "VARCHAR[]?",
    at: 'STRUCT(x DOUBLE, "a b" DATE)?',
  }),
  partitions: 2,
};
const sql = {
  shops:
    "SELECT shop, count(*) AS sales, sum(n) AS total, max(price) AS dearest, avg(n) AS mean FROM sales GROUP BY shop",
  "by tag": 'SELECT tag, count(*) AS "how many" FROM (SELECT unnest(tags) AS tag FROM sales) GROUP BY tag',
};

interface Views {
  shops: {
    row: {
      shop: string | null;
      sales: number | bigint;
      total: number | bigint;
      dearest: number | bigint | string | null;
      mean: number;
    };
    key: "shop";
  };
  "by tag": { row: { tag: string | null; "how many": number }; key: "tag" };
}
interface Streams {
  sales: { shop?: string | null; n: number | bigint; price?: number | string | null; tags?: string[] };
}

describe("the client", () => {
  let world: World;
  let writer: DeltaWriter;
  let api: Api;
  let url: string;
  let client: Client<Views, Streams>;
  const running = new AbortController();
  let pump: Promise<void>;

  beforeAll(async () => {
    world = await World.open({ stream: sales, views: sql });
    await world.firstVersion();
    writer = await world.writer((await newestVersion(world.store))!, 0);
    api = await openApi(world, { waitMsMax: 5000 });
    url = await api.app.listen({ host: "127.0.0.1", port: 0 });
    client = connect<Views, Streams>({ url });
    pump = (async () => {
      while (!running.signal.aborted) {
        await writer.step();
        await api.follower.tick();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
  });

  afterAll(async () => {
    running.abort();
    await pump;
    await api.close();
    await writer.close();
    await world.close();
  });

  it("reads what it has written, with every digit", async () => {
    const changes = client.view("shops").changes({ signal: running.signal });
    const first = await changes.next();
    expect((first.value as Change<object>).event).toBe("reset");
    const big = 9223372036854775807n;
    const { accepted, refused, position } = await client.stream("sales").append([
      { shop: "a", n: big, price: "12345678901234567890123456789012345.125", tags: ["x", "y"] },
      { shop: "a", n: 0 },
      { shop: null, n: 3, tags: ["x"] },
      { shop: "b", n: "four" as unknown as number },
    ]);
    expect([accepted, refused.map(({ index }) => index)]).toEqual([3, [3]]);
    const { data, meta } = await client.view("shops").rows({ where: { shop: "a" } });
    expect(meta.position).toBe(position);
    expect(data).toEqual([
      { shop: "a", sales: 2, total: big, dearest: "12345678901234567890123456789012345.125", mean: Number(big) / 2 },
    ]);
    const change = (await changes.next()).value as Change<Views["shops"]["row"]>;
    expect(change.event).toBe("rows");
    expect(change.rows.find((row) => row.shop === "a")?.total).toBe(big);
    expect(await client.view("shops").get({ shop: null })).toMatchObject({ sales: 1, total: 3 });
    expect(await client.view("shops").get({ shop: "missing" })).toBeNull();
    expect((await client.view("by tag").rows({ select: ["how many"], order: ["tag.asc"] })).data).toEqual([
      { "how many": 2 },
      { "how many": 1 },
    ]);
    const table = await client.view("shops").arrow({ order: ["shop.asc.nullslast"] });
    expect(table.getChild("shop")?.toJSON()).toEqual(["a", null]);
    const why = await client
      .view("shops")
      .explain<{ events: { data: { event: { n: unknown } }[] } }>({ shop: "a" }, { events: 10 });
    expect(why.events.data.map(({ event }) => event.n)).toEqual([big, 0]);
  });

  it("receives rows with any text in them", async () => {
    const changes = client.view("shops").changes({ signal: running.signal });
    await changes.next();
    const shop = "line\u2028 and \u2029 and \r\n: x";
    await client.stream("sales").append({ shop, n: 5 });
    for (;;) {
      const { value } = (await changes.next()) as { value: Change<Views["shops"]["row"]> };
      if (value.rows.some((row) => row.shop === shop)) break;
    }
    await changes.return(undefined);
  });

  it("sends the position it has seen, and throws the reason of a refusal", async () => {
    const other = connect<Views, Streams>({ url });
    other.see(client.position);
    expect(other.position).toBe(client.position);
    expect((await other.views()).data.map(({ name }) => name)).toEqual(["shops", "by tag"]);
    const noView = client.view("missing" as "shops").rows();
    await expect(noView).rejects.toThrow(ApiError);
    await expect(noView).rejects.toMatchObject({ status: 404, code: "VIEW_UNKNOWN" });
    expect(await client.stream("sales").append([{ n: "x" as unknown as number }])).toMatchObject({
      accepted: 0,
      refused: [{ index: 0 }],
    });
  });

  it("comes again where the server is busy, and under one key there is one effect", async () => {
    let calls = 0;
    const flaky: typeof fetch = async (...args) => {
      calls++;
      if (calls === 1) return new Response("{}", { status: 503, headers: { "retry-after": "0" } });
      const response = await fetch(...args);
      // the answer is lost on its way
      if (calls === 2) throw new TypeError("fetch failed");
      return response;
    };
    const flakyClient = connect<Views, Streams>({ url, fetch: flaky });
    await flakyClient.stream("sales").append({ shop: "once", n: 1 }, { idempotencyKey: "k1" });
    expect(calls).toBe(3);
    await flakyClient.stream("sales").append({ shop: "once", n: 1 }, { idempotencyKey: "k1" });
    expect(await flakyClient.view("shops").get({ shop: "once" })).toMatchObject({ sales: 1 });
  });

  it("reads a stream's events over connections that break, each once", async () => {
    const { position: start } = await client.stream("sales").append({ shop: "start", n: 0 });
    let calls = 0;
    const breaking: typeof fetch = async (...args) => {
      calls++;
      const response = await fetch(...args);
      if (!response.body || calls > 2) return response;
      // the connection ends in the middle of an event
      let left = 420;
      const cut = new TransformStream<Uint8Array, Uint8Array>({
        transform: (chunk, controller) => {
          if (chunk.length > left) throw new TypeError("terminated");
          left -= chunk.length;
          controller.enqueue(chunk.slice());
        },
      });
      return new Response(response.body.pipeThrough(cut), response);
    };
    const numbers = Array.from({ length: 12 }, (_, n) => n);
    for (const n of numbers) await client.stream("sales").append({ shop: "many", n, price: "0.100" });
    const reader = connect<Views, Streams>({ url, fetch: breaking });
    const found: number[] = [];
    let last = "";
    for await (const { event, position, partition, offset } of reader.stream("sales").events({ from: start })) {
      if (event.shop !== "many") continue;
      found.push(Number(event.n));
      // rows that are read next contain it
      expect(reader.position).toContain(`${partition}:${offset + 1}`);
      last = position;
      if (found.length === numbers.length) break;
    }
    expect(calls).toBeGreaterThan(1);
    expect(found.sort((a, b) => a - b)).toEqual(numbers);
    const none = reader.stream("sales").events({ from: last, upto: last });
    expect(await none.next()).toEqual({ done: true, value: undefined });
    const some = [];
    for await (const { event } of reader.stream("sales").events({ from: start, limit: 2 })) some.push(event);
    expect(some).toHaveLength(2);
    await expect(reader.stream("sales").events({ from: "sales@0:99999" }).next()).rejects.toMatchObject({
      status: 400,
    });
  });

  it("writes types of views and streams", () => {
    const text = typesText(world.definition);
    expect(text).toContain(
      '  "by tag": {\n    row: {\n      tag: string | null;\n      "how many": number | bigint | null;\n    };\n    key: "tag";\n  };\n',
    );
    expect(text).toContain(
      '    at?: { x: number | "NaN" | "Infinity" | "-Infinity" | null; "a b": string | null } | null;\n',
    );
    expect(text).toContain("    tags?: (string | null)[] | null;\n");
  });
});

it.each<[string, unknown]>([
  ['{"a":9007199254740993}', { a: 9007199254740993n }],
  ['{"a":9007199254740991,"b":-1.5e300,"c":0.1}', { a: 9007199254740991, b: -1.5e300, c: 0.1 }],
  ["[3.3333333333333335,1e21,123456789012345680000]", [3.3333333333333335, 1e21, 123456789012345680000n]],
  ['{"a":12345678901234567890.1250}', { a: "12345678901234567890.1250" }],
  [
    '{"a":"9007199254740993","b":"\\\\\\"12345678901234567890"}',
    { a: "9007199254740993", b: '\\"12345678901234567890' },
  ],
  ['{"a":0.10000000000000000}', { a: 0.1 }],
  ['{"a":0.000000000000000000,"b":-0.0000000000000000}', { a: 0, b: -0 }],
])("%s keeps its digits", (text, expected) => expect(parseExactly(text)).toEqual(expected));

it.each([
  ["", "a@0:1", "a@0:1"],
  ["a@0:1,1:5", "a@0:2,1:3", "a@0:2,1:5"],
  ["a@0:1", "b@1:7", "a@0:1;b@1:7"],
])("%s and %s cover %s", (a, b, expected) => expect(furthest(a, b)).toBe(expected));

it.each([
  [{ where: { a: 1 } }, "?a=eq.1"],
  [{ where: { a: null, b: { gte: 2n, lt: "x&y" } } }, "?a=is.null&b=gte.2&b=lt.x%26y"],
  [{ where: { a: { in: ["x,y", 'q"'] } } }, "?a=in.%28%22x%2Cy%22%2C%22q%5C%22%22%29"],
  [
    { by: ["carrier", "hour.day"], select: ["n ü"], order: ["n.desc"], limit: 3, offset: 0 },
    "?by=carrier%2Chour.day&select=%22n+%C3%BC%22&order=n.desc&limit=3&offset=0",
  ],
  [{ where: { at: new Date("2026-01-02T03:04:05Z") } }, "?at=eq.2026-01-02T03%3A04%3A05.000Z"],
])("question %# as a query string", (question, expected) => expect(queryOf(question as never)).toBe(expected));
