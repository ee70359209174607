/** Partitions that are added to a topic count from their first record on, in both layers, without a new data folder. */
import { afterEach, expect, it } from "vitest";
import { repair } from "../../batch/repair.ts";
import { runBatch } from "../../batch/run.ts";
import { Producer } from "../../ingest/producer.ts";
import { covers, formatPosition, parsePosition, withAdded } from "../../shared/position.ts";
import { logStream, originOf } from "../../shared/store/origin.ts";
import { checkedRows } from "../../shared/store/snapshot-rows.ts";
import { newestVersion, snapshotOf } from "../../shared/store/versions.ts";
import { StreamsWorld, steps } from "./streams-world.ts";

let world: StreamsWorld;
afterEach(() => world.close());
const streamOf = () => logStream(world.stream("a"));

it.each([1, 3])("with %i shards, while they run and after a takeover", { timeout: 60_000 }, async (shards) => {
  world = await StreamsWorld.open({ shards });
  let version = await world.firstVersion();
  const all = () => Promise.all(Array.from({ length: shards }, (_, shard) => world.writer(version, shard)));
  let writers = await all();
  const stepAll = async () => {
    for (const writer of writers) await steps(writer, 6);
  };
  const append = async (partitions: number) => {
    for (let partition = 0; partition < partitions; partition++) await world.append("a", partition, 3);
    await world.append("b", 0, 3);
  };
  await append(2);
  await stepAll();
  const before = formatPosition(await world.exact());
  world.log.setPartitions(streamOf(), 4);
  await append(4);
  for (const writer of writers) await writer.grow(world.stream("a"), 4);
  await stepAll();
  expect(await world.exact()).toEqual({ a: { 0: 6, 1: 6, 2: 3, 3: 3 }, b: { 0: 6 } });
  // what was committed before has the partitions of then, and is covered
  const now = await world.exact();
  expect(covers(now, parsePosition(before, withAdded(version.origin, now)))).toBe(true);
  version = (await runBatch(world.batch)).manifest;
  expect(version.proof.state).toBe("proved");
  expect(version.cut).toEqual(now);
  for (const writer of writers) await writer.close();
  world.log.setPartitions(streamOf(), 5);
  await append(5);
  writers = await all();
  await stepAll();
  expect(await world.exact()).toEqual({ a: { 0: 9, 1: 9, 2: 6, 3: 6, 4: 3 }, b: { 0: 9 } });
  // without a delta near it, batch reads the log to its end by itself
  await append(5);
  expect((await runBatch({ ...world.batch }, "incremental")).manifest.cut).toMatchObject({ a: { 4: 3 } });
  for (const writer of writers) await writer.close();
  expect((await newestVersion(world.store))!.origin).toMatchObject({ a: { 0: 0, 4: 0 } });
});

it("what was lost of one before it was seen is a loss with its name, and can be accepted", async () => {
  world = await StreamsWorld.open();
  const writer = await world.writer(await world.firstVersion());
  world.log.setPartitions(streamOf(), 3);
  await world.append("a", 2, 5, true);
  await world.log.trim(streamOf(), new Map([[2, 5]]));
  await world.append("a", 2, 2);
  await world.append("b", 0, 2);
  await steps(writer);
  expect(writer.stopped.get("a")).toMatchObject({ code: "LOG_RANGE", facts: { partition: 2, offset: 0, first: 5 } });
  expect((await repair(world.batch, false))!.missing).toMatchObject([{ partition: 2, from: 0, upto: 5 }]);
  await repair(world.batch, true);
  await writer.close();
  const again = await world.writer((await newestVersion(world.store))!);
  await steps(again);
  expect(await world.exact()).toEqual({ a: { 0: 0, 1: 0, 2: 7 }, b: { 0: 2 } });
  await again.close();
});

it("a request that is sent again after it goes where it went before, and counts once", async () => {
  world = await StreamsWorld.open({ a: { key: "g" } });
  const writer = await world.writer(await world.firstVersion());
  const a = world.stream("a");
  const send = async () => {
    const { partitions } = await originOf(world.store, world.log, a);
    const producer = await Producer.open(world.log, a, { request: "load-1", partitions });
    for (let x = 0; x < 40; x++) await producer.add(Buffer.from(JSON.stringify({ g: `k${x}`, x })));
    await producer.flush();
  };
  await send();
  await steps(writer);
  world.log.setPartitions(streamOf(), 5);
  await writer.grow(a, 5);
  await send();
  await steps(writer);
  expect(Object.keys(writer.position.a!)).toEqual(["0", "1"]);
  const session = await world.session();

  const manifest = (await newestVersion(world.store))!;
  const snapshot = await snapshotOf(world.store, manifest);
  const view = manifest.definition.views.find(({ name }) => name === "of_a")!;
  const rows = `SELECT count(*) || ' ' || sum(n) FROM (${await checkedRows(world.store, snapshot, view)})`;
  expect(await session.value(rows)).toBe("40 40");
  await writer.close();
});

it("a stream that suppresses repeated ids refuses them by name", async () => {
  world = await StreamsWorld.open({ a: { id: "g", dedupMs: 60_000 } });
  const writer = await world.writer(await world.firstVersion());
  await world.append("b", 0, 2);
  world.log.setPartitions(streamOf(), 3);
  await world.append("b", 0, 2);
  await steps(writer);
  expect(writer.stopped.get("a")!.line).toContain('stream "a" suppresses repeated ids');
  expect(writer.position).toMatchObject({ b: { 0: 4 } });
  await writer.close();
});
