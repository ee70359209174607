/**
 * Whole pipelines from a seed: appends, flushes, takeovers, zombies, crashes, archives, batches under the live
 * writers, trimmed logs, changed views and damaged files in any order. Whatever is answered, at any moment,
 * equals plain DuckDB at its position. TIDEMARK_SEED=… replays a run (it is in a failure's message); RUNS=…
 * makes more.
 */
import { expect, test } from "vitest";
import { runArchive } from "../../batch/archive-streams.ts";
import { rebuild } from "../../batch/rebuild.ts";
import { rollBack } from "../../batch/rollback.ts";
import { runBatch } from "../../batch/run.ts";
import { everything, sqlOf } from "../../serving/question/query.ts";
import { Follower } from "../../serving/snapshot/follower.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { History } from "../../shared/history/history.ts";
import { covers, ofShard, type Position, places } from "../../shared/position.ts";
import { tableViews } from "../../shared/project/table-views.ts";
import type { VersionManifest } from "../../shared/store/layout.ts";
import { logStream } from "../../shared/store/origin.ts";
import { filesOf } from "../../shared/store/partials.ts";
import { bestSnapshot, newestHead, newestVersion, versionNumbers } from "../../shared/store/versions.ts";
import type { DeltaWriter } from "../../speed/delta-writer.ts";
import { ChangeRecords, randomChangelog } from "../fuzz/changes.ts";
import { malformed, randomEvent } from "../fuzz/events.ts";
import { exactView } from "../fuzz/grammar.ts";
import { randomReferences } from "../fuzz/reference.ts";
import { randomStream } from "../fuzz/stream.ts";
import { isFull } from "../support/share.ts";
import { behind } from "../support/store.ts";
import { seededNumbers } from "../views/seeded.ts";
import { isError, type Sent, World } from "./world.ts";

const given = process.env.TIDEMARK_SEED;
const first = given ? Number(given) : Math.floor(Math.random() * 2 ** 31);
const runs = given ? 1 : Number(process.env.RUNS ?? 1);
const stepsMax = Number(process.env.STEPS ?? (isFull ? 45 : 25));

const fixed = {
  groups: "SELECT g, count(*) AS n, sum(i) AS si, avg(n) AS an, min(f) AS lo, max(ts) AS hi FROM events GROUP BY g",
  whole:
    "SELECT count(*) AS n, sum(d) AS sd, avg(d) AS ad, sum(n) FILTER (WHERE n > 0) AS pos, count_if(b) AS t FROM events",
  hours:
    "SELECT date_trunc('year', ts) AS y, h, count(*) AS n, sum(f) AS sf FROM events WHERE n IS NOT NULL GROUP BY ALL HAVING count(*) > 1",
  order:
    "SELECT g, first(h) AS f, last(n) AS l, arg_max(h, n) AS top, mode(h) AS m, median(n) AS mid FROM events GROUP BY g",
};
/** Over rows that change: no order, and the table itself. */
const fixedOfChanges = {
  groups: fixed.groups,
  hours: fixed.hours,
  values: "SELECT g, median(n) AS mid, count(DISTINCT h) AS c, min(d) AS low FROM events GROUP BY g",
  sets: "SELECT g, b, count(*) AS n, sum(f) AS f FROM events GROUP BY ROLLUP (g, b)",
  table: tableViews([randomChangelog], "")[0]!.sql,
};
const otherHours = "SELECT date_trunc('month', ts) AS y, count(*) AS n, max(h) AS h FROM events GROUP BY ALL";

/** One run's state, and the steps it may take. */
class Run {
  readonly steps: string[] = [];
  readonly #random: () => number;
  readonly #partitions: number;
  /** Where the events are changes of rows; null: they are not. */
  readonly #changes: ChangeRecords | null;
  world!: World;
  #views: Record<string, string>;
  #writers: DeltaWriter[] = [];
  #zombies: DeltaWriter[] = [];
  #version!: VersionManifest;
  #follower!: Follower;
  #seen: Position = {};
  /** Shards whose delta was damaged and not recomputed since. */
  readonly #damaged = new Set<number>();
  /** Versions that were left with a damaged delta: it is never recomputed. */
  readonly #left = new Set<number>();
  compared = 0;

  constructor(seed: number) {
    this.#random = seededNumbers(seed);
    this.#partitions = 2 + this.#int(3);
    this.#changes = this.#random() < 0.5 ? new ChangeRecords() : null;
    this.#views = this.#changes ? fixedOfChanges : fixed;
  }

  #int(below: number): number {
    return Math.floor(this.#random() * below);
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#int(list.length)]!;
  }

  async open(): Promise<void> {
    const shards = 1 + this.#int(Math.min(3, this.#partitions));
    const stream = { ...(this.#changes ? randomChangelog : randomStream), partitions: this.#partitions };
    this.world = await World.open({ stream, views: this.#views, shards, references: randomReferences });
    for (let i = 0; i < 3; i++) {
      const views = { ...this.#views, [`random${i}`]: exactView(this.#random) };
      await this.world.define(views, shards).then(
        () => {
          this.#views = views;
        },
        () => this.world.define(this.#views, shards),
      );
    }
    this.#version = await this.world.firstVersion();
    this.#writers = await this.#openWriters(this.#version);
    this.#follower = await Follower.open(this.world.store, this.world.duck, this.world.say);
    this.#seen = this.#follower.position;
  }

  async #openWriters(version: VersionManifest): Promise<DeltaWriter[]> {
    const writers: DeltaWriter[] = [];
    for (let shard = 0; shard < version.definition.shards; shard++)
      writers.push(await this.world.writer(version, shard));
    return writers;
  }

  #record(): Sent {
    const partition = this.#int(this.#partitions);
    if (this.#random() < 0.1) return { partition, value: this.#pick(malformed), valid: false };
    const event = randomEvent(this.#random);
    return { partition, value: this.#changes ? this.#changes.recordOf(partition, event) : event, valid: true };
  }

  async step(): Promise<void> {
    const [name, act] = this.#pick(this.#weighted);
    this.steps.push(name);
    this.world.now += 1 + this.#int(40_000);
    // batches may have outrun the writers: the daemon then goes over to the newest version at once
    if (!(await versionNumbers(this.world.store)).includes(this.#version.number)) await this.#handOver();
    await act();
    // a damaged delta stays damaged until its writer is opened again; then it is recomputed
    if (this.#random() < 0.4) return;
    const best = (await bestSnapshot(this.world.store))!.manifest.number;
    if (this.#damaged.size > 0 || this.#left.has(best)) await this.#expectLoud();
    else await this.check();
  }

  readonly #weighted = (
    [
      ["append", 6, () => this.#append()],
      ["flush", 8, () => this.#flush()],
      ["takeover", 2, () => this.#takeOver()],
      ["zombie", 2, () => this.#zombie()],
      ["archive", 1, () => this.#archive()],
      ["batch", 2, () => this.#batch()],
      ["incremental", 1, () => this.#incremental()],
      ["rebuild", 0.5, () => this.#rebuild()],
      ["roll back", 0.5, () => this.#rollBack()],
      ["hand over", 3, () => this.#handOver()],
      ["trim", 1, () => this.#trim()],
      ["change a view", 0.5, () => this.#change()],
      ["damage", 1, () => this.#damage()],
    ] as const
  ).flatMap(([name, weight, act]) => Array.from({ length: weight * 2 }, () => [name, act] as const));

  async #append(): Promise<void> {
    await this.world.append(Array.from({ length: 1 + this.#int(12) }, () => this.#record()));
  }

  async #flush(): Promise<void> {
    const shard = this.#int(this.#writers.length);
    const writer = this.#writers[shard]!;
    try {
      await writer.step();
    } catch (error) {
      // the reader may have come upon the damage meanwhile, and said so: a new generation recomputes it, as
      // the daemon does
      if (!this.#damaged.has(shard) || !isError(error, "SPEED_REJECTED")) throw error;
      await writer.close();
      this.#writers[shard] = await this.world.writer(this.#version, shard);
      this.#damaged.delete(shard);
    }
  }

  /** Another process opens the shard; the old writer is not notified. */
  async #takeOver(): Promise<void> {
    const shard = this.#int(this.#writers.length);
    this.#zombies.push(this.#writers[shard]!);
    this.#writers[shard] = await this.world.writer(this.#version, shard);
    this.#damaged.delete(shard);
  }

  /** A writer that was taken over goes on, as far as it is let. */
  async #zombie(): Promise<void> {
    const zombie = this.#zombies.pop();
    if (!zombie) return;
    await this.world.append([this.#record()]);
    await expect(zombie.step()).rejects.toSatisfy((error) => isError(error, "SPEED_FENCED"));
    await zombie.close();
  }

  async #archive(): Promise<void> {
    await runArchive(this.world.batch);
  }

  async #batch(): Promise<void> {
    await this.world.runBatch();
  }

  async #incremental(): Promise<void> {
    await runBatch(this.world.batch, "incremental");
  }

  async #rebuild(): Promise<void> {
    const pace = { fullSpeed: true, perStep: 1 + this.#int(20), sleep: async () => undefined };
    await rebuild({ batch: this.world.batch, views: [], ...pace, onStep: () => undefined });
  }

  /** To a version that is kept and has the same views. */
  async #rollBack(): Promise<void> {
    const { store } = this.world;
    await rollBack(this.world.batch, this.#pick(await versionNumbers(store)));
  }

  /** As the daemon does it: the newest version's delta is begun, and replaces the old one's once it covers it. */
  async #handOver(): Promise<void> {
    const newest = (await newestVersion(this.world.store))!;
    if (newest.number === this.#version.number) return;
    const next = await this.#openWriters(newest);
    const reached = this.#writers.map((writer) => writer.position);
    for (const [shard, writer] of next.entries()) {
      const wanted = reached[shard]!;
      for (let tries = 0; !covers(writer.position, wanted); tries++) {
        if (tries > 200) throw new Error("the new version's delta does not catch up");
        await writer.step();
        if (this.#random() < 0.2 && this.#damaged.size === 0) await this.check();
      }
    }
    for (const writer of this.#writers) await writer.close();
    if (this.#damaged.size > 0) this.#left.add(this.#version.number);
    this.#writers = next;
    this.#version = newest;
    this.#damaged.clear();
  }

  async #trim(): Promise<void> {
    const { world } = this;
    const history = new History(world.store, world.log, this.#version.origin);
    const below = new Map<number, number>();
    for (let partition = 0; partition < this.#partitions; partition++) {
      below.set(partition, this.#int((await history.records.archivedTo(world.stream.name, partition)) + 1));
    }
    // readers that are open may now be where the log no longer reaches: they go on through the archive
    await world.log.trim(logStream(world.stream), below);
  }

  async #change(): Promise<void> {
    this.#views = { ...this.#views, hours: this.#views.hours === otherHours ? fixed.hours : otherHours };
    await this.world.define(this.#views);
  }

  /** One file of the newest delta is flipped, cut or removed. */
  async #damage(): Promise<void> {
    const { store } = this.world;
    const shard = this.#int(this.#writers.length);
    const head = await newestHead(store, this.#version.number, shard);
    const files = head?.entries.flatMap(filesOf).filter((file) => file.name.endsWith(".parquet")) ?? [];
    const best = await bestSnapshot(store);
    if (files.length === 0 || best?.manifest.number !== this.#version.number) return;
    const { name } = this.#pick(files);
    const bytes = Buffer.from(behind(store).read(name));
    const how = this.#int(3);
    this.steps.push(["(flip)", "(cut)", "(remove)"][how]!);
    behind(store).remove(name);
    if (how === 0) {
      bytes[this.#int(bytes.length)]! ^= 1 << this.#int(8);
      behind(store).write(name, bytes);
    } else if (how === 1) behind(store).write(name, bytes.subarray(0, this.#int(bytes.length)));
    this.#damaged.add(shard);
  }

  /** Nothing damaged is answered as if it were whole: a check throws, or what it compares is right. */
  async #expectLoud(): Promise<void> {
    try {
      await this.check();
    } catch (error) {
      if (!isError(error, "STORE_CORRUPT") && !isError(error, "STORE_MISSING")) throw error;
    }
  }

  /** The snapshot that covers most, and the reader that follows. */
  async check(): Promise<void> {
    const { world } = this;
    await this.#follower.tick();
    const served = this.#follower.pin();
    try {
      expect(covers(served.position, this.#seen), "a reader went back").toBe(true);
      this.#seen = served.position;
      for (const view of served.views.values()) {
        if (view.failed) continue;
        const { text, params } = sqlOf(view, everything);
        await world.oracle.run(
          `CREATE OR REPLACE TEMP TABLE served AS ${text.replace(/\$(\d+)/g, (_, n: string) => String(params[Number(n) - 1]))}`,
        );
        if (await world.expectRows(view.definition, served.position, "FROM served")) this.compared++;
      }
    } finally {
      served.release();
    }
    const best = await bestSnapshot(world.store);
    if (best) this.compared += await world.expectExact(best);
  }

  /** Everything appended is flushed, and covered by what is served. */
  async finish(): Promise<void> {
    this.steps.push("finish");
    await this.#handOver();
    if (this.#damaged.size > 0)
      for (let shard = 0; shard < this.#writers.length; shard++)
        this.#writers[shard] = await this.world.writer(this.#version, shard);
    this.#damaged.clear();
    for (const [shard, writer] of this.#writers.entries()) {
      const end = ofShard(this.world.end, shard, this.#version.definition.shards);
      for (let tries = 0; !covers(writer.position, end); tries++) {
        if (tries > 500) throw new Error("the delta does not reach the log's end");
        await writer.step();
      }
    }
    for (let tries = 0; !covers(this.#follower.position, this.world.end); tries++) {
      if (tries > 100) throw new Error(`the reader does not reach the end: ${this.#follower.complaint}`);
      await this.#follower.tick();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await this.check();
    const final = await this.world.runBatch();
    expect(places(final.cut)).toEqual(places(this.world.end));
    expect(final.proof).toMatchObject({ state: "proved" });
    await this.check();
  }

  async close(): Promise<void> {
    for (const writer of [...this.#writers, ...this.#zombies]) await writer.close().catch(() => undefined);
    await this.#follower.close();
    await this.world.close();
  }
}

test(
  `whole pipelines, seeds ${first} to ${first + runs - 1}`,
  async () => {
    let compared = 0;
    let steps = 0;
    for (let seed = first; seed < first + runs; seed++) {
      const run = new Run(seed);
      try {
        await run.open();
        for (let i = 0; i < stepsMax; i++) await run.step();
        await run.finish();
      } catch (error) {
        const what =
          error instanceof TidemarkError ? error.line : error instanceof Error ? error.message : String(error);
        throw new Error(`TIDEMARK_SEED=${seed}, step ${run.steps.length}: ${what}\n${run.steps.join(", ")}`, {
          cause: error,
        });
      } finally {
        await run.close();
      }
      compared += run.compared;
      steps += run.steps.length;
    }
    console.info(
      `pipelines: TIDEMARK_SEED=${first}, N=${runs}, ${steps} steps, ${compared} answers equal to plain DuckDB`,
    );
    expect(compared).toBeGreaterThan(runs * 25);
  },
  120_000 + runs * 60_000,
);
