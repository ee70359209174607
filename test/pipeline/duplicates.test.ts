/** The same winner in archive, speed, rebuild and replay, wherever the log is cut, taken over or forgotten. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { archive } from "../../batch/archive.ts";
import { runArchive } from "../../batch/archive-streams.ts";
import { rebuild } from "../../batch/rebuild.ts";
import { Archive } from "../../shared/archive/archive.ts";
import { Records } from "../../shared/archive/records.ts";
import { logStream } from "../../shared/store/origin.ts";
import { bestSnapshot } from "../../shared/store/versions.ts";
import { isFull } from "../support/share.ts";
import { stream } from "../support/view-case.ts";
import { seededNumbers } from "../views/seeded.ts";
import { catchUp, World } from "./world.ts";

const views = {
  groups: "SELECT g, count(*) AS n, sum(x) AS x FROM events GROUP BY g",
  latest: "SELECT g, first(x) AS f, last(x) AS l, count(DISTINCT x) AS d FROM events GROUP BY g",
};
const minute = 60_000;
const events = {
  ...stream("events", { e: "VARCHAR?", g: "VARCHAR", x: "INTEGER" }),
  id: "e",
  dedupMs: 10 * minute,
  partitions: 2,
};

let world: World;
beforeEach(async () => {
  world = await World.open({ stream: events, views });
});
afterEach(() => world.close());

const exact = async () => world.expectExact((await bestSnapshot(world.store))!);

/** One long random pipeline: whatever takes over, forgets or replays, the same records count. */
async function sameWinner(suppressedMin: number): Promise<void> {
  const steps = isFull ? 60 : 24;
  const seed = Number(process.env.SEED || Math.floor(Math.random() * 2 ** 31));
  const random = seededNumbers(seed);
  const int = (below: number) => Math.floor(random() * below);
  const sent = [{ partition: 0, id: { request: "r0", sequence: 0 } }];
  const some = async () => {
    const list = Array.from({ length: 1 + int(15) }, () => {
      const fresh = { partition: int(2), id: { request: `r${int(3)}`, sequence: sent.length } };
      // one that is sent again comes soon after the first, or long after
      const lately = sent.slice(random() < 0.8 ? -30 : 0);
      const { partition, id } = random() < 0.3 ? lately[int(lately.length)]! : fresh;
      sent.push(fresh);
      const value = JSON.stringify({ e: random() < 0.1 ? null : `e${int(25)}`, g: `g${int(3)}`, x: int(1000) });
      const valid = random() > 0.1;
      return { partition, value: valid ? value : "{", valid, ...(random() < 0.4 ? { id } : {}) };
    });
    await world.append(list);
    world.now += int(4) * minute + (random() < 0.03 ? 25 * 60 * minute : 0);
  };
  try {
    let version = await world.firstVersion();
    let writer = await world.writer(version, 0);
    for (let step = 0; step < steps; step++) {
      await some();
      const what = int(9);
      if (what < 4) await writer.step();
      else if (what === 4) await runArchive(world.batch);
      else if (what === 5) {
        await writer.close();
        writer = await world.writer(version, 0);
      } else if (what === 6) {
        version = await world.runBatch();
        await writer.close();
        writer = await world.writer(version, 0);
      } else if (what === 7) {
        // the log forgets what is archived: a window must still reach back there
        await runArchive(world.batch);
        const ends = await world.log.end(logStream(world.stream));
        await world.log.trim(logStream(world.stream), new Map(ends.map((end, partition) => [partition, end])));
      } else {
        // a damaged writer, or a second one, begins where the first one was
        const second = await world.writer(version, 0);
        await second.step();
        await writer.close();
        writer = second;
      }
      await exact();
    }
    await catchUp(world, writer);
    await writer.close();
    await exact();
    const final = await world.runBatch();
    expect(final.proof.state).toBe("proved");
    await exact();
    const quick = { views: [], fullSpeed: true, perStep: 50, sleep: async () => undefined, onStep: () => undefined };
    const again = await rebuild({ batch: world.batch, ...quick });
    expect(again.views.map((view) => view.differences.length)).toEqual([0, 0]);
    expect(again.manifest).toMatchObject({ events: final.events, dead: final.dead, duplicates: final.duplicates });
    expect(again.manifest.duplicates).toBeGreaterThan(suppressedMin);
  } catch (error) {
    throw new Error(`SEED=${seed}: ${String(error)}`, { cause: error });
  }
}

describe("duplicate suppression", () => {
  it("has the same winner in every layer, from any seed", { timeout: 120_000 }, () => sameWinner(5));

  it("has the same winner where only requests are compared", { timeout: 120_000 }, async () => {
    await world.close();
    world = await World.open({ stream: { ...events, dedupMs: null }, views });
    await sameWinner(0);
  });

  it("takes over in the same phase of an id that keeps coming", async () => {
    const version = await world.firstVersion();
    const began = world.now;
    const at = async (...minutes: number[]) => {
      for (const each of minutes) {
        world.now = began + each * minute;
        await world.append([{ partition: 0, value: '{"e":"X","g":"g","x":1}', valid: true }]);
      }
    };
    let writer = await world.writer(version, 0);
    for (const minutes of [[0], [5, 12, 20, 29, 38, 47]]) {
      await at(...minutes);
      await catchUp(world, writer);
    }
    await writer.close();
    writer = await world.writer(version, 0);
    await at(50);
    await catchUp(world, writer);
    await writer.close();
    await exact();
  });

  it("has an archive run start over where another one has archived further", async () => {
    const version = await world.firstVersion();
    const one = async (sequence: number) => {
      const value = JSON.stringify({ e: null, g: "g", x: sequence });
      await world.append([{ partition: 0, value, valid: true, id: { request: "r", sequence } }]);
    };
    for (const sequence of [0, 1, 2, 2]) await one(sequence);
    const { store, log, stream } = world;
    const session = await world.session();
    const archiverOf = (recordsPerFile: number) => {
      return { store, log, records: new Records(store, log, version.origin), session, recordsPerFile };
    };
    const archived = () => Archive.read(store, version.origin);
    const upto = (offset: number) => ({ events: { 0: offset, 1: 0 } });
    const create = store.createIfAbsent.bind(store);
    let other = false;
    // the other run archives on as soon as the first segment is there, further than this run's next one reaches
    store.createIfAbsent = async (name, content) => {
      const mine = await create(name, content);
      if (!other && name.startsWith("archive/")) {
        other = true;
        await archive(archiverOf(2), await archived(), [stream], upto(3));
      }
      return mine;
    };
    await archive(archiverOf(1), await archived(), [stream], upto(4));
    store.createIfAbsent = create;
    expect((await world.runBatch()).events).toBe(3);
    await exact();
  });

  it("does not read from the log what the delta carries", async () => {
    await world.close();
    world = await World.open({ stream: { ...events, dedupMs: null }, views });
    const version = await world.firstVersion();
    let writer = await world.writer(version, 0);
    for (let i = 0; i < 20; i++) {
      const value = JSON.stringify({ e: null, g: "g", x: i });
      await world.append([{ partition: 0, value, valid: true, id: { request: "r", sequence: i } }]);
      await writer.step();
      await writer.settled();
    }
    await writer.close();
    const from: number[] = [];
    const read = world.log.read.bind(world.log);
    world.log.read = async (stream, at) => {
      from.push(at.get(0) ?? -1);
      return read(stream, at);
    };
    writer = await world.writer(version, 0);
    // what came before is known all the same
    await world.append([
      { partition: 0, value: '{"e":null,"g":"g","x":3}', valid: true, id: { request: "r", sequence: 3 } },
    ]);
    await writer.step();
    await writer.close();
    expect(from).toEqual([20]);
    await exact();
  });

  it("begins, and changes, at the cut of the version that says so", async () => {
    const plain = { ...events, dedupMs: null };
    const other = await World.open({ stream: plain, views });
    try {
      const twice = async (x: number) => {
        const value = JSON.stringify({ e: "same", g: "g", x });
        await other.append([{ partition: 0, value, valid: true }]);
      };
      await other.firstVersion();
      for (let x = 0; x < 3; x++) await twice(x);
      const one = await other.runBatch();
      expect(one).toMatchObject({ events: 3, duplicates: 0 });
      await other.define(views, 1, events);
      const two = await other.runBatch();
      // what was archived without a window stays as it was recorded
      expect(two).toMatchObject({ events: 3, duplicates: 0 });
      const writer = await other.writer(two, 0);
      await other.log.append(logStream(plain), [
        { partition: 0, key: null, value: Buffer.from('{"e":"same","g":"g","x":3}') },
        { partition: 0, key: null, value: Buffer.from('{"e":"same","g":"g","x":4}') },
      ]);
      await writer.step();
      await writer.close();
      const three = await other.runBatch();
      expect(three).toMatchObject({ events: 4, duplicates: 1, proof: { state: "proved" } });
    } finally {
      await other.close();
    }
  });
});
