import { afterEach, expect, it } from "vitest";
import { Follower } from "../../serving/snapshot/follower.ts";
import { formatPosition } from "../../shared/position.ts";
import { layout, type VersionManifest } from "../../shared/store/layout.ts";
import { publishVersion } from "../../shared/store/versions.ts";
import { catchUp, World } from "../pipeline/world.ts";
import { until } from "../support/until.ts";
import { stream } from "../support/view-case.ts";

const events = { ...stream("events", { g: "VARCHAR" }), partitions: 2 };
const views = { all: "SELECT g, count(*) AS n FROM events GROUP BY g" };
let world: World;
let follower: Follower;

afterEach(async () => {
  await follower.close();
  await world.close();
});

async function open(shards: number): Promise<VersionManifest> {
  world = await World.open({ stream: events, views, shards });
  const version = await world.firstVersion();
  follower = await Follower.open(world.store, world.duck, world.say);
  return version;
}

const sent = (partition: number) => ({ partition, value: '{"g":"a"}', valid: true });

it("follows on when the files of all shards were compacted away between two polls", async () => {
  const version = await open(2);
  const writers = [await world.writer(version, 0), await world.writer(version, 1)];
  for (let flush = 0; flush < 40; flush++) {
    await world.append([sent(0), sent(1)]);
    world.now += 30_000; // replaced files go after their grace
    for (const writer of writers) await catchUp(world, writer);
    if (flush === 11) await follower.tick();
  }
  // the last compactions, and the removal of what they replaced
  await until(async () => {
    world.now += 70_000;
    await world.append([sent(0), sent(1)]);
    for (const writer of writers) await catchUp(world, writer);
    return (await world.store.list(`${layout.generation(0, 0, 1)}`)).length < 30;
  });
  await follower.tick();
  expect(formatPosition(follower.position)).toBe(formatPosition(world.end));
  expect(follower.complaint).toBe("");
  for (const writer of writers) await writer.close();
});

it("does not go back when the next version has a stream more", async () => {
  const version = await open(1);
  const writer = await world.writer(version, 0);
  await world.append([sent(0), sent(1)]);
  await catchUp(world, writer);
  await follower.tick();
  expect(formatPosition(follower.position)).toBe("events@0:1,1:1");
  const other = { ...events, name: "others", topic: "others" };
  const definition = { ...version.definition, streams: [events, other] };
  const origin = { ...version.origin, others: { 0: 0, 1: 0 } };
  const next = await publishVersion(world.store, { ...version, definition, origin, cut: origin, cause: "batch" });
  await world.log.ensure(other);
  const ahead = await world.writer(next, 0);
  for (let poll = 0; poll < 20; poll++) {
    await follower.tick();
    await new Promise((resolve) => setImmediate(resolve));
    expect(follower.position.events).toEqual({ 0: 1, 1: 1 });
  }
  await until(async () => {
    await ahead.step();
    await follower.tick();
    return follower.streams.length === 2;
  });
  expect(formatPosition(follower.position)).toBe("events@0:1,1:1;others@0:0,1:0");
  for (const each of [writer, ahead]) await each.close();
});

it("says why it can't serve a newer version, leaves nothing of it behind, and is content again once it can", async () => {
  const version = await open(1);
  const file = { name: "version-files/none/all.parquet", bytes: 1, sha256: "0".repeat(64) };
  await publishVersion(world.store, { ...version, views: { all: { file, rows: 1 } }, cause: "batch" });
  const tables = async () =>
    Number(await world.oracle.value("SELECT count(*) FROM duckdb_tables() WHERE NOT temporary"));
  const before = await tables();
  await until(async () => {
    await follower.tick();
    return follower.complaint !== "";
  });
  expect(follower.complaint).toMatch(/^version 1 can't be served: version-files\/none\/all.parquet is missing/);
  for (let poll = 0; poll < 50; poll++) await follower.tick();
  await until(async () => (await tables()) === before);
  expect(follower.pin().manifest.number).toBe(0);
});

it("starts where the last server was, while the next version's delta catches up", async () => {
  const version = await open(1);
  const writer = await world.writer(version, 0);
  await world.append([sent(0), sent(1)]);
  await catchUp(world, writer);
  const next = await world.runBatch();
  await world.append([sent(0), sent(1)]);
  await catchUp(world, writer);
  await follower.tick();
  const servedAt = formatPosition(follower.position);
  expect(servedAt).toBe("events@0:2,1:2");
  await follower.close();
  follower = await Follower.open(world.store, world.duck, world.say);
  expect([follower.manifest.number, formatPosition(follower.position)]).toEqual([version.number, servedAt]);
  const ahead = await world.writer(next, 0);
  await catchUp(world, ahead);
  await until(async () => {
    await follower.tick();
    return follower.manifest.number === next.number;
  });
  expect(formatPosition(follower.position)).toBe(servedAt);
  await ahead.close();
  await writer.close();
});
