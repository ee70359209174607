/** What is wrong with one stream stops its own answers; the others go on, in both layers. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { runArchive } from "../../batch/archive-streams.ts";
import { rebuild } from "../../batch/rebuild.ts";
import { repair } from "../../batch/repair.ts";
import { runBatch } from "../../batch/run.ts";
import type { TidemarkError } from "../../shared/errors.ts";
import { Incidents, incidentsIn } from "../../shared/store/incidents.ts";
import { logStream } from "../../shared/store/origin.ts";
import { ShardWatch } from "../../speed/watch.ts";
import { StreamsWorld, steps } from "./streams-world.ts";

const sleep = async () => undefined;
let world: StreamsWorld;
beforeEach(async () => {
  world = await StreamsWorld.open();
});
afterEach(() => world.close());

/** Each makes trouble of stream a, whose log then ends otherwise than it did. */
const troubles = {
  "a topic that was deleted": {
    code: "LOG_STREAM_MISSING",
    make: () => world.log.setPartitions(logStream(world.stream("a")), 0),
  },
  "a topic that was recreated": {
    code: "LOG_PARTITIONS",
    make: async () => {
      const a = logStream(world.stream("a"));
      world.log.setPartitions(a, 0);
      await world.log.ensure(a);
      await world.append("a", 0, 50, true);
    },
  },
  "a topic with fewer partitions": {
    code: "LOG_PARTITIONS",
    make: () => world.log.setPartitions(logStream(world.stream("a")), 1),
  },
  "offsets that were lost": {
    code: "LOG_RANGE",
    make: async () => {
      const a = logStream(world.stream("a"));
      const lost = Array.from({ length: 5 }, () => ({ partition: 0, key: null, value: Buffer.from("{}") }));
      // at once, so that no process has read them before
      await Promise.all([world.log.append(a, lost), world.log.trim(a, new Map([[0, 14]]))]);
      await world.append("a", 0, 5, true);
    },
  },
};

it.each(Object.entries(troubles))("%s", async (_, { code, make }) => {
  const version = await world.firstVersion();
  let writer = await world.writer(version);
  const incidents = new Incidents(world.store, "speed-0", () => world.now);
  const watched = { ...world, incidents, shard: 0, now: () => world.now, say: (line: string) => world.said.push(line) };
  const watch = new ShardWatch(watched);
  await world.append("a", 0, 10);
  await world.append("a", 1, 10);
  await world.append("b", 0, 10);
  await steps(writer);
  const before = await world.exact();
  expect(before).toEqual({ a: { 0: 10, 1: 10 }, b: { 0: 10 } });
  await runArchive(world.batch);
  await make();
  // another writer takes over, too: it can't read the stream either
  for (const again of [false, true]) {
    if (again) {
      await writer.close();
      writer = await world.writer(version);
    }
    await world.append("b", 0, 10);
    await steps(writer);
    expect([...writer.stopped.values()].map((error) => error.code)).toEqual([code]);
    await watch.poll(writer, null);
  }
  expect(await world.exact()).toMatchObject({ b: { 0: 30 } });
  expect(await incidentsIn(world.store)).toMatchObject([
    { role: "speed-0", kind: "stream-stopped", subject: "a", code, streams: ["a"], views: ["of_a", "of_both"] },
  ]);
  // batch archives the other one, and makes versions where all that is answered is archived
  let stopped: readonly string[] = [];
  const batch = {
    ...world.batch,
    onStopped: (found: ReadonlyMap<string, TidemarkError>) => (stopped = [...found.keys()]),
  };
  expect(await runArchive(batch)).toBe(20);
  expect(stopped).toEqual(["a"]);
  const { manifest } = await runBatch(batch);
  expect(manifest.proof.state).toBe("proved");
  expect(manifest.cut).toMatchObject({ b: { 0: 30 } });
  const next = await world.writer(manifest);
  await world.append("b", 0, 10);
  await steps(next);
  expect(await world.exact()).toMatchObject({ b: { 0: 40 } });
  // so does a rebuild, from the beginning
  const replayed = await rebuild({ batch, views: [], fullSpeed: true, perStep: 7, sleep, onStep: () => undefined });
  expect(replayed.manifest).toMatchObject({ cause: "rebuild", proof: { state: "proved" } });
  const last = await world.writer(replayed.manifest);
  await world.append("b", 0, 10);
  await steps(last);
  expect(await world.exact()).toMatchObject({ b: { 0: 50 } });
  for (const each of [writer, next, last]) await each.close();
});

it("makes no version that would take a stopped stream's answers back, and goes on with it once its loss is accepted", async () => {
  const version = await world.firstVersion();
  const writer = await world.writer(version);
  await world.append("a", 0, 10);
  await world.append("b", 0, 10);
  await steps(writer);
  // speed has read them, batch has not archived them
  await world.log.trim(logStream(world.stream("a")), new Map([[0, 10]]));
  await world.append("a", 0, 5);
  await expect(runBatch(world.batch)).rejects.toMatchObject({
    code: "LOG_RANGE",
    message: expect.stringMatching(/^no version can be published: stream a /),
    facts: { stream: "a" },
  });
  expect(await runArchive(world.batch).catch((error: TidemarkError) => error.code)).toBe(0);
  expect(await world.exact()).toMatchObject({ b: { 0: 10 } });
  const found = await repair(world.batch, true);
  expect(found!.lost).toMatchObject([{ stream: "a", partition: 0, from: 0, upto: 10 }]);
  await steps(writer);
  expect(writer.stopped.size).toBe(0);
  expect(await world.exact()).toEqual({ a: { 0: 15, 1: 0 }, b: { 0: 10 } });
  await writer.close();
});

it("ends where no stream can be read any more", async () => {
  const writer = await world.writer(await world.firstVersion());
  for (const name of ["a", "b"]) world.log.setPartitions(logStream(world.stream(name)), 0);
  await expect(steps(writer)).rejects.toMatchObject({ code: "LOG_STREAM_MISSING" });
  await expect(runArchive(world.batch)).rejects.toMatchObject({ code: "LOG_STREAM_MISSING" });
  await writer.close();
});
