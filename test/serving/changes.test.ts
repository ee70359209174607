/**
 * A client that applies the events it receives holds what the API answers at the same position, whatever happens
 * meanwhile.
 */
import { afterEach, expect, it } from "vitest";
import { formatPosition } from "../../shared/position.ts";
import { reject } from "../../shared/store/rejections.ts";
import { newestVersion } from "../../shared/store/versions.ts";
import type { DeltaWriter } from "../../speed/delta-writer.ts";
import { randomOf } from "../faults/fault.ts";
import { catchUp, World } from "../pipeline/world.ts";
import { isFull } from "../support/share.ts";
import { until } from "../support/until.ts";
import { stream } from "../support/view-case.ts";
import { type Api, openApi } from "./api.ts";
import { handOver } from "./hand-over.ts";
import { Mirror, mirrored } from "./mirror.ts";

const events = { ...stream("events", { g: "VARCHAR?", x: "BIGINT" }), partitions: 2 };
const views = {
  groups: "SELECT g, count(*) AS n, median(x) AS middle FROM events GROUP BY g",
  balanced: "SELECT g, sum(x) AS s FROM events GROUP BY g HAVING sum(x) <> 0",
  total: "SELECT count(*) AS n, sum(x) AS s FROM events",
  hidden: "SELECT count(*) AS n FROM events GROUP BY g",
};
let world: World;
let api: Api;
let url: string;
const writers: DeltaWriter[] = [];
const mirrors: Mirror[] = [];

afterEach(async () => {
  for (const mirror of mirrors.splice(0)) mirror.close();
  for (const writer of writers.splice(0)) await writer.close();
  await api.close();
  await world.close();
});

async function open(): Promise<void> {
  world = await World.open({ stream: events, views });
  const version = await world.firstVersion();
  writers.push(await world.writer(version, 0));
  api = await openApi(world);
  url = await api.app.listen({ host: "127.0.0.1", port: 0 });
}

const event = (g: string | null, x: number) => ({ partition: x & 1, value: JSON.stringify({ g, x }), valid: true });

async function send(...sent: ReturnType<typeof event>[]): Promise<void> {
  await world.append(sent);
  await catchUp(world, writers.at(-1)!);
  await api.follower.tick();
}

async function swap(): Promise<void> {
  writers.push(await handOver(world, api));
}

function mirrorOf(query: string, lastEventId?: string): Mirror {
  const mirror = new Mirror(url, query, ["g"], lastEventId);
  mirrors.push(mirror);
  return mirror;
}

async function rowsOf(query: string): Promise<Map<string, string>> {
  const response = await api.app.inject({ method: "GET", url: `/v1/views/${query}` });
  return mirrored(response.json<{ data: Record<string, unknown>[] }>().data, ["g"]);
}

const at = () => formatPosition(api.follower.position);

it("sends the rows that changed, and only those", async () => {
  await open();
  await send(event("a", 1), event("b", 2));
  const mirror = mirrorOf("groups/changes");
  await until(async () => mirror.received.length === 1);
  expect(mirror.received[0]).toEqual({ event: "reset", id: at(), body: { position: at() } });
  await send(event("b", 4), event(null, 7));
  await until(async () => mirror.received.length === 2);
  expect(mirror.received[1]!.event).toBe("rows");
  expect(mirror.received[1]!.id).toBe("events@0:2,1:2");
  const byName = (rows: Record<string, unknown>[]) => rows.toSorted((a, b) => String(a.g).localeCompare(String(b.g)));
  expect(byName(mirror.received[1]!.body.rows)).toEqual([
    { g: "b", n: 2, middle: 3 },
    { g: null, n: 1, middle: 7 },
  ]);
  expect(mirror.received[1]!.body.removed).toEqual([]);
});

it("sends as removed what HAVING and filters exclude", async () => {
  await open();
  await send(event("a", 1));
  const balanced = mirrorOf("balanced/changes");
  const filtered = mirrorOf("balanced/changes?g=eq.a&s=gt.0");
  await until(async () => balanced.received.length === 1 && filtered.received.length === 1);
  await send(event("a", -1), event("b", 5));
  await until(async () => balanced.received.length === 2 && filtered.received.length === 2);
  expect(balanced.received[1]!.body).toMatchObject({ rows: [{ g: "b", s: 5 }], removed: [{ g: "a" }] });
  expect(filtered.received[1]!.body).toMatchObject({ rows: [], removed: [{ g: "a" }] });
  // nothing that passes its filter on keys has changed
  await send(event("b", 5));
  await until(async () => balanced.received.length === 3);
  await send(event("a", 4));
  await until(async () => filtered.received.length === 3);
  expect(filtered.received[2]!.body.rows).toEqual([{ g: "a", s: 4 }]);
});

it("lets a row of a view without keys go", async () => {
  await open();
  await send(event("a", 1));
  const mirror = mirrorOf("total/changes?n=lte.2");
  await until(async () => mirror.received.length === 1);
  await send(event("a", 1));
  await until(async () => mirror.received.length === 2);
  expect(mirror.received[1]!.body.rows).toEqual([{ n: 2, s: 2 }]);
  await send(event("a", 1));
  await until(async () => mirror.received.length === 3);
  expect(mirror.received[2]!.body).toMatchObject({ rows: [], removed: [{}] });
});

it("keeps sending to a client that joins when the only other leaves", async () => {
  await open();
  await send(event("a", 1));
  for (let round = 0; round < 20; round++) {
    const first = mirrorOf("groups/changes");
    await until(async () => first.received.length === 1);
    const since = at();
    await send(event("b", round));
    const second = mirrorOf("groups/changes", since);
    first.close();
    await until(async () => second.received.length > 0);
    await send(event("c", round));
    await until(async () => second.rows.get('["c"]') !== undefined && second.position === at());
    second.close();
  }
});

it("goes on from the last event's position, and says when that is gone", async () => {
  await open();
  await send(event("a", 1));
  const start = at();
  await send(event("b", 2));
  await send(event("c", 3));
  const resumed = mirrorOf("groups/changes", start);
  await until(async () => resumed.received.length === 1);
  expect(resumed.received[0]!.body.rows.map((row) => row.g).sort()).toEqual(["b", "c"]);
  const upToDate = mirrorOf("groups/changes", at());
  await send(event("d", 4));
  await until(async () => upToDate.received.length === 1);
  expect(upToDate.received[0]!.body.rows).toEqual([{ g: "d", n: 1, middle: 4 }]);
  await swap();
  await send(event("e", 4));
  for (const gone of [start, "nonsense", "events@0:999,1:999"]) {
    const mirror = mirrorOf("groups/changes", gone);
    await until(async () => mirror.received.length === 1);
    expect(mirror.received[0]!.event, gone).toBe("reset");
  }
});

it("keeps a mirror equal, through flushes, compaction and new versions", { timeout: 60_000 }, async () => {
  const seed = Number(process.env.SEED || 20260301);
  const random = randomOf(seed);
  await open();
  const names = ["groups", "balanced", "total"];
  await send(event("a", 1));
  const kept = names.map((name) => mirrorOf(`${name}/changes`));
  await until(async () => kept.every((mirror) => mirror.received.length === 1));
  for (const [i, mirror] of kept.entries()) for (const [key, row] of await rowsOf(names[i]!)) mirror.rows.set(key, row);
  const steps = Number(process.env.N || (isFull ? 60 : 30));
  for (let step = 0; step < steps; step++) {
    if (step % 20 === 19) await swap();
    const sent = Array.from({ length: 1 + Math.floor(random() * 4) }, () => {
      return event(random() < 0.1 ? null : `g${Math.floor(random() * 8)}`, Math.floor(random() * 7) - 3);
    });
    world.now += 20_000;
    await send(...sent);
    // every change reaches the total, and its mirror ends at the answers' position
    await until(async () => kept[2]!.position === at());
    if (step % 5 !== 4) continue;
    for (const [i, mirror] of kept.entries()) {
      const expected = await rowsOf(names[i]!);
      await until(async () => JSON.stringify([...mirror.rows].sort()) === JSON.stringify([...expected].sort()));
      expect(
        mirror.received.filter((each) => each.event === "reset"),
        names[i],
      ).toHaveLength(1);
    }
  }
  const received = kept.reduce((sum, mirror) => sum + mirror.received.length, 0);
  process.stdout.write(`changes: SEED=${seed} N=${steps} steps, ${received} events, mirrors equal\n`);
});

it("resets all when a delta is recomputed at the same position", async () => {
  await open();
  await send(event("a", 1), event("b", 2));
  const mirror = mirrorOf("groups/changes");
  await until(async () => mirror.received.length === 1);
  const ask = (headers: Record<string, string> = {}) =>
    api.app.inject({ method: "GET", url: "/v1/views/groups?g=eq.a", headers });
  const before = await ask();
  const etag = String(before.headers.etag);
  expect((await ask({ "if-none-match": etag })).statusCode).toBe(304);
  const servedAt = at();
  const manifest = (await newestVersion(world.store))!;
  await reject(world.store, { version: manifest.number, shard: 0, from: manifest.cut, view: "groups", why: "a test" });
  await writers.pop()!.close();
  writers.push(await world.writer(manifest, 0));
  await catchUp(world, writers.at(-1)!);
  await api.follower.tick();
  expect(at()).toBe(servedAt);
  await until(async () => mirror.received.length === 2);
  expect(mirror.received[1]).toMatchObject({ event: "reset", id: servedAt });
  expect((await ask({ "if-none-match": etag })).statusCode).toBe(200);
  // by which revision this one was sent is unknown
  const late = mirrorOf("groups/changes", "events@0:0,1:1");
  await until(async () => late.received.length === 1);
  expect(late.received[0]!.event).toBe("reset");
});

it("refuses views without changes, and ends with the server", async () => {
  await open();
  const refused = async (query: string) => {
    const response = await api.app.inject({ method: "GET", url: `/v1/views/${query}` });
    return `${response.statusCode} ${response.json<{ detail: string }>().detail}`;
  };
  expect(await refused("hidden/changes")).toMatch(/^400 rows of view "hidden" can't be identified/);
  expect(await refused("nothing/changes")).toMatch(/^404 there is no view "nothing"/);
  expect(await refused("groups/changes?limit=1")).toMatch(/^400 changes are whole rows/);
  expect(await refused("groups/changes?n=eq.x")).toMatch(/^400 filter on n: "x" is not a BIGINT/);
  const mirror = mirrorOf("groups/changes");
  await until(async () => mirror.received.length === 1);
  api.stop.abort();
  await until(async () => mirror.ended);
});
