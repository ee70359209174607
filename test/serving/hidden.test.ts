/**
 * A group that HAVING hides is in no answer: asked for by its key it is as one that there never was, and
 * nothing that is shown of others contains it.
 */
import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newKey } from "../../serving/http/access/keys.ts";
import { queryLimits } from "../../serving/sql/queries.ts";
import type { ApiKey, Scope } from "../../shared/http/caller.ts";
import { formatPosition } from "../../shared/position.ts";
import { newestVersion } from "../../shared/store/versions.ts";
import type { DeltaWriter } from "../../speed/delta-writer.ts";
import { catchUp, World } from "../pipeline/world.ts";
import { until } from "../support/until.ts";
import { stream } from "../support/view-case.ts";
import { type Api, openApi } from "./api.ts";

const hidden = "canary-alone";
const never = "nobody-atall";
const secret = 31337;

const views = {
  crowds: "SELECT k, count(*) AS n, avg(secret) AS mean FROM events GROUP BY k HAVING count(*) >= 3",
  cities: "SELECT k, city, count(*) AS n, sum(secret) AS s FROM events GROUP BY k, city HAVING count(*) >= 3",
  // in batch alone the hidden group would be shown
  small: `SELECT k, sum(secret) AS s FROM events GROUP BY k HAVING count(*) <> 2 OR k <> '${hidden}'`,
  unnamed: "SELECT city, count(*) AS n, max(secret) AS m FROM events GROUP BY k, city HAVING count(*) >= 3",
  sets: "SELECT k, city, max(secret) AS m, count(*) AS n FROM events GROUP BY GROUPING SETS ((k), (k, city)) HAVING count(*) >= 3",
  total: "SELECT max(secret) AS m FROM events HAVING count(*) > 1000",
};

describe("a group that HAVING hides", () => {
  let world: World;
  let writer: DeltaWriter;
  let api: Api;
  let url: string;
  const kept: ApiKey[] = [];
  const keyFor = (...scopes: Scope[]) => {
    const { key, text } = newKey(scopes.join(), scopes, null, 0);
    kept.push(key);
    return { authorization: `Bearer ${text}` };
  };
  const [read, events] = [keyFor("read"), keyFor("read", "events")];
  let start = "";

  const event = (k: string, city: string, value: number) => ({
    partition: 0,
    value: JSON.stringify({ k, city, secret: value, note: `about ${k}` }),
    valid: true,
  });
  const send = async (...sent: ReturnType<typeof event>[]) => {
    await world.append(sent);
    await catchUp(world, writer);
    await api.follower.tick();
  };

  beforeAll(async () => {
    world = await World.open({
      stream: {
        ...stream("events", { k: "VARCHAR", city: "VARCHAR", secret: "BIGINT", note: "VARCHAR?" }),
        partitions: 1,
      },
      views,
    });
    await world.firstVersion();
    await world.append([...[1, 2, 3, 4].map((n) => event("crowd", "Oslo", n)), event(hidden, "Oslo", secret)]);
    await world.runBatch();
    writer = await world.writer((await newestVersion(world.store))!, 0);
    const keyFile = join(world.dir, "keys.json");
    writeFileSync(keyFile, JSON.stringify({ keys: kept }));
    api = await openApi(world, { keyFile, limits: { ...queryLimits, children: 1 } });
    url = await api.app.listen({ host: "127.0.0.1", port: 0 });
    start = formatPosition(api.follower.position);
    await send(event("crowd", "Rome", 5), event(hidden, "Oslo", secret), event("crowd", "Oslo", 6));
    // its process starts as slowly as the machine is busy
    await until(async () => (await sql("SELECT 1")).startsWith("200")).catch(() => sql("SELECT 1"));
  }, 120_000);
  afterAll(async () => {
    await api.close();
    await writer.close();
    await world.close();
  });

  const get = async (path: string, headers = events) => {
    const { statusCode, body } = await api.app.inject({ method: "GET", url: path, headers });
    return `${statusCode} ${body}`;
  };
  const sql = async (text: string) => {
    const { statusCode, body } = await api.app.inject({
      method: "POST",
      url: "/v1/query",
      headers: { ...events, "content-type": "application/json" },
      payload: JSON.stringify({ sql: text }),
    });
    return `${statusCode} ${body}`;
  };
  const silent = (answer: string, asked: string) => {
    expect(answer, asked).toMatch(/^(200|400|403)/);
    for (const text of [hidden, String(secret), String(2 * secret)]) expect(answer, asked).not.toContain(text);
  };

  it("is in no list, roll-up, share, SQL or difference", { timeout: 120_000 }, async () => {
    const layers = ["", "layer=batch", "layer=speed"];
    const questions: Record<keyof typeof views, string[]> = {
      crowds: ["", "by=k", "by="],
      cities: ["", "by=city", "by=k,city", "by=city&k=neq.crowd", "by="],
      small: ["", "by=k", "s=gt.1000"],
      unnamed: ["", "by=city"],
      sets: [""],
      total: [""],
    };
    for (const [view, asked] of Object.entries(questions))
      for (const question of asked)
        for (const layer of ["", "by="].includes(question) ? layers : [""]) {
          const path = `/v1/views/${view}?${[question, layer].filter((part) => part !== "").join("&")}`;
          silent(await get(path), path);
        }
    for (const text of [
      "SELECT * FROM crowds, cities, small, unnamed, sets, total",
      "SELECT k, MEASURE(s) FROM small GROUP BY k",
      "SELECT MEASURE(n), MEASURE(s) FROM cities WHERE k <> 'crowd'",
      "SELECT city, MEASURE(m) FROM unnamed GROUP BY city",
    ])
      silent(await sql(text), text);
    const to = formatPosition(api.follower.position);
    for (const view of ["crowds", "cities", "total"]) {
      const path = `/v1/diff?from=${start}&to=${to}&view=${view}&limit=1`;
      const diff = await get(path);
      silent(diff, path);
      expect(diff).toContain(view === "total" ? '"groups":0' : '"groups":1,"rows":[{"key":{"k":"crowd"');
    }
    // what was shown at the one position may be shown as gone at the other
    expect(await get(`/v1/diff?from=${start}&to=${to}&view=small`)).toContain(`"before":{"k":"${hidden}"`);
  });

  it("is as one that there never was, asked for by its key", async () => {
    const never404 = (answer: string) => answer.replaceAll(hidden, never);
    for (const path of [
      "crowds?k=eq.KEY",
      "crowds?k=in.(KEY)",
      "small?k=eq.KEY",
      "small?k=eq.KEY&layer=batch",
      "small?k=eq.KEY&by=k",
      "cities?k=eq.KEY&by=city",
      "crowds/explain?k=eq.KEY",
      "crowds/explain?k=eq.KEY&events=10",
      "small/explain?k=eq.KEY&events=10",
      "cities/explain?k=eq.KEY&city=eq.Oslo&events=10",
    ]) {
      const found = await get(`/v1/views/${path.replace("KEY", hidden)}`);
      expect(never404(found), path).toBe(await get(`/v1/views/${path.replace("KEY", never)}`));
      silent(found, path);
    }
    silent(await get("/v1/views/total/explain?events=10"), "total");
  });

  it("is in no change, not even as removed; one that is hidden again is", async () => {
    const received: string[] = [];
    const listening = request(
      `${url}/v1/views/crowds/changes`,
      { headers: { ...read, "last-event-id": start } },
      (response) => {
        response.setEncoding("utf8").on("data", (chunk: string) => received.push(chunk));
      },
    );
    const balanced: string[] = [];
    const other = request(
      `${url}/v1/views/small/changes`,
      { headers: { ...read, "last-event-id": start } },
      (response) => {
        response.setEncoding("utf8").on("data", (chunk: string) => balanced.push(chunk));
      },
    );
    for (const each of [listening, other]) each.on("error", () => undefined).end();
    await until(() => received.join("").includes('"crowd"') && balanced.join("").includes('"crowd"'));
    // it was shown by the one view at first: there it is gone now, and may be said to be
    expect(balanced.join("")).toContain(`"removed":[{"k":"${hidden}"}]`);
    await send(event("one-more", "Rome", secret), event("crowd", "Rome", 7));
    await until(() => received.join("").includes('"n":7'));
    for (const each of [listening, other]) each.destroy();
    silent(`200 ${received.join("")}`, "changes");
    expect(received.join("")).not.toContain("one-more");
    expect(received.join("")).toContain('"removed":[]');
  });

  it("keeps its raw events to keys of that scope", async () => {
    const path = "/v1/views/crowds/explain?k=eq.crowd";
    expect(await get(path, read)).toMatch(/^200 .*"shares"/);
    expect(await get(`${path}&events=1`, read)).toMatch(
      /^403 .*this key has the scope read; this request needs events/,
    );
    expect(await get(`${path}&events=1`)).toMatch(/^200 .*about crowd/);
  });
});
