/** Changed files make a version at the same cut; incremental runs fold; and the past can be asked. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runDefinition } from "../../batch/changed-definition.ts";
import { runBatch } from "../../batch/run.ts";
import { Follower } from "../../serving/snapshot/follower.ts";
import { atPosition, atVersion } from "../../serving/snapshot/past.ts";
import { rowsOf } from "../../shared/compiler/texts.ts";
import { covers, formatPosition, ofShard, type Position } from "../../shared/position.ts";
import type { VersionManifest } from "../../shared/store/layout.ts";
import { releasePins } from "../../shared/store/pin.ts";
import { bestSnapshot, newestHead } from "../../shared/store/versions.ts";
import { runSpeed } from "../../speed/daemon.ts";
import { until } from "../support/until.ts";
import { stream } from "../support/view-case.ts";
import { catchUp, isError, World } from "./world.ts";

const views = {
  groups: "SELECT g, count(*) AS n FROM events GROUP BY g",
  total: "SELECT sum(x) AS x, median(x) AS m FROM events",
  top: "SELECT g, last(x) AS x, approx_count_distinct(x) AS d FROM events GROUP BY g",
};

let world: World;
let sent = 0;

beforeEach(async () => {
  sent = 0;
  world = await World.open({ stream: stream("events", { g: "VARCHAR", x: "INTEGER" }), views });
});
afterEach(() => world.close());

const some = (count: number) =>
  world.append(
    Array.from({ length: count }, () => ({
      partition: sent % 2,
      value: JSON.stringify({ g: `g${sent % 3}`, x: sent++ }),
      valid: true,
    })),
  );

const flushed = async (manifest: VersionManifest) => {
  const writer = await world.writer(manifest, 0);
  await catchUp(world, writer);
  await writer.close();
};

const exact = async () => world.expectExact((await bestSnapshot(world.store))!);

describe("changed files", () => {
  it("make a version at the same cut: unchanged views are linked, the changed one is computed, and the old one answers until then", async () => {
    const zero = await world.firstVersion();
    await some(10);
    await flushed(zero);
    const one = await world.runBatch();
    await some(5);
    await flushed(one);
    const follower = await Follower.open(world.store, world.duck, () => undefined);
    expect(follower.pin().manifest.number).toBe(1);

    await world.define({
      ...views,
      total: "SELECT sum(x) * 2 AS x FROM events",
      fresh: "SELECT max(x) AS hi FROM events",
    });
    world.said.length = 0;
    const two = (await runDefinition(world.batch))!.manifest;
    expect(two).toMatchObject({ number: 2, cause: "definition", cut: one.cut });
    expect(two.views.groups).toEqual(one.views.groups);
    expect(two.views.top).toEqual(one.views.top);
    expect(two.views.total).not.toEqual(one.views.total);
    expect(world.said.map((line) => line.replace(/ \(\d+ ms\)$/, ""))).toEqual([
      "view groups: linked from version 1: neither it nor its events have changed",
      "view top: linked from version 1: neither it nor its events have changed",
      "view total: recomputed: it has changed",
      "view fresh: recomputed: it is new",
    ]);
    for (let i = 0; i < 5; i++) await follower.tick();
    // complete, but not caught up: it would go back behind what was served
    expect(follower.pin().manifest.number).toBe(1);
    await flushed(two);
    for (let i = 0; i < 50 && follower.pin().manifest.number < 2; i++) {
      await follower.tick();
      await new Promise(setImmediate);
    }
    expect(follower.pin().manifest.number).toBe(2);
    expect(formatPosition(follower.position)).toBe(formatPosition(world.end));
    expect(await exact()).toBe(4);
    await follower.close();
    expect(await runDefinition(world.batch)).toBeNull();
    // and the full run proves what was linked and what was computed
    expect((await world.runBatch()).proof).toMatchObject({ state: "proved", views: 4 });
  });

  it("a view that is gone is gone, and its stream may go with it", async () => {
    const zero = await world.firstVersion();
    await some(4);
    await flushed(zero);
    await world.runBatch();
    await world.define({ groups: views.groups });
    const { manifest } = (await runDefinition(world.batch))!;
    expect(Object.keys(manifest.views)).toEqual(["groups"]);
    expect(await exact()).toBe(1);
  });
});

describe("another number of shards", () => {
  it("is a version at the same cut with everything linked, which the running daemon adopts", async () => {
    const zero = await world.firstVersion();
    await some(8);
    await flushed(zero);
    const one = await world.runBatch();
    const stop = new AbortController();
    const daemon = runSpeed({
      store: world.store,
      log: world.log,
      manifest: one,
      shards: null,
      flushMsMax: 5,
      memoryLimit: "500MB",
      now: () => world.now,
      say: world.say,
      signal: stop.signal,
    });
    await some(4);
    await world.define(views, 2);
    const { manifest } = (await runDefinition(world.batch))!;
    expect(manifest.views).toEqual(one.views);
    await until(async () => {
      const heads = [await newestHead(world.store, 2, 0), await newestHead(world.store, 2, 1)];
      return heads.every((head) => head !== null && covers(head.position, ofShard(world.end, head.shard, 2)));
    });
    stop.abort();
    await daemon;
    expect(await exact()).toBe(3);
  });
});

describe("an incremental run", () => {
  it("folds in the events since the last version, and equals a full run", async () => {
    await world.firstVersion();
    await some(10);
    const one = await world.runBatch();
    await some(7);
    await flushed(one);
    world.said.length = 0;
    const two = (await runBatch(world.batch, "incremental")).manifest;
    expect(two.proof).toMatchObject({ state: "proved", views: 3 });
    expect(world.said[0]).toMatch(/^view groups: folded in the events since version 1 \(\d+ ms\)$/);
    expect(await exact()).toBe(3);
    await flushed(two);
    const three = await world.runBatch();
    expect(three.proof).toMatchObject({ state: "proved", views: 3 });
    const again = (await runBatch(world.batch, "incremental")).manifest;
    expect(again.views).toEqual(three.views);
  });
});

describe("the past", () => {
  const rowsAt = async (position: Position) => {
    const past = await atPosition(world.store, world.log, position, "test");
    for (const view of past.snapshot.manifest.definition.views)
      await world.expectRows(view, position, rowsOf(view, await past.partials(world.oracle, view)));
    await releasePins(world.store, "test");
    return past.from;
  };

  it("is exact at every position, and says what it is made from", async () => {
    const zero = await world.firstVersion();
    await some(6);
    const one = await world.runBatch();
    const writer = await world.writer(one, 0);
    const marks: Position[] = [];
    for (let i = 0; i < 3; i++) {
      await some(3);
      await catchUp(world, writer);
      marks.push(writer.position);
    }
    await writer.close();
    expect(await rowsAt(one.cut)).toBe("version 1 and 0 entries of its delta");
    for (const mark of marks) expect(await rowsAt(mark)).toMatch(/^version 1 and [1-3] entr(y|ies) of its delta$/);
    // inside an entry, and before any version but the empty one
    const [p0, p1] = [marks[1]!.events![0]!, marks[1]!.events![1]!];
    expect(await rowsAt({ events: { 0: p0 - 1, 1: p1 } })).toMatch(/^version 1 and the events since its cut$|entr/);
    expect(await rowsAt({ events: { 0: 2, 1: 1 } })).toBe("version 0 and the events since its cut");
    expect(await rowsAt(zero.cut)).toBe("version 0 and 0 entries of its delta");
    for (let a = 0; a <= p0; a += 2) for (let b = 0; b <= p1; b += 3) await rowsAt({ events: { 0: a, 1: b } });
  });

  it("of a version is its own cut; what is not kept, or not yet there, is said", async () => {
    await world.firstVersion();
    await some(6);
    const one = await world.runBatch();
    await some(2);
    await flushed(one);
    const past = await atVersion(world.store, 1, "test");
    const session = await world.session();
    for (const view of one.definition.views)
      await world.expectRows(view, one.cut, rowsOf(view, await past.partials(session, view)));
    const error = (code: string) => (each: unknown) => isError(each, code);
    await expect(atVersion(world.store, 9, "test")).rejects.toSatisfy(error("USAGE"));
    const beyond = { events: { 0: 99, 1: 0 } };
    await expect(atPosition(world.store, world.log, beyond, "test")).rejects.toSatisfy(error("USAGE"));
  });
});
