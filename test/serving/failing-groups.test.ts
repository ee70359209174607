/**
 * Views whose SQL raises on what valid events add up to: it is the group's failure for every query, and no other
 * else's.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rebuild } from "../../batch/rebuild.ts";
import { runBatch } from "../../batch/run.ts";
import { Sandbox } from "../../serving/sql/sandbox.ts";
import { formatPosition } from "../../shared/position.ts";
import { verify } from "../../shared/proof/verify.ts";
import { incidentsIn } from "../../shared/store/incidents.ts";
import { bestSnapshot, newestVersion } from "../../shared/store/versions.ts";
import type { DeltaWriter } from "../../speed/delta-writer.ts";
import { catchUp, World } from "../pipeline/world.ts";
import { until } from "../support/until.ts";
import { stream } from "../support/view-case.ts";
import { type Api, openApi } from "./api.ts";
import { asker } from "./asker.ts";
import { askWorld } from "./sandbox/ask-world.ts";

/** Each raises for the group "a" once `n` adds up to more than an INTEGER holds, and has a value for every other. */
const raising: Readonly<Record<string, string>> = {
  cast: "SELECT k, sum(n)::INTEGER AS t FROM events GROUP BY k",
  arithmetic: "SELECT k, (max(n) * 4000000000) AS t FROM events GROUP BY k",
  root: "SELECT k, sqrt(2000000000 - sum(n)) AS t FROM events GROUP BY k",
  text: "SELECT k, (CASE WHEN sum(n) > 2000000000 THEN 'too much' ELSE '1' END)::INTEGER AS t FROM events GROUP BY k",
  having: "SELECT k, count(*) AS t FROM events GROUP BY k HAVING sqrt(2000000000 - sum(n)) > 0",
  filter: "SELECT k, coalesce((sum(n) FILTER (WHERE n > 0))::INTEGER, 0) AS t FROM events GROUP BY k",
  distinct: "SELECT k, sum(DISTINCT n)::INTEGER AS t FROM events GROUP BY k",
  quantile: "SELECT k, quantile_disc(n, 1.0)::INTEGER AS t FROM events GROUP BY k",
  order: "SELECT k, arg_max(n, n)::INTEGER AS t FROM events GROUP BY k",
};
const whole: Readonly<Record<string, string>> = {
  total: "SELECT sum(n)::INTEGER AS t FROM events",
  sets: "SELECT k, sum(n)::INTEGER AS t FROM events GROUP BY ROLLUP (k)",
};
const well = { ok: "SELECT k, count(*) AS n FROM events GROUP BY k" };

describe("a group without a value", () => {
  let world: World;
  let writer: DeltaWriter;
  let api: Api;
  const said: string[] = [];
  const names = Object.keys(raising);
  const send = async (...events: readonly { k: string; n: number }[]) => {
    await world.append(events.map((event) => ({ partition: 0, value: JSON.stringify(event), valid: true })));
    await catchUp(world, writer);
  };
  const get = (url: string) => api.app.inject({ url });
  const pollOnce = async () => {
    await api.follower.tick();
    await api.health.check();
  };
  beforeAll(async () => {
    const events = { ...stream("events", { k: "VARCHAR", n: "BIGINT" }), partitions: 1 };
    world = await World.open({ stream: events, views: { ...raising, ...whole, ...well } });
    writer = await world.writer(await world.firstVersion(), 0);
    await send({ k: "a", n: 1 }, { k: "b", n: 2 }, { k: "c", n: 3 });
    const manifest = await world.runBatch();
    for (const name of names) expect(manifest.views[name]!.failing, name).toEqual({ groups: [], more: false });
    await writer.close();
    writer = await world.writer(manifest, 0);
    api = await openApi(world, {
      say: (line) => said.push(line),
    });
    await pollOnce();
    expect((await get("/readyz")).json().views).toEqual([]);
    await send({ k: "a", n: 3_000_000_000 }, { k: "b", n: 1 });
    await api.follower.tick();
  }, 60_000);
  afterAll(async () => {
    await api.close();
    await writer.close();
    await world.close();
  });

  it.each(names)(
    "%s: 503 where it is needed, before anybody has tried; the other groups are answered",
    async (name) => {
      const list = await get(`/v1/views/${name}`);
      expect([list.statusCode, list.json().code], list.body).toEqual([503, "SERVE_VIEW_FAILED"]);
      expect(list.json().detail).toContain(
        `view "${name}" fails on valid events: it has no value for the group k (VARCHAR): 1 character`,
      );
      expect(list.json().detail).not.toMatch(/3000000|"a"|'a'/);
      expect((await get(`/v1/views/${name}?k=eq.a`)).statusCode).toBe(503);
      const other = await get(`/v1/views/${name}?k=eq.b`);
      expect([other.statusCode, other.json().data.length]).toEqual([200, 1]);
      const forms = [
        "text/csv",
        "application/x-ndjson",
        "application/vnd.apache.parquet",
        "application/vnd.apache.arrow.stream",
      ];
      for (const accept of forms) {
        const form = await api.app.inject({ url: `/v1/views/${name}`, headers: { accept } });
        expect(form.statusCode, accept).toBe(503);
      }
      expect((await get(`/v1/views/${name}?t=eq.oops`)).json().code).toBe("USAGE");
    },
  );

  it.each(Object.keys(whole))("%s: what is of all groups fails as a whole", async (name) => {
    const list = await get(`/v1/views/${name}`);
    expect([list.statusCode, list.json().code], list.body).toEqual([503, "SERVE_VIEW_FAILED"]);
  });

  it("in SQL it is the view's failure, and what the query itself can't do the query's", async () => {
    const sandbox = await Sandbox.open();
    const ask = (sql: string) => askWorld(world, sandbox, sql);
    expect(await ask('SELECT k, t FROM "cast"')).toMatch(
      /^SERVE_VIEW_FAILED: view "cast" fails .* k \(VARCHAR\): 1 character/,
    );
    expect(await ask("SELECT k, t FROM \"cast\" WHERE k = 'b'")).toBe("k,t\r\nb,3\r\n");
    expect(await ask("SELECT (n + 1000)::TINYINT FROM ok")).toMatch(/^QUERY_FAILED: Conversion Error/);
    expect(await ask('SELECT MEASURE(t) FROM "cast"')).toMatch(/^SERVE_VIEW_FAILED/);
  });

  it("in a roll-up, explain and diff too", async () => {
    const rolled = await get("/v1/views/cast?by=");
    expect([rolled.statusCode, rolled.json().code], rolled.body).toEqual([503, "SERVE_VIEW_FAILED"]);
    const explained = (await get("/v1/views/cast/explain?k=eq.a&events=10")).json();
    expect([explained.row, explained.shares.batch.t, explained.shares.speed]).toEqual([null, 1, null]);
    expect(Object.keys(explained.failed)).toEqual(["row", "speed"]);
    expect(explained.events.data).toHaveLength(2);
    const cut = formatPosition((await newestVersion(world.store))!.cut);
    const diff = await get(`/v1/diff?from=${cut}&to=${formatPosition(api.follower.position)}&view=cast`);
    expect(diff.statusCode, diff.body).toBe(200);
    const [a, b] = diff.json().views[0].rows;
    expect([a.before.t, a.after, a.failed]).toEqual([1, null, ["after"]]);
    expect([b.before.t, b.after.t, b.failed]).toEqual([2, 3, undefined]);
  });

  it("is known once entries are tried: status, readiness, metrics, an incident; each said once", async () => {
    said.length = 0;
    await pollOnce();
    await pollOnce();
    expect(said.filter((line) => line.includes("fails on valid events"))).toHaveLength(names.length + 2);
    const ready = await get("/readyz");
    expect(ready.statusCode).toBe(200);
    expect(
      ready
        .json()
        .views.map(({ view, state }: { view: string; state: string }) => [view, state])
        .sort(),
    ).toEqual([...names, ...Object.keys(whole)].map((view) => [view, "failing"]).sort());
    expect(ready.json().views[0].incidents[0]).toMatchObject({ role: "serve", kind: "view-failed" });
    expect((await get("/readyz?view=ok")).statusCode).toBe(200);
    expect((await get("/readyz?view=cast")).statusCode).toBe(503);
    expect((await get("/readyz?view=nope")).statusCode).toBe(404);
    expect((await get("/metrics")).body).toMatch(
      /tidemark_incident\{role="serve",kind="view-failed",.*view="cast".*\} 1/,
    );
    const incidents = await incidentsIn(world.store);
    expect(incidents.map(({ subject }) => subject).sort()).toEqual([...names, ...Object.keys(whole)].sort());
    expect(JSON.stringify(incidents)).not.toMatch(/3000000/);
  });

  it("listeners are text of the others, and which have none; serve says nothing over and over", async () => {
    const text: string[] = [];
    const { feeds } = api;
    const listener = {
      send: ({ bytes }: { readonly bytes: Buffer }) => text.push(/^data: (.*)$/m.exec(bytes.toString())![1]!) > 0,
      end: () => undefined,
    };
    const asked = { view: "cast", filters: [], key: "cast" };
    const leave = await feeds.listen(asked, api.follower.position, listener, asker());
    said.length = 0;
    await send({ k: "a", n: 1 }, { k: "b", n: 1 });
    await api.follower.tick();
    await expect.poll(() => text.length, { timeout: 10_000 }).toBe(1);
    leave();
    const { rows, removed, failed } = JSON.parse(text[0]!);
    expect([rows, removed, failed]).toEqual([[{ k: "b", t: 4 }], [], [{ k: "a" }]]);
    expect(said).toEqual([]);
  });

  it("verify, rebuild and batch go on past it, and name it", async () => {
    const snapshot = (await bestSnapshot(world.store))!;
    const { store, log } = world;
    const session = await world.session();
    const verdicts = [];
    for await (const each of verify({ store, log, session, snapshot }, snapshot.manifest.definition.views))
      verdicts.push(each);
    for (const { view, failed, differences } of verdicts) {
      expect(differences, view).toEqual([]);
      expect(failed?.message ?? "", view).toMatch(view === "ok" ? /^$/ : /^it has no value/);
    }
    const { manifest } = await runBatch(world.batch);
    expect(manifest.proof).toMatchObject({ state: "proved", views: names.length + 3 });
    for (const name of names)
      expect(manifest.views[name]!.failing!.groups[0]!.group, name).toBe("k (VARCHAR): 1 character");
    expect(manifest.views.ok!.failing).toEqual({ groups: [], more: false });
    const rebuilt = await rebuild({
      batch: world.batch,
      views: [],
      fullSpeed: true,
      perStep: 100,
      sleep: async () => undefined,
      onStep: () => undefined,
    });
    expect(
      rebuilt.views.map(({ view, differences, incomparable }) => [view, differences.length, incomparable]),
    ).toEqual(rebuilt.manifest.definition.views.map(({ name }) => [name, 0, null]));
  });

  it("is well again when its events make it so", async () => {
    await writer.close();
    writer = await world.writer((await newestVersion(world.store))!, 0);
    await catchUp(world, writer);
    await until(async () => {
      await pollOnce();
      return api.follower.manifest.number === writer.generation.manifest.number;
    });
    expect((await get("/v1/views/cast")).statusCode).toBe(503);
    await send({ k: "a", n: -3_000_000_000 });
    await pollOnce();
    expect((await get("/v1/views/cast")).json().data).toHaveLength(3);
    expect((await get("/readyz?view=cast")).statusCode).toBe(200);
  });
});
