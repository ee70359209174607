/**
 * Streams leave the project and come into it: all readers take the same version, by one rule, and no old
 * position is in the way.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Follower } from "../../serving/snapshot/follower.ts";
import { Freshness } from "../../serving/snapshot/freshness.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import { ofStreams, type Position, parsePosition } from "../../shared/position.ts";
import type { Entry, VersionManifest } from "../../shared/store/layout.ts";
import { bestSnapshot, publishVersion } from "../../shared/store/versions.ts";
import { Generation } from "../../speed/generation.ts";
import { until } from "../support/until.ts";
import { stream } from "../support/view-case.ts";
import { World } from "./world.ts";

let world: World;
let first: VersionManifest;
beforeEach(async () => {
  world = await World.open({ stream: stream("events", { g: "VARCHAR" }), views: {} });
  first = await world.firstVersion();
});
afterEach(() => world.close());

const named = (name: string): StreamDefinition => ({ ...stream(name, { g: "VARCHAR" }), partitions: 1 });

function publish(cut: Position): Promise<VersionManifest> {
  const definition = { ...first.definition, streams: Object.keys(cut).map(named) };
  return publishVersion(world.store, { ...first, cause: "batch", definition, cut, origin: cut });
}

/** An entry without rows that takes a version's delta there. */
async function deltaUpTo(version: VersionManifest, position: Position): Promise<void> {
  const entry: Entry = {
    sequence: 0,
    from: version.cut,
    upto: position,
    events: 0,
    dead: 0,
    duplicates: 0,
    late: 0,
    deadFile: null,
    views: {},
    level: 0,
    latest: 0,
  };
  await (await Generation.create(world.store, version, 0)).commit([entry], world.now);
}

const cases: readonly {
  what: string;
  before: Position;
  delta?: Position;
  after: Position;
  answers: "before" | "after";
}[] = [
  { what: "one left", before: { a: { 0: 5 }, b: { 0: 7 } }, after: { a: { 0: 5 } }, answers: "after" },
  {
    what: "one left, and the other went on",
    before: { a: { 0: 5 }, b: { 0: 7 } },
    after: { a: { 0: 6 } },
    answers: "after",
  },
  {
    what: "one left, and the delta before covers more of the other",
    before: { a: { 0: 5 }, b: { 0: 7 } },
    delta: { a: { 0: 9 }, b: { 0: 7 } },
    after: { a: { 0: 5 } },
    answers: "before",
  },
  {
    what: "one left, and the delta before covers more of that one only",
    before: { a: { 0: 5 }, b: { 0: 7 } },
    delta: { a: { 0: 5 }, b: { 0: 20 } },
    after: { a: { 0: 5 } },
    answers: "after",
  },
  { what: "one came", before: { a: { 0: 5 } }, after: { a: { 0: 5 }, b: { 0: 0 } }, answers: "after" },
  {
    what: "one came, and the delta before covers more of the other",
    before: { a: { 0: 5 } },
    delta: { a: { 0: 8 } },
    after: { a: { 0: 5 }, b: { 0: 0 } },
    answers: "before",
  },
  { what: "all are others", before: { a: { 0: 5 } }, delta: { a: { 0: 8 } }, after: { b: { 0: 0 } }, answers: "after" },
];

describe("of versions with different streams", () => {
  it.each(cases)("all readers answer from the same one: $what", async ({ before, delta, after, answers }) => {
    const old = await publish(before);
    const running = await Follower.open(world.store, world.duck, world.say);
    if (delta) await deltaUpTo(old, delta);
    await running.tick();
    expect(running.manifest.number).toBe(old.number);
    const now = await publish(after);
    const expected = answers === "before" ? old.number : now.number;
    expect((await bestSnapshot(world.store))!.manifest.number).toBe(expected);
    const started = await Follower.open(world.store, world.duck, world.say);
    expect(started.manifest.number).toBe(expected);
    for (let i = 0; i < 3; i++) await running.tick();
    await until(async () => {
      await running.tick();
      return running.manifest.number === expected;
    });
    if (answers === "before") {
      // once the newer one has come there, it is taken
      await deltaUpTo(now, { ...now.cut, ...ofStreams(delta!, Object.keys(after)) });
      expect((await bestSnapshot(world.store))!.manifest.number).toBe(now.number);
      for (const follower of [running, started])
        await until(async () => {
          await follower.tick();
          return follower.manifest.number === now.number;
        });
    }
    for (const follower of [running, started]) await follower.close();
  });

  it("a position of before is waited for in what is left, and its age is known", async () => {
    await publish({ a: { 0: 5 }, b: { 0: 7 } });
    await publish({ a: { 0: 5 } });
    const follower = await Follower.open(world.store, world.duck, world.say);
    const old = parsePosition("a@0:5;b@0:7", follower.origin);
    expect(await follower.covers(old, 0)).toBe(true);
    // of who has asked before the version was taken
    expect(await follower.covers({ a: { 0: 5 }, b: { 0: 7 } }, 0)).toBe(true);
    expect(await follower.covers({ a: { 0: 6 }, b: { 0: 7 } }, 0)).toBe(false);
    const freshness = new Freshness();
    freshness.note(1000, { a: { 0: 5 }, b: { 0: 9 } });
    expect(freshness.lagMs(follower.position, 1100)).toBe(0);
    await follower.close();
  });
});
