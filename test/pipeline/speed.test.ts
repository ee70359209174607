/**
 * The speed layer's promises, one by one: restarts, takeovers, zombies, failed views, compaction, hand-over,
 * shards.
 */
import { afterEach, describe, expect, it, vi } from "vitest";
import { runArchive } from "../../batch/archive-streams.ts";
import { clean } from "../../batch/clean.ts";
import type { Log } from "../../shared/log/log.ts";
import { MemoryLog } from "../../shared/log/memory.ts";
import { covers, equals, ofShard, places } from "../../shared/position.ts";
import { Incidents, incidentsIn } from "../../shared/store/incidents.ts";
import { layout, type VersionManifest } from "../../shared/store/layout.ts";
import { ensureVersion, logStream } from "../../shared/store/origin.ts";
import { failureOf, filesOf } from "../../shared/store/partials.ts";
import { newestHead, snapshotOf } from "../../shared/store/versions.ts";
import { runSpeed } from "../../speed/daemon.ts";
import { DeltaWriter } from "../../speed/delta-writer.ts";
import { ShardWatch } from "../../speed/watch.ts";
import { behind } from "../support/store.ts";
import { until } from "../support/until.ts";
import { stream } from "../support/view-case.ts";
import { catchUp, isError, World } from "./world.ts";

const events = stream("events", { g: "VARCHAR", s: "VARCHAR?" });
const views = { groups: "SELECT g, count(*) AS n FROM events GROUP BY g" };
const event = (partition: number, g: string, s: string | null = null) => ({
  partition,
  value: JSON.stringify({ g, s }),
  valid: true,
});
const failing = (code: string) => (error: unknown) => isError(error, code);

describe("speed", () => {
  let world: World;
  let version: VersionManifest;
  const open = async (options: { views?: Record<string, string>; shards?: number; partitions?: number } = {}) => {
    const partitions = options.partitions ?? 2;
    world = await World.open({
      stream: { ...events, partitions },
      views: options.views ?? views,
      shards: options.shards ?? 1,
    });
    version = await world.firstVersion();
  };
  afterEach(() => world.close());
  const exact = async (manifest = version) => world.expectExact(await snapshotOf(world.store, manifest));

  it("resumes exactly where it ended", async () => {
    await open();
    await world.append([event(0, "a"), event(1, "b"), { partition: 0, value: "{", valid: false }]);
    const first = await world.writer(version, 0);
    await catchUp(world, first);
    await first.close();
    const second = await world.writer(version, 0);
    expect(equals(second.position, first.position)).toBe(true);
    expect(await second.step()).toBe(0);
    await world.append([event(0, "a")]);
    await catchUp(world, second);
    expect(second.events).toBe(1);
    expect(await exact()).toBe(1);
  });

  it("keeps what it took over when the older generation is cleaned, and a zombie without a generation stops", async () => {
    await open();
    const [sleeper, older] = [await world.writer(version, 0), await world.writer(version, 0)];
    await world.append([event(0, "a"), event(1, "b")]);
    await catchUp(world, older);
    const newer = await world.writer(version, 0);
    behind(world.store).age(layout.owner(version.number, 0, newer.generation.number), 3_600_000);
    await clean(world.store, 3);
    expect(await world.store.list(layout.generations(version.number, 0))).toEqual(["000003"]);
    expect(await exact()).toBe(1);
    await world.append([event(0, "c")]);
    for (const zombie of [sleeper, older, older])
      await expect(zombie.step()).rejects.toSatisfy(failing("SPEED_FENCED"));
    await catchUp(world, newer);
    expect(await exact()).toBe(1);
  });

  it("cleans up after writers that are long gone, where they come and go without a batch", async () => {
    await open();
    for (let i = 1; i <= 4; i++) {
      const writer = await world.writer(version, 0);
      await world.append([event(0, "a")]);
      await catchUp(world, writer);
      await writer.close();
      if (i <= 2) behind(world.store).age(layout.owner(version.number, 0, i), 3_600_000);
    }
    // the second stood for long: whoever read the first has gone on by now; those who read the second may just
    // have begun
    expect(await world.store.list(layout.generations(version.number, 0))).toEqual(["000002", "000003", "000004"]);
    expect(await exact()).toBe(1);
  });

  it("lets a fenced writer change no answer, however often it goes on", async () => {
    await open();
    const [zombie, newer] = [await world.writer(version, 0), await world.writer(version, 0)];
    for (const g of ["a", "b", "c"]) {
      await world.append([event(0, g), event(1, g)]);
      await expect(zombie.step()).rejects.toSatisfy(failing("SPEED_FENCED"));
      await newer.step();
      await exact();
    }
    await catchUp(world, newer);
    expect((await newestHead(world.store, version.number, 0))!.generation).toBe(2);
    await exact();
  });

  it("loses nothing of a micro-batch whose commit failed", async () => {
    await open();
    const writer = await world.writer(version, 0);
    await catchUp(world, writer);
    await world.append([event(0, "a"), event(1, "b")]);
    const full = vi.spyOn(world.store, "replaceOwn").mockRejectedValue(new Error("no space left on device"));
    await until(() =>
      writer.step().then(
        () => false,
        () => true,
      ),
    );
    full.mockRestore();
    await world.append([event(0, "c")]);
    await catchUp(world, writer);
    expect(await exact()).toBe(1);
  });

  it("reads the archive when the log is trimmed under its open reader", async () => {
    await open();
    const writer = await world.writer(version, 0);
    await world.append([event(0, "a")]);
    await catchUp(world, writer);
    await world.append([event(0, "b"), event(1, "c"), { partition: 1, value: "{", valid: false }]);
    await runArchive(world.batch);
    await world.log.trim(logStream(world.stream), new Map([[0, 2], [1, 2]])); // biome-ignore format: pairs
    await catchUp(world, writer);
    expect(await exact()).toBe(1);
  });

  it("marks a view whose SQL fails on valid events, at its offset, for good; the others go on", async () => {
    await open({ views: { ...views, sums: "SELECT g, sum(s::BIGINT) AS n FROM events GROUP BY g" } });
    await world.append([event(0, "a", "1"), event(1, "a", "2")]);
    let writer = await world.writer(version, 0);
    await catchUp(world, writer);
    await world.append([event(1, "a", "3"), event(1, "a", "ten"), event(1, "a", "4")]);
    await catchUp(world, writer);
    const at = { stream: "events", partition: 1, offset: 2 };
    const failure = async (manifest: VersionManifest) => failureOf(await snapshotOf(world.store, manifest), "sums");
    expect(await failure(version)).toMatchObject({ at });
    expect(world.said.at(-1)).toContain("view sums FAILED at events partition 1 offset 2");
    expect(await exact()).toBe(1);
    const incidents = new Incidents(world.store, "speed-0", () => world.now);
    const watch = new ShardWatch({ ...world, incidents, shard: 0, now: () => world.now, say: world.say });
    await watch.poll(writer, null);
    const incident = { kind: "view-failed", subject: "sums", code: "SERVE_VIEW_FAILED", views: ["sums"] };
    expect(await incidentsIn(world.store)).toMatchObject([{ role: "speed-0", ...incident }]);

    await writer.close();
    writer = await world.writer(version, 0);
    await world.append([event(0, "b", "5")]);
    await catchUp(world, writer);
    expect(await failure(version)).toMatchObject({ at });

    const next = await world.runBatch();
    expect(next.views.sums).toMatchObject({ file: null, failed: { at } });
    const ahead = await world.writer(next, 0);
    await world.append([event(0, "c", "6")]);
    await catchUp(world, ahead);
    expect(await failure(next)).toMatchObject({ at });
    expect(await exact(next)).toBe(1);
  });

  it("takes the machine's failure for no failure of the view", async () => {
    await open();
    const writer = await world.writer(version, 0);
    await world.append([event(0, "a")]);
    const scratch = vi.spyOn(world.store, "scratch").mockReturnValue("/nowhere/entry.parquet");
    await until(() =>
      writer.step().then(
        () => false,
        (error: Error) => error.message.startsWith("IO Error"),
      ),
    );
    scratch.mockRestore();
    await catchUp(world, writer);
    expect(failureOf(await snapshotOf(world.store, version), "groups")).toBeNull();
    expect(await exact()).toBe(1);
  });

  it("keeps few entries over many flushes, and removes replaced files only after their grace", async () => {
    await open();
    const writer = await world.writer(version, 0);
    const flushes = Number(process.env.FLUSHES ?? 120);
    let most = 0;
    for (let i = 0; i < flushes; i++) {
      await world.append([event(i % 2, `g${i % 7}`)]);
      await writer.step();
      most = Math.max(most, (await newestHead(world.store, version.number, 0))!.entries.length);
    }
    expect(most).toBeLessThan(40);
    await catchUp(world, writer);
    expect(await exact()).toBe(1);
    const folder = layout.generation(version.number, 0, 1);
    const before = await world.store.list(folder);
    await writer.step();
    expect(before.filter((name) => name.endsWith(".parquet")).length).toBeGreaterThanOrEqual(flushes);
    world.now += 61_000;
    await writer.step();
    const head = (await newestHead(world.store, version.number, 0))!;
    // the last compactions may have just replaced some
    expect((await world.store.list(folder)).length).toBeLessThan(head.entries.length + 40);
    for (const file of head.entries.flatMap(filesOf)) await world.store.check(file);
    expect(await exact()).toBe(1);
  }, 60_000);

  it("folds a new version from its cut while the old one goes on, until the new one covers it", async () => {
    await open();
    const stop = new AbortController();
    const done = runSpeed({ ...speedOptions(), shards: null, signal: stop.signal });
    await world.append([event(0, "a"), event(1, "b")]);
    await until(async () => covers((await snapshotOf(world.store, version)).position, world.end));
    const next = await world.runBatch();
    expect(next.proof.state).toBe("proved");
    await world.append([event(0, "c")]);
    await until(async () => covers((await snapshotOf(world.store, next)).position, world.end));
    const head = (await newestHead(world.store, next.number, 0))!;
    expect(equals(head.entries[0]!.from, next.cut)).toBe(true);
    expect(await exact(next)).toBe(1);
    expect(await exact(version)).toBe(1);
    stop.abort();
    await done;
  });

  it("goes on with the old version for a while after the new one covers it, so that answers keep up", async () => {
    await open();
    const stop = new AbortController();
    const done = runSpeed({ ...speedOptions(), shards: null, graceMs: 60_000, signal: stop.signal });
    await world.append([event(0, "a")]);
    await until(async () => covers((await snapshotOf(world.store, version)).position, world.end));
    const versions = [version, await world.runBatch()];
    const both = async () => {
      for (const each of versions)
        await until(async () => covers((await snapshotOf(world.store, each)).position, world.end));
    };
    for (const g of ["b", "c", "d"]) {
      await world.append([event(0, g)]);
      await both();
    }
    for (const each of versions) expect(await exact(each)).toBe(1);
    // a third one: the second, which is served by now, goes on in its turn
    versions.splice(0, 1);
    versions.push(await world.runBatch());
    for (const g of ["e", "f"]) {
      await world.append([event(1, g)]);
      await both();
    }
    for (const each of versions) expect(await exact(each)).toBe(1);
    stop.abort();
    await done;
  });

  it("is a standby for a shard that another has taken over, goes on with its own, and takes it again when that one falls silent", async () => {
    await open({ shards: 2 });
    const stop = new AbortController();
    const done = runSpeed({ ...speedOptions(), shards: null, signal: stop.signal, silentMs: 2000 });
    await until(async () => await newestHead(world.store, version.number, 0));
    const other = await world.writer(version, 0);
    await until(() => world.said.some((line) => line.includes("standing by")));
    await world.append([event(0, "a"), event(1, "b")]);
    await catchUp(world, other);
    await until(async () => covers((await snapshotOf(world.store, version)).position, world.end));
    expect(await exact()).toBe(1);
    // a standby takes over from a writer without heartbeat, which can do no harm when it wakes
    await until(() => world.said.some((line) => line.includes("heartbeat has stopped")));
    await world.append([event(0, "c"), event(1, "d")]);
    await until(async () => covers((await snapshotOf(world.store, version)).position, world.end));
    await expect(other.step()).rejects.toSatisfy(failing("SPEED_FENCED"));
    await other.close();
    expect(await exact()).toBe(1);
    stop.abort();
    await done;
  });

  it.each([2, 3])("covers every partition with %i shards", async (shards) => {
    await open({ shards, partitions: 4 });
    await world.append([0, 1, 2, 3, 3, 0].map((partition) => event(partition, `g${partition}`)));
    const owned = [];
    for (let shard = 0; shard < shards; shard++) {
      const writer = await world.writer(version, shard);
      await catchUp(world, writer);
      owned.push(...places(writer.position));
      expect(places(writer.position)).toEqual(places(ofShard(world.end, shard, shards)));
    }
    expect(owned.map((place) => place.partition).sort()).toEqual([0, 1, 2, 3]);
    expect(await exact()).toBe(1);
  });

  it.each([-1, 2, 0.5])("refuses shard %d of 2", async (shard) => {
    await open({ shards: 2 });
    const run = runSpeed({ ...speedOptions(), shards: [shard], signal: AbortSignal.abort() });
    await expect(run).rejects.toSatisfy(failing("DEFINITION_SHARDS"));
  });

  it("is loud about a log that lost its tail, below the delta or below the archive", async () => {
    await open();
    await world.append([event(0, "a"), event(0, "b")]);
    const writer = await world.writer(version, 0);
    await catchUp(world, writer);
    await writer.close();
    const log = changed(world.log, { end: async () => [1, 0] });
    const options = { ...speedOptions(), log, shards: null, signal: new AbortController().signal };
    await expect(runSpeed(options)).rejects.toSatisfy(failing("STORE_BEYOND_LOG"));
    await runArchive(world.batch);
    await expect(runArchive({ ...world.batch, log })).rejects.toSatisfy(failing("STORE_BEYOND_LOG"));
  });

  it("is loud about a topic that was deleted, and about one that was recreated or has other partitions", async () => {
    await open();
    const other = new MemoryLog();
    const opening = () => ensureVersion(world.store, other, async () => world.definition);
    await expect(opening()).rejects.toSatisfy(failing("LOG_STREAM_MISSING"));
    const topic = logStream(world.stream);
    await expect(other.end(topic)).rejects.toSatisfy(failing("LOG_STREAM_MISSING"));
    await other.ensure(topic);
    await expect(opening()).rejects.toSatisfy(failing("LOG_PARTITIONS"));
    const { id, first } = await world.log.ensure(topic);
    const fewer = changed(world.log, { ensure: async () => ({ id, first: first.slice(1) }) });
    await expect(ensureVersion(world.store, fewer, async () => world.definition)).rejects.toSatisfy(
      failing("LOG_PARTITIONS"),
    );
  });

  it("opens a writer only where its first HEAD is committed", async () => {
    await open();
    const session = await world.session();
    const options = { store: world.store, log: world.log, session, compactSession: session } as never;
    vi.spyOn(world.store, "replaceOwn").mockRejectedValueOnce(new Error("no space"));
    const deltaOptions = { ...(options as object), now: () => 0, say: world.say } as never;
    await expect(DeltaWriter.open(deltaOptions, version, 0)).rejects.toThrow("no space");
    expect(await newestHead(world.store, version.number, 0)).toBeNull();
    const writer = await world.writer(version, 0);
    expect(writer.generation.number).toBe(2);
  });

  it("a disk that is full while partials are published says nothing of the view", async () => {
    await open();
    const writer = await world.writer(version, 0);
    await world.append([event(0, "a")]);
    const full = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    vi.spyOn(world.store, "publish").mockRejectedValueOnce(full);
    await expect(writer.step()).rejects.toThrow("no space left");
    await catchUp(world, writer);
    await writer.close();
    expect(await exact()).toBe(1);
  });

  function speedOptions() {
    const { store, log, say } = world;
    return { store, log, manifest: version, flushMsMax: 1, memoryLimit: "500MB", now: () => world.now, say };
  }
});

/** A log that answers some questions otherwise. */
function changed(log: Log, answers: Partial<Log>): Log {
  return new Proxy(log, {
    get: (target, name: keyof Log) => {
      const found = answers[name] ?? target[name];
      return typeof found === "function" ? found.bind(target) : found;
    },
  });
}
