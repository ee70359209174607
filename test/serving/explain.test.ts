/**
 * Why a number is what it is: shares, entries and events of every row, against what was sent; and what changed
 * between two positions.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { formatPosition, type Position } from "../../shared/position.ts";
import { newestVersion } from "../../shared/store/versions.ts";
import type { DeltaWriter } from "../../speed/delta-writer.ts";
import { catchUp, World } from "../pipeline/world.ts";
import { stream } from "../support/view-case.ts";
import { type Api, openApi } from "./api.ts";

// a field may be called as a part of its event's place is
const fields = { shop: "VARCHAR?", n: "BIGINT", big: "DECIMAL(38,0)?", t: "VARCHAR?" };
const sales = { ...stream("sales", fields), partitions: 2 };
const views = {
  shops: "SELECT shop, count(*) AS sales, avg(n) AS mean, max(big) AS big FROM sales WHERE n >= 0 GROUP BY shop",
  parts: "SELECT s.part, count(*) AS c FROM (SELECT n % 3 AS part, shop FROM sales WHERE n > 1) AS s GROUP BY s.part",
  total: "SELECT count(*) AS c, sum(n) AS s FROM sales",
  listed: "SELECT x, count(*) AS c FROM (SELECT unnest([n, n + 1]) AS x FROM sales) GROUP BY x",
  hidden: "SELECT count(*) AS c FROM sales GROUP BY shop",
};
const big = "12345678901234567890123456789012345678";
let world: World;
let writer: DeltaWriter;
let api: Api;
const sent: {
  readonly partition: number;
  readonly offset: number;
  readonly shop: string | null;
  readonly n: number;
}[] = [];
const positions: Position[] = [];

beforeAll(async () => {
  world = await World.open({ stream: sales, views });
  await world.firstVersion();
  await send(["a", 1], ["b", 2], ["a", 3], [null, 4], ["a", -5]);
  await world.runBatch();
  writer = await world.writer((await newestVersion(world.store))!, 0);
  await send(["a", 6], ["b", 7]);
  await catchUp(world, writer);
  await send(["c", 8], ["a", 9]);
  await catchUp(world, writer);
  api = await openApi(world);
});

afterAll(async () => {
  await api.close();
  await writer.close();
  await world.close();
});

async function send(...events: (readonly [string | null, number])[]): Promise<void> {
  const at = [0, 1].map((partition) => sent.filter((each) => each.partition === partition).length);
  for (const [shop, n] of events) sent.push({ partition: Math.abs(n) % 2, offset: at[Math.abs(n) % 2]!++, shop, n });
  await world.append(
    events.map(([shop, n]) => ({ partition: Math.abs(n) % 2, value: JSON.stringify({ shop, n, big }), valid: true })),
  );
  positions.push(world.end);
}

interface Explained {
  readonly row: Record<string, unknown> | null;
  readonly shares: { readonly batch: Record<string, unknown> | null; readonly speed: Record<string, unknown> | null };
  readonly batch: { readonly upto: string; readonly files: unknown[]; readonly version: number };
  readonly speed: { readonly entries: { readonly from: string; readonly upto: string }[] };
  readonly events?: {
    readonly data: { partition: number; offset: number; event: Record<string, unknown> }[];
    readonly next: number | null;
  };
}

const get = (url: string) => api.app.inject({ method: "GET", url: `/v1/${url}` });
const explain = async (query: string) => {
  const response = await get(`views/${query}`);
  expect(response.statusCode, response.body).toBe(200);
  return response.json<Explained>();
};
const refusal = async (url: string) => {
  const response = await get(url);
  return `${response.statusCode} ${response.json<{ detail: string }>().detail}`;
};

it("shows the shares of both layers and the entries that touch the row", async () => {
  const a = await explain("shops/explain?shop=eq.a");
  expect(a.row).toMatchObject({ shop: "a", sales: 4, mean: 4.75 });
  expect(a.shares.batch).toMatchObject({ shop: "a", sales: 2, mean: 2 });
  expect(a.shares.speed).toMatchObject({ shop: "a", sales: 2, mean: 7.5 });
  expect(a.batch).toMatchObject({ upto: formatPosition(positions[0]!), version: 1 });
  expect(a.batch.files).toHaveLength(1);
  expect(a.speed.entries).toHaveLength(2);
  const b = await explain("shops/explain?shop=eq.b");
  expect(b.speed.entries.map(({ from, upto }) => [from, upto])).toEqual([
    [formatPosition(positions[0]!), formatPosition(positions[1]!)],
  ]);
  const none = await explain("shops/explain?shop=eq.nobody");
  expect([none.row, none.shares.batch, none.shares.speed, none.speed.entries]).toEqual([null, null, null, []]);
  const total = await explain("total/explain");
  expect([total.row, total.shares.batch, total.shares.speed]).toEqual([
    { c: 9, s: 35 },
    { c: 5, s: 5 },
    { c: 4, s: 30 },
  ]);
  expect((await get("views/shops/explain?shop=eq.a")).body).toContain(`"big":${big}`);
});

it("names every event of every row, by its place", async () => {
  const rows = (await get("views/shops")).json<{ data: { shop: string | null; sales: number }[] }>().data;
  let named = 0;
  for (const { shop, sales: count } of rows) {
    const { events } = await explain(`shops/explain?shop=${shop === null ? "is.null" : `eq.${shop}`}&events=100`);
    const own = sent.filter((each) => each.shop === shop && each.n >= 0);
    expect(events!.data.map(({ partition, offset, event }) => [partition, offset, event.n]).sort()).toEqual(
      own.map(({ partition, offset, n }) => [partition, offset, n]).sort(),
    );
    expect(events!.data).toHaveLength(count);
    expect(events!.next).toBeNull();
    named += count;
  }
  expect(named).toBe(8);
  const [event] = (await explain("shops/explain?shop=eq.c&events=1")).events!.data;
  expect(Object.keys(event!.event)).toEqual(Object.keys(fields));
  const part = await explain("parts/explain?part=eq.0&events=100");
  expect(part.events!.data.map(({ event }) => event.n).sort()).toEqual(
    sent.filter(({ n }) => n > 1 && n % 3 === 0).map(({ n }) => n),
  );
  const listed = await explain("listed/explain?x=eq.4&events=100");
  expect(listed.events!.data.map(({ event }) => event.n).sort()).toEqual([3, 4]);
  const first = await explain("total/explain?events=4");
  expect(first.events!.next).toBe(4);
  const second = await explain("total/explain?events=4&after=4");
  const third = await explain("total/explain?events=4&after=8");
  const all = [first, second, third].flatMap(({ events }) =>
    events!.data.map(({ partition, offset }) => `${partition}:${offset}`),
  );
  expect(new Set(all).size).toBe(9);
  expect(third.events!.next).toBeNull();
});

it("shows what changed between two positions, and because of which offsets", async () => {
  const [from, , to] = positions.map(formatPosition);
  const all = (await get(`diff?from=${from}&to=${to}`)).json<{ skipped: string[]; views: { view: string }[] }>();
  expect([all.skipped, all.views.map(({ view }) => view)]).toEqual([["hidden"], ["shops", "parts", "total", "listed"]]);
  const shops = (await get(`diff?from=${from}&to=${to}&view=shops`)).json<{
    ranges: unknown;
    views: { groups: number; rows: Record<string, unknown>[] }[];
  }>();
  expect(shops.ranges).toEqual([
    { stream: "sales", partition: 0, from: 2, upto: 4 },
    { stream: "sales", partition: 1, from: 3, upto: 5 },
  ]);
  expect(shops.views[0]!.groups).toBe(3);
  expect(shops.views[0]!.rows).toMatchObject([
    {
      key: { shop: "a" },
      before: { sales: 2, mean: 2 },
      after: { sales: 4, mean: 4.75 },
      events: 2,
      offsets: ["0:2", "1:4"],
    },
    { key: { shop: "b" }, before: { sales: 1 }, after: { sales: 2 }, events: 1, offsets: ["1:3"] },
    { key: { shop: "c" }, before: null, after: { sales: 1 }, events: 1, offsets: ["0:3"] },
  ]);
  const total = (await get(`diff?from=${from}&to=${to}&view=total`)).json<{ views: { rows: unknown[] }[] }>();
  expect(total.views[0]!.rows).toMatchObject([{ key: {}, before: { c: 5 }, after: { c: 9 }, events: 4 }]);
  const nothing = (await get(`diff?from=${to}&to=${to}&view=shops`)).json<{ views: { rows: unknown[] }[] }>();
  expect(nothing.views[0]!.rows).toEqual([]);
});

it.each([
  ["views/shops/explain", '400 one row of view "shops" is named by its group keys; write shop=eq.…'],
  ["views/shops/explain?shop=gt.a", '400 one row of view "shops" is named by its group keys; write shop=eq.…'],
  [
    "views/shops/explain?shop=eq.a&sales=eq.1",
    '400 one row of view "shops" is named by its group keys; write shop=eq.…',
  ],
  ["views/shops/explain?shop=eq.a&events=0", "400 events=0 is not a whole number from 1 to 1000; write events=100"],
  [
    "views/shops/explain?shop=eq.a&events=1&after=x",
    "400 after=x is not a whole number from 0 to 1000000000000; write after=100",
  ],
  [
    "views/hidden/explain",
    '400 rows of view "hidden" can\'t be identified: it does not show all its group keys; show them',
  ],
  ["views/nothing/explain", '404 there is no view "nothing"; there are: shops, parts, total, listed, hidden'],
  ["diff?from=sales@0:4,1:5&to=sales@0:1", "400 to does not cover from; give the earlier position as from"],
  [
    "diff?from=sales@0:1&to=sales@0:99&view=shops",
    "400 sales@0:99,1:0 is beyond the log's end; the log ends at sales@0:4,1:5",
  ],
  ["diff?from=x&to=y", "400 "],
  ["diff?from=sales@0:1", "400 querystring must have required property 'to'; see /openapi.json"],
])("%s is refused", async (url, why) => {
  expect(await refusal(url)).toMatch(new RegExp(`^${why.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`));
});
