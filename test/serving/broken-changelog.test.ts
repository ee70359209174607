/**
 * A row of a changelog that goes without having come: groups of which more went than came have no number, in no
 * question and in no coarser group, and the record that does it is an incident for as long as it does.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { Sandbox } from "../../serving/sql/sandbox.ts";
import { formatPosition } from "../../shared/position.ts";
import { incidentsIn } from "../../shared/store/incidents.ts";
import { newestVersion } from "../../shared/store/versions.ts";
import type { DeltaWriter } from "../../speed/delta-writer.ts";
import { Customers, customerViews, ofCustomers, verdictsOf } from "../pipeline/customers.ts";
import { catchUp, World } from "../pipeline/world.ts";
import { someOf } from "../support/share.ts";
import { until } from "../support/until.ts";
import { type Api, openApi } from "./api.ts";
import { handOver } from "./hand-over.ts";
import { askWorld } from "./sandbox/ask-world.ts";

/** Views with the keys `city` and `age`, which show a measure `n`: the more rows, the larger it is. */
const keyed = {
  finest: "SELECT city, age, count(*) AS n FROM customers GROUP BY city, age",
  summed: "SELECT city, age, sum(id + 1) AS n FROM customers GROUP BY city, age",
  values: "SELECT city, age, count(DISTINCT id) AS n, median(score) AS middle FROM customers GROUP BY city, age",
  doubles: "SELECT city, age, sum(score + 1) AS n FROM customers GROUP BY city, age",
  passing: "SELECT city, age, count(*) AS n FROM customers GROUP BY city, age HAVING count(*) < 100",
  joined: `SELECT c.city, age, count(region) AS n FROM customers c JOIN regions r ON c.city = r.city GROUP BY ALL`,
  inside: "SELECT city, age, count(*) AS n FROM (SELECT * FROM customers WHERE id >= 0) GROUP BY city, age",
};
const sets = {
  rollup: "SELECT city, age, count(*) AS n FROM customers GROUP BY ROLLUP (city, age)",
  apart: "SELECT city, age, max(score) AS n FROM customers GROUP BY GROUPING SETS ((city), (age), ())",
};
const rolled = () => kinds.filter((view) => view in keyed);
const hidden = { hidden: "SELECT city, count(*) AS n FROM customers GROUP BY city, age" };
/** The kinds that are asked. */
const kinds = ["finest", ...someOf(Object.keys(keyed).slice(1), 2), ...someOf(Object.keys(sets), 1)];
const lone = { id: 4, city: "Rome", age: 64, score: 0.5 };

let world: World;
let api: Api;
let table: Customers;
let sandbox: Sandbox;
let offset: number;
const writers: DeltaWriter[] = [];

beforeAll(async () => {
  const asked = Object.fromEntries(Object.entries({ ...keyed, ...sets }).filter(([view]) => kinds.includes(view)));
  const { customers, cities, total } = customerViews;
  world = await World.open({ ...ofCustomers, views: { customers, cities, total, ...asked, ...hidden } });
  table = new Customers(world, Math.random);
  writers.push(await world.writer(await world.firstVersion(), 0));
  api = await openApi(world, { models: true });
  sandbox = await Sandbox.open();
  for (const [id, city, age] of [
    [0, "Rome", 31],
    [1, "Rome", 31],
    [2, "Oslo", 64],
    [3, "Oslo", 64],
    [5, "Bern", 31],
    [6, null, null],
  ] as const)
    await table.put(id, { id, city, age, score: 0.5 });
  await follow();
}, 60_000);
afterAll(async () => {
  await api.close();
  for (const writer of writers) await writer.close();
  await world.close();
});

const get = (url: string) => api.app.inject({ url: `/v1/${url}` });

async function follow(): Promise<void> {
  await catchUp(world, writers.at(-1)!);
  await api.follower.tick();
  await api.models!.poll();
}

async function statusOf(url: string): Promise<string> {
  const response = await get(`views/${url}`);
  const { code, detail, data } = response.json();
  return response.statusCode === 200 ? `200 ${data.length}` : `${response.statusCode} ${code} ${detail}`;
}

const failed = /^503 SERVE_VIEW_FAILED .*a row of customers went that had not come/;
const ofAll = [
  "",
  "n=gt.0",
  "n=lt.0",
  "n=not.is.null",
  "select=city",
  "select=n",
  "order=n.desc&limit=1",
  "or=(n.gt.0,n.lt.9)",
];
const coarser = ["by=", "by=city", "by=age", "by=city,age", "by=city&n=gt.0", "by=age&n=gt.0", "by=&n=gt.0"];
const ofBad = ["city=eq.Rome", "age=eq.64", "city=eq.Rome&n=gt.0", "city=eq.Rome&by=", "age=eq.64&by=city"];
const ofGood: readonly (readonly [string, number])[] = [
  ["city=eq.Bern", 1],
  ["city=is.null", 1],
  ["city=eq.Rome&age=eq.31", 1],
  ["city=eq.Bern&by=", 1],
  ["age=eq.31&by=city", 2],
  ["by=age&city=in.(Bern)", 1],
];

const forms = ["text/csv", "application/vnd.apache.parquet", "application/vnd.apache.arrow.stream"];

/** @param few of each sort of question, where not all are asked */
async function expectRefused(views: readonly string[], few: number): Promise<void> {
  for (const view of views) {
    if (view in sets) {
      for (const query of someOf(ofAll, few)) expect(await statusOf(`${view}?${query}`), view).toMatch(failed);
      continue;
    }
    const wrong = [someOf(ofAll, few), someOf(coarser, few), someOf(ofBad, few), "city=eq.Rome&age=eq.64"].flat();
    for (const query of wrong) expect(await statusOf(`${view}?${query}`), `${view}?${query}`).toMatch(failed);
    for (const [query, rows] of someOf(ofGood, few))
      if (view !== "joined" || !query.includes("null"))
        expect(await statusOf(`${view}?${query}`), `${view}?${query}`).toBe(`200 ${rows}`);
    for (const accept of someOf(forms, 1))
      expect((await api.app.inject({ url: `/v1/views/${view}?n=gt.0`, headers: { accept } })).statusCode).toBe(503);
  }
  for (const query of someOf(["", "n=gt.0", "city=eq.Rome", "by=city", "by=city&n=gt.0"], few))
    expect(await statusOf(`hidden?${query}`), query).toMatch(failed);
  expect(await statusOf("hidden?by=city&city=eq.Oslo")).toBe("200 1");
  expect(await statusOf("customers?id=eq.4")).toMatch(failed);
  expect(await statusOf("customers?id=eq.2")).toBe("200 1");
}

it("has a number of all groups while all rows had come", async () => {
  for (const view of rolled()) expect(await statusOf(`${view}?by=`)).toBe("200 1");
  expect(await statusOf("hidden?by=city")).toBe("200 4");
});

it("shows no number of them, nor of what they are part of", async () => {
  offset = world.end.customers![0]!;
  await table.record(lone, null);
  await follow();
  await expectRefused(kinds, 2);
});

it("nor in SQL, however it filters", async () => {
  const refused = /^SERVE_VIEW_FAILED: .*(went that had not come|has no value for one of the query's groups)/;
  for (const view of rolled()) {
    for (const sql of someOf(
      [
        `SELECT sum(n) FROM ${view} WHERE n > 0`,
        `SELECT count(*) FROM ${view}`,
        `SELECT max(n) FROM ${view} WHERE n <> 7`,
        `SELECT a.n FROM ${view} a JOIN finest b ON a.n = b.n AND a.n > 0`,
        `SELECT MEASURE(n) FROM ${view}`,
        `SELECT city, MEASURE(n) AS m FROM ${view} GROUP BY city HAVING MEASURE(n) > 0`,
        `SELECT MEASURE(n) FROM ${view} WHERE age = 64`,
      ],
      3,
    ))
      expect(await askWorld(world, sandbox, sql), sql).toMatch(refused);
    expect(await askWorld(world, sandbox, `SELECT count(*) AS c FROM ${view} WHERE city = 'Bern'`)).toBe("c\r\n1\r\n");
    // where HAVING hides groups, all of them are needed to know which
    if (view === "passing") continue;
    expect(await askWorld(world, sandbox, `SELECT MEASURE(n) > 0 AS c FROM ${view} WHERE city = 'Bern'`)).toBe(
      "c\r\ntrue\r\n",
    );
  }
}, 60_000);

it("names the record, the stream and its key in an incident, and the views in status and readiness", async () => {
  await api.health.check();
  const [incident, ...others] = (await incidentsIn(world.store)).filter(({ kind }) => kind === "changelog-broken");
  expect(others).toEqual([]);
  expect(incident).toMatchObject({ role: "serve", subject: "customers", streams: ["customers"] });
  expect(incident!.message).toContain(
    `a row of customers went that had not come, with the key id (BIGINT), by partition 0 offset ${offset};`,
  );
  expect(incident!.message).toMatch(/\(.*cities.* may be short of it\)/);
  expect((await incidentsIn(world.store)).filter(({ kind }) => kind === "view-failed")).toEqual([]);
  expect((await get("status")).json().incidents).toContainEqual(expect.objectContaining({ kind: "changelog-broken" }));
  for (const view of [...kinds, "cities"])
    expect((await api.app.inject({ url: `/readyz?view=${view}` })).statusCode, view).toBe(503);
  expect((await api.app.inject({ url: "/metrics" })).body).toMatch(/tidemark_incident\{.*kind="changelog-broken"/);
});

it("is the group's failure in explain, diff and verify", async () => {
  const explained = (await get("views/finest/explain?city=eq.Rome&age=eq.64&events=5")).json();
  expect([explained.row, explained.failed.row]).toEqual([null, "a row of customers went that had not come"]);
  expect(explained.events.data.map((event: { offset: number }) => event.offset)).toContain(offset);
  const before = formatPosition((await newestVersion(world.store))!.cut);
  const diff = (await get(`diff?from=${before}&to=${formatPosition(api.follower.position)}&view=finest`)).json();
  const [own] = diff.views[0].rows.filter((each: { failed?: string[] }) => each.failed);
  expect(own).toMatchObject({ before: null, after: null, failed: ["after"], offsets: [`0:${offset}`] });
  for (const { view, failed, differences } of await verdictsOf(world)) {
    if (kinds.includes(view)) expect(failed, view).toMatch(/went that had not come/);
    else if (failed === null && view !== "total") expect(differences, view).not.toEqual([]);
  }
});

it("of one layer alone, neither: batch's rows are as they were, speed's are no answer", async () => {
  expect(await statusOf("finest?layer=batch")).toBe("200 0");
  expect(await statusOf("finest?layer=speed")).toMatch(/^400 USAGE .*follows rows that change/);
  expect(await statusOf("finest?layer=speed&by=")).toMatch(/^400 USAGE/);
});

it("is so after a batch, whose version says so, too", async () => {
  writers.push(await handOver(world, api, () => api.models!.poll()));
  const manifest = (await newestVersion(world.store))!;
  expect(manifest.views.finest!.failing!.groups).toHaveLength(1);
  const found = (await incidentsIn(world.store)).filter(({ role }) => role === "batch");
  expect(found.map(({ kind, subject }) => [kind, subject])).toEqual([["changelog-broken", "customers"]]);
  expect(found[0]!.message).toContain(`by partition 0 offset ${offset};`);
  await expectRefused(someOf(kinds, 1), 1);
  expect(await statusOf("finest?layer=batch")).toMatch(failed);
  expect(await statusOf("finest?layer=batch&by=")).toMatch(failed);
});

it("is over once the row has come", async () => {
  await table.record(null, lone);
  await follow();
  await until(async () => {
    await api.health.check();
    return (await incidentsIn(world.store)).every(({ role }) => role !== "serve");
  });
  for (const view of rolled()) expect(await statusOf(`${view}?by=`), view).toBe("200 1");
  await handOver(world, api).then((writer) => writers.push(writer));
  expect(await incidentsIn(world.store)).toEqual([]);
});
