/** The batch layer's promises, one by one: the archive's rows and tiles, publishing, proof, cleaning, and no litter. */
import { writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Archiver, archive } from "../../batch/archive.ts";
import { runArchive } from "../../batch/archive-streams.ts";
import { clean } from "../../batch/clean.ts";
import { runBatch } from "../../batch/run.ts";
import { Archive } from "../../shared/archive/archive.ts";
import { quoteText } from "../../shared/duckdb/duck.ts";
import { isCode, TidemarkError } from "../../shared/errors.ts";
import { History } from "../../shared/history/history.ts";
import { type Head, headFormat, layout, manifestFormat, type VersionManifest } from "../../shared/store/layout.ts";
import { logStream } from "../../shared/store/origin.ts";
import { pin, pinBest, releasePins } from "../../shared/store/pin.ts";
import { seal } from "../../shared/store/sealed.ts";
import { removeTwice, replaceTwice } from "../../shared/store/twice.ts";
import {
  bestSnapshot,
  newestHead,
  publishVersion,
  readVersion,
  snapshotOf,
  versionNumbers,
} from "../../shared/store/versions.ts";
import { scratchOf } from "../support/scratch.ts";
import { behind, openAgain } from "../support/store.ts";
import { stream } from "../support/view-case.ts";
import { catchUp, isError, World } from "./world.ts";

const event = (partition: number, g: string) => ({ partition, value: JSON.stringify({ g }), valid: true });
const failing = (code: string) => (error: unknown) => isError(error, code);

describe("batch", () => {
  let world: World;
  let version: VersionManifest;
  let history: History;
  beforeEach(async () => {
    world = await World.open({
      stream: stream("events", { g: "VARCHAR" }),
      views: { groups: "SELECT g, count(*) AS n FROM events GROUP BY g" },
    });
    version = await world.firstVersion();
    history = new History(world.store, world.log, version.origin);
  });
  afterEach(() => world.close());

  const some = (count: number) => world.append(Array.from({ length: count }, (_, i) => event(i % 2, `g${i % 5}`)));
  const segments = (partition: number) => history.records.segments("events", partition);
  const archived = () => Archive.read(world.store, version.origin);
  const archiver = async (limits: Partial<Archiver> = {}): Promise<Archiver> => {
    const { store, log } = world;
    return { store, log, records: history.records, session: await world.session(), ...limits };
  };
  const flushed = async (manifest = version) => {
    const writer = await world.writer(manifest, 0);
    await catchUp(world, writer);
    await writer.close();
  };
  it("cuts at the log's end when the delta's writer has stopped, and at the delta's position when it runs", async () => {
    await some(4);
    const writer = await world.writer(version, 0);
    await catchUp(world, writer);
    await writer.generation.beat();
    await some(6);
    const proved = await runBatch(world.batch);
    expect([proved.manifest.events, proved.manifest.proof.state]).toEqual([4, "proved"]);
    const next = await world.writer(proved.manifest, 0);
    await next.generation.beat();
    behind(world.store).age(layout.beat(proved.manifest.number, 0, next.generation.number), 60_000);
    const { manifest } = await runBatch(world.batch);
    expect(manifest.events).toBe(10);
    expect(manifest.proof).toMatchObject({
      state: "unproved",
      by: "the delta of version 1 is 6 records behind the log's end, and speed does not run",
    });
    await writer.close();
    await next.close();
  });

  const flip = (name: string) => {
    const bytes = Buffer.from(behind(world.store).read(name));
    bytes[bytes.length >> 1]! ^= 1;
    behind(world.store).write(name, bytes);
  };

  it("archives a row for every record read: dead ones with their bytes and reason, keys and log timestamps kept", async () => {
    const values = ['{"g":"a"}', "{", null, "", '{"g":"b","more":1}'];
    const records = values.map((value, i) => {
      return {
        partition: 1,
        key: i === 0 ? Buffer.from("k") : null,
        value: value === null ? null : Buffer.from(value),
      };
    });
    await world.log.append(logStream(world.stream), records);
    const stamp = world.now;
    await runArchive(world.batch);
    const [segment] = await segments(1);
    expect(segment).toMatchObject({ from: 0, upto: 5, rows: 5, dead: 3, latest: stamp });
    const rows = await (await world.session()).rows(
      `SELECT __offset::INTEGER AS o, g, decode(__key) AS k, decode(__raw) AS raw, __fault IS NULL AS valid,
         epoch_ms(__timestamp)::DOUBLE AS at FROM read_parquet(${quoteText(behind(world.store).path(segment!.file.name))}) ORDER BY 1`,
    );
    expect(rows).toEqual([
      { o: 0, g: "a", k: "k", raw: null, valid: true, at: stamp },
      { o: 1, g: null, k: null, raw: "{", valid: false, at: stamp },
      { o: 2, g: null, k: null, raw: null, valid: false, at: stamp },
      { o: 3, g: null, k: null, raw: "", valid: false, at: stamp },
      { o: 4, g: "b", k: null, raw: null, valid: true, at: stamp },
    ]);
  });

  it.each([{ recordsPerFile: 3 }, { bytesPerFile: 30 }])("closes files at %o, and they tile", async (limits) => {
    await some(20);
    await archive(await archiver(limits), await archived(), [world.stream], world.end);
    for (const partition of [0, 1]) {
      const found = await segments(partition);
      expect(found.length).toBeGreaterThanOrEqual(4);
      expect(found.at(-1)!.upto).toBe(10);
      for (const { rows, from, upto } of found) expect(rows).toBe(upto - from);
      if (limits.recordsPerFile) expect(found.map(({ rows }) => rows)).toEqual([3, 3, 3, 1]);
    }
    expect(await world.expectExact(await snapshotOf(world.store, await world.runBatch()))).toBe(1);
  });

  it("tiles without overlap when two archive at once, and leaves no unnamed file", async () => {
    await some(40);
    const both = [await archiver({ recordsPerFile: 2 }), await archiver({ recordsPerFile: 3 })];
    const done = await Promise.all(
      both.map(async (each) => archive(each, await archived(), [world.stream], world.end)),
    );
    expect(done[0]!.records + done[1]!.records).toBe(40);
    for (const partition of [0, 1]) {
      const found = await segments(partition);
      expect(found.at(-1)!.upto).toBe(20);
      const files = (await world.store.list(layout.segments("events", partition))).filter(
        (name) => !name.endsWith("json"),
      );
      expect(files.length).toBe(found.length);
    }
    expect(scratchOf(world.store)).toEqual([]);
  });

  it("publishes without a hole when two run at once, and refuses a cut that goes back", async () => {
    await some(10);
    const both = await Promise.allSettled([runBatch(world.batch), runBatch(world.batch)]);
    const made = both.flatMap((each) => (each.status === "fulfilled" ? each.value.manifest.number : []));
    for (const each of both) if (each.status === "rejected") expect(isCode(each.reason, "BATCH_STALE")).toBe(true);
    expect(await versionNumbers(world.store)).toEqual([0, ...made.sort()]);
    const { number: _, ...draft } = version;
    await expect(publishVersion(world.store, { ...draft, cause: "batch" })).rejects.toSatisfy(failing("BATCH_STALE"));
  });

  it("cuts at a live writer's position, however far it goes while the run begins", async () => {
    await some(4);
    const writer = await world.writer(version, 0);
    await catchUp(world, writer);
    const { log } = world;
    const end = log.end.bind(log);
    let calls = 0;
    // the writer goes on after the run has read the log's end for the first time
    log.end = async (each) => {
      const before = await end(each);
      if (calls++ === 0) {
        await some(4);
        log.end = end;
        await catchUp(world, writer);
      }
      return before;
    };
    const { manifest } = await runBatch(world.batch);
    expect(manifest.proof.state).toBe("proved");
    expect(manifest.events).toBe(8);
  });

  it("divides an archive file where the cut does, and counts what lies below", async () => {
    await world.append([event(0, "a"), event(1, "b"), { partition: 1, value: "{", valid: false }]);
    await flushed();
    await world.append([event(0, "a"), event(1, "c"), { partition: 0, value: "{", valid: false }]);
    await runArchive(world.batch);
    const manifest = await world.runBatch();
    expect(manifest).toMatchObject({ events: 2, dead: 1, cut: { events: { 0: 1, 1: 2 } }, proof: { state: "proved" } });
    expect(await world.expectExact(await snapshotOf(world.store, manifest))).toBe(1);
    await flushed(manifest);
    expect(await world.expectExact(await snapshotOf(world.store, manifest))).toBe(1);
  });

  it("keeps the last versions and what they name, and nothing else", async () => {
    for (let i = 0; i < 5; i++) {
      await some(4);
      const number = (await world.runBatch()).number;
      if (i === 2) await flushed((await bestSnapshot(world.store))!.manifest);
      expect(number).toBe(i + 1);
    }
    expect(await versionNumbers(world.store)).toEqual([3, 4, 5]);
    expect(await world.store.list(layout.deltas)).toEqual(["00000003"]);
    // an unpublished run's files stay: it may still be under way
    const unnamed = "version-files/other/groups.parquet";
    const scratch = world.store.scratch("x");
    writeFileSync(scratch, "x");
    await world.store.publish(scratch, unnamed, { durable: false });
    await clean(world.store, 3);
    expect(await world.store.exists(unnamed)).toBe(true);
    for (const number of [3, 4, 5])
      await world.expectExact(await snapshotOf(world.store, await readVersion(world.store, number)));
    expect(await world.store.list(layout.pins)).toEqual([]);
  });

  it("keeps what is pinned through compaction, cleaning and new versions", async () => {
    await some(6);
    await flushed();
    const pinned = (await pinBest(world.store, "reader"))!;
    for (let i = 0; i < 3; i++) {
      await some(2);
      await world.runBatch();
    }
    await clean(world.store, 1);
    expect(await world.store.exists(layout.version(version.number))).toBe(false);
    expect(await world.expectExact(pinned)).toBe(1);
    await releasePins(world.store, "reader");
    expect(await world.store.list(layout.pins)).toEqual([]);
    await expect(pin(world.store, pinned, "late")).rejects.toSatisfy(failing("STORE_MISSING"));
  });

  it("publishes nothing that the delta contradicts: the view, the key and both values are named, and no files are left", async () => {
    await some(10);
    await flushed();
    const head = (await newestHead(world.store, version.number, 0))!;
    const entry = head.entries.find((each) => each.views.groups!.file)!;
    const { name } = entry.views.groups!.file!;
    const session = await world.session();
    const path = behind(world.store).path(name);
    const rows = (await session.describe(`SELECT * FROM read_parquet(${quoteText(path)})`)).map((each) => each.name);
    const [key, count] = [rows[0]!, rows[1]!];
    const altered = world.store.scratch("altered");
    await session.run(
      `COPY (SELECT * REPLACE (${count} + (${key} = 'g3')::INTEGER AS ${count}) FROM read_parquet(${quoteText(path)})) TO ${quoteText(altered)} (FORMAT parquet)`,
    );
    const file = await world.store.publish(altered, name, { durable: false });
    const forged: Head = {
      ...head,
      entries: head.entries.map((each) =>
        each === entry ? { ...each, views: { groups: { ...each.views.groups!, file } } } : each,
      ),
    };
    await world.store.replace(layout.head(version.number, 0, head.generation), seal(forged));
    const error = await runBatch(world.batch).then(
      () => null,
      (thrown: unknown) => thrown as TidemarkError,
    );
    expect(error).toBeInstanceOf(TidemarkError);
    expect(error!.code).toBe("BATCH_UNPROVED");
    expect(error!.message).toMatch(
      /view groups: version 0 and its delta differ from the recompute in one group, the first in p0/,
    );
    expect(await versionNumbers(world.store)).toEqual([0]);
    for (const folder of [layout.versionFiles, layout.pins]) expect(await world.store.list(folder)).toEqual([]);
    expect(scratchOf(world.store)).toEqual([]);
  });

  it("names a damaged archive file with its offsets, though another file holds the same bytes", async () => {
    await some(2);
    await world.append([event(0, "same"), event(1, "same")]);
    await runArchive(world.batch);
    const [segment] = await segments(1);
    flip(segment!.file.name);
    const run = runBatch(world.batch);
    await expect(run).rejects.toSatisfy(failing("STORE_CORRUPT"));
    await expect(run).rejects.toThrow(
      `${segment!.file.name} is damaged: it is the archive of events partition 1, offsets 0 to 2`,
    );
    expect(await world.store.list(layout.versionFiles)).toEqual([]);
  });

  it("checks each archive file, though another one holds the same bytes", async () => {
    await world.append([event(0, "same"), event(1, "same")]);
    await runArchive(world.batch);
    const [first, second] = [(await segments(0))[0]!, (await segments(1))[0]!];
    expect(first.file.sha256).toBe(second.file.sha256);
    flip(second.file.name);
    await expect(runBatch(world.batch)).rejects.toSatisfy(failing("STORE_CORRUPT"));
  });

  it("is loud about a gap in the archive", async () => {
    await some(12);
    await archive(await archiver({ recordsPerFile: 2 }), await archived(), [world.stream], world.end);
    await removeTwice(world.store, layout.segment("events", 0, 2));
    await expect(runBatch(world.batch)).rejects.toSatisfy(failing("STORE_GAP"));
  });

  it("refuses a data folder of a newer format", async () => {
    await world.store.replace("format.json", '{"format": 2}');
    await expect(openAgain(world.store)).rejects.toSatisfy(failing("DATA_FORMAT"));
  });

  it("refuses a delta and a version of a newer format, by name", async () => {
    await some(4);
    await flushed();
    const head = (await newestHead(world.store, 0, 0))!;
    await world.store.replace(layout.head(0, 0, head.generation), seal({ ...head, format: headFormat + 1 }));
    await expect(bestSnapshot(world.store)).rejects.toSatisfy(failing("DATA_FORMAT"));
    await replaceTwice(world.store, layout.version(0), seal({ ...version, format: manifestFormat + 1 }));
    await expect(readVersion(world.store, 0)).rejects.toSatisfy(failing("DATA_FORMAT"));
  });

  it("reads from the archive what was trimmed from the log meanwhile", async () => {
    await some(6);
    const session = await world.session();
    const { log, store } = world;
    const read = log.read.bind(log);
    // archived by another run, and trimmed, between reading the archive and reading the log
    log.read = async (...args) => {
      log.read = read;
      await runArchive(world.batch);
      await log.trim(logStream(world.stream), new Map([0, 1].map((partition) => [partition, 3])));
      return read(...args);
    };
    const ranges = [0, 1].map((partition) => ({ stream: "events", partition, from: 0, upto: 3 }));
    const events = await new History(store, log, version.origin).events(session, world.stream, ranges);
    expect(Number(await session.value(`SELECT count(*) FROM (${events})`))).toBe(6);
  });

  it("spills to disk where memory is short, and fails whole where it is far too short", async () => {
    await world.define({ many: "SELECT g, count(*) AS n FROM events GROUP BY g" });
    const value = (i: number) => Buffer.from(JSON.stringify({ g: `${"x".repeat(60)}${i}` }));
    const records = Array.from({ length: 200_000 }, (_, i) => ({ partition: i % 2, key: null, value: value(i) }));
    await world.log.append(logStream(world.stream), records);
    const { manifest } = await runBatch({ ...world.batch, memoryLimit: "100MB" });
    expect(manifest.views.many).toMatchObject({ rows: 200_000 });
    await expect(runBatch({ ...world.batch, memoryLimit: "2MB" })).rejects.toThrow(/Out of Memory/);
    expect(await versionNumbers(world.store)).toEqual([0, 1]);
    expect(scratchOf(world.store)).toEqual([]);
  });
});
