/**
 * A target is the view at the position that it states: at each of them, whatever fails, whichever of several processes
 * has it, over flushes, compaction, batch runs, rejected deltas and views that mean something else.
 */
import { afterEach, expect, it } from "vitest";
import { Consumer } from "../../deliveries/consumer.ts";
import { keyedRowsOf } from "../../serving/question/keyed-rows.ts";
import type { ViewDefinition } from "../../shared/definition.ts";
import { type Position, parsePosition } from "../../shared/position.ts";
import type { ConsumerSection } from "../../shared/project/consumers.ts";
import { withPlainSql } from "../../shared/proof/plain-sql.ts";
import { reject } from "../../shared/store/rejections.ts";
import { newestVersion } from "../../shared/store/versions.ts";
import type { DeltaWriter } from "../../speed/delta-writer.ts";
import { randomOf } from "../faults/fault.ts";
import { catchUp, World } from "../pipeline/world.ts";
import { type Api, openApi } from "../serving/api.ts";
import { handOver } from "../serving/hand-over.ts";
import { isFull } from "../support/share.ts";
import { until } from "../support/until.ts";
import { stream } from "../support/view-case.ts";
import { MemoryTarget, Shelf } from "./memory-target.ts";

const events = { ...stream("events", { g: "VARCHAR?", x: "BIGINT" }), partitions: 2 };
const views = {
  groups: "SELECT g, count(*) AS n, median(x) AS middle FROM events GROUP BY g",
  balanced: "SELECT g, sum(x) AS s FROM events GROUP BY g HAVING sum(x) <> 0",
  total: "SELECT count(*) AS n, sum(x) AS s FROM events HAVING count(*) % 3 <> 0",
  hidden: "SELECT count(*) AS n FROM events GROUP BY g",
};
const otherwise = { ...views, groups: "SELECT g, count(*) AS n, max(x) AS middle FROM events GROUP BY g" };
const kept = ["groups", "balanced", "total"] as const;

let world: World;
let api: Api;
const writers: DeltaWriter[] = [];
const stops: AbortController[] = [];
const running: Promise<void>[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0)) stop.abort();
  await Promise.all(running.splice(0));
  for (const writer of writers.splice(0)) await writer.close();
  await api.close();
  await world.close();
});

async function open(): Promise<void> {
  world = await World.open({ stream: events, views });
  writers.push(await world.writer(await world.firstVersion(), 0));
  api = await openApi(world);
}

const sectionOf = (from: string): ConsumerSection => ({
  name: `own_${from}`,
  from,
  to: { kind: "redis", url: () => "", prefix: `${from}:`, keep: "rows" },
});

/** A process of its own, which begins again where it fails. */
function start(from: string, shelf: Shelf, fails: () => boolean): AbortController {
  const stop = new AbortController();
  const { signal } = stop;
  stops.push(stop);
  const consumer = sectionOf(from);
  const works = async () => undefined;
  running.push(
    (async () => {
      while (!signal.aborted) {
        const target = new MemoryTarget(shelf, fails);
        const options = { ...api, consumer, target, say: world.say, signal, works };
        await new Consumer(options).run().catch(() => undefined);
      }
    })(),
  );
  return stop;
}

/** Rows by the view's own SQL, as a target has them. */
async function rowsAt(view: ViewDefinition, position: Position): Promise<string> {
  return withPlainSql(world.oracle, view, world.inputs(view, position), async (plain) => {
    const all: (readonly [string, string])[] = [];
    for await (const some of keyedRowsOf(world.oracle, view, { text: plain, params: [] }))
      all.push(...some.map(({ key, row }) => [key, row] as const));
    return JSON.stringify(all.sort());
  });
}

/** All that was held, at the positions that were stated then. */
async function expectHeld(from: string, shelf: Shelf): Promise<void> {
  const seen = new Map<string, string>();
  for (const { position, rows } of shelf.held) seen.set(`${position} ${JSON.stringify([...rows].sort())}`, position);
  for (const [held, position] of seen) {
    const wanted: string[] = [];
    for (const view of meanings.get(from) ?? [])
      wanted.push(`${position} ${await rowsAt(view, parsePosition(position, { events: { 0: 0, 1: 0 } }))}`);
    expect(wanted, `${from} at ${position}`).toContain(held);
  }
}

/** Every meaning that a view had. */
const meanings = new Map<string, ViewDefinition[]>();
function remember(): void {
  for (const view of world.definition.views) {
    const before = meanings.get(view.name) ?? [];
    if (!before.some(({ sql }) => sql === view.sql)) meanings.set(view.name, [...before, view]);
  }
}

async function send(random: () => number): Promise<void> {
  const count = 1 + Math.floor(random() * 4);
  const sent = Array.from({ length: count }, () => {
    const x = Math.floor(random() * 7) - 3;
    const g = random() < 0.1 ? null : `g${Math.floor(random() * 6)}`;
    return { partition: x & 1, value: JSON.stringify({ g, x }), valid: true };
  });
  world.now += 20_000;
  await world.append(sent);
  await catchUp(world, writers.at(-1)!);
  await api.follower.tick();
}

async function rejectDelta(): Promise<void> {
  const manifest = (await newestVersion(world.store))!;
  const why = { version: manifest.number, shard: 0, from: manifest.cut, view: "groups", why: "a test" };
  await reject(world.store, why);
  await writers.pop()!.close();
  writers.push(await world.writer(manifest, 0));
  await catchUp(world, writers.at(-1)!);
  await api.follower.tick();
}

it("is the view at each position that it states", { timeout: 120_000 }, async () => {
  const seed = Number(process.env.SEED || 1 + Math.floor(Math.random() * 1e6));
  const random = randomOf(seed);
  meanings.clear();
  await open();
  remember();
  const shelves = kept.map(() => new Shelf());
  let failing = true;
  const fails = () => failing && random() < 0.05;
  const first = kept.map((name, i) => start(name, shelves[i]!, fails));
  const steps = Number(process.env.N || (isFull ? 80 : 14));
  for (let step = 0; step < steps; step++) {
    await send(random);
    const chance = random();
    if (chance < 0.1) await rejectDelta();
    else if (chance < 0.2) {
      await world.define(random() < 0.5 ? otherwise : views);
      remember();
      writers.push(await handOver(world, api));
    } else if (chance < 0.3) writers.push(await handOver(world, api));
    else if (chance < 0.5) {
      const which = Math.floor(random() * kept.length);
      // beside the one that runs, which is fenced, or after it
      if (random() < 0.5) first[which]!.abort();
      first[which] = start(kept[which]!, shelves[which]!, fails);
    }
    if (random() < 0.5) await new Promise((resolve) => setImmediate(resolve));
  }
  failing = false;
  await send(random);
  const { manifest, position } = api.follower;
  for (const [i, name] of kept.entries()) {
    const wanted = await rowsAt(manifest.definition.views.find((view) => view.name === name)!, position);
    await until(() => JSON.stringify([...shelves[i]!.rows].sort()) === wanted);
  }
  for (const stop of stops) stop.abort();
  await Promise.all(running.splice(0));
  for (const [i, name] of kept.entries()) await expectHeld(name, shelves[i]!);
  const sum = (of: (shelf: Shelf) => number) => shelves.reduce((all, each) => all + of(each), 0);
  const counts = [sum((each) => each.held.length), sum((each) => each.fills), sum((each) => each.fenced)];
  const said = `${counts[0]} positions, ${counts[1]} fills, ${counts[2]} fenced`;
  process.stdout.write(`consumers: SEED=${seed} N=${steps} steps, ${said}\n`);
  expect(sum((each) => each.applied)).toBeGreaterThan(0);
});

it("stands by while another process has the target, and takes it when that is gone", async () => {
  await open();
  const shelf = new Shelf();
  // each sending changes the rows of groups
  const one = start("groups", shelf, () => false);
  await send(randomOf(1));
  await until(() => shelf.position !== null);
  const { writer } = shelf;
  const other = start("groups", shelf, () => false);
  await until(() => shelf.writer !== null && shelf.writer !== writer);
  await send(randomOf(2));
  await until(() => shelf.fenced > 0);
  const { fenced } = shelf;
  for (let i = 3; i < 6; i++) await send(randomOf(i));
  expect(shelf.fenced).toBe(fenced);
  other.abort();
  await send(randomOf(7));
  const view = api.follower.manifest.definition.views.find(({ name }) => name === "groups")!;
  const wanted = await rowsAt(view, api.follower.position);
  await until(() => JSON.stringify([...shelf.rows].sort()) === wanted);
  one.abort();
});

it("refuses a view whose rows can't be identified", async () => {
  await open();
  const shelf = new Shelf();
  const consumer = sectionOf("hidden");
  const { signal } = new AbortController();
  const works = async () => undefined;
  const target = new MemoryTarget(shelf, () => false);
  const run = new Consumer({ ...api, consumer, target, say: world.say, signal, works }).run();
  await expect(run).rejects.toThrow(/rows of view "hidden" can't be identified/);
});
