/**
 * The whole pipeline in one process, driven by one seed: producers, shards, batch, compaction, readers, on a
 * simulated disk or bucket and log. Processes crash between any two calls to the disk, or stall there while
 * others go on; the power fails; files go bad; the log loses appends and answers and is away. After every step
 * each answer must be what the oracle says at its own position, and no reader goes back.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runArchive } from "../../batch/archive-streams.ts";
import type { Batch } from "../../batch/batch.ts";
import { runRepair } from "../../batch/repair.ts";
import { runBatch } from "../../batch/run.ts";
import type { Definition } from "../../shared/definition.ts";
import { Duck, type Session } from "../../shared/duckdb/duck.ts";
import { stampMax, stampOf } from "../../shared/duplicates/log-time.ts";
import { isCode, isDiskFull, messageOf, TidemarkError } from "../../shared/errors.ts";
import { History } from "../../shared/history/history.ts";
import type { Log, NewRecord } from "../../shared/log/log.ts";
import { MemoryLog } from "../../shared/log/memory.ts";
import { covers, ofShard, type Position } from "../../shared/position.ts";
import { Incidents } from "../../shared/store/incidents.ts";
import { layout, type VersionManifest } from "../../shared/store/layout.ts";
import { ensureVersion, logStream } from "../../shared/store/origin.ts";
import type { Store } from "../../shared/store/store.ts";
import { lostVersions, newestVersion } from "../../shared/store/versions.ts";
import { DeltaWriter } from "../../speed/delta-writer.ts";
import { seededNumbers } from "../views/seeded.ts";
import { SimulatedBucket } from "./bucket.ts";
import { definitionOf, events, windowMs } from "./definition.ts";
import { SimulatedDisk } from "./disk.ts";
import { troubled } from "./log.ts";
import type { Medium } from "./medium.ts";
import { Oracle } from "./oracle.ts";
import { Crash, type SimulatedProcess } from "./process.ts";
import { Readers, readers } from "./readers.ts";

const dayMs = 86_400_000;

interface Process {
  readonly faults: SimulatedProcess;
  readonly store: Store;
}

interface Speed extends Process {
  readonly writer: DeltaWriter;
  readonly version: number;
  readonly shard: number;
}

/** A process that is stalled at a call to the store. */
interface Stalled {
  readonly faults: SimulatedProcess;
  readonly done: Promise<unknown>;
}

export interface SimulationReport {
  steps: string[];
  answers: number;
  crashes: number;
  powerCuts: number;
  stalls: number;
  damages: number;
  diskFull: number;
  lostAppends: number;
}

/** One run in four, or all with STORE=memory. */
function isInMemory(seed: number): boolean {
  return process.env.STORE ? process.env.STORE === "memory" : seed % 4 === 3;
}

class Simulation {
  readonly report: SimulationReport = {
    steps: [],
    answers: 0,
    crashes: 0,
    powerCuts: 0,
    stalls: 0,
    damages: 0,
    diskFull: 0,
    lostAppends: 0,
  };
  readonly #random: () => number;
  /** In every other run. */
  readonly #wrongClocks: boolean;
  readonly #dir = mkdtempSync(join(tmpdir(), "tidemark-sim-"));
  readonly #medium: Medium;
  readonly #oracle = new Oracle(events.partitions, windowMs);
  readonly #memory: MemoryLog;
  readonly #log: Log;
  readonly #sessions: Session[] = [];
  #now = Date.UTC(2026, 0, 1);
  #troubled = true;
  #duck!: Duck;
  #definition!: Definition;
  #speeds: Speed[] = [];
  #zombies: Speed[] = [];
  #stalled: Stalled[] = [];
  #readers!: Readers;
  /** Every record acknowledged to a producer. */
  readonly #acknowledged = new Set<string>();
  #requests = 0;
  /** Of what is appended now, the timestamps, in order. */
  readonly #stamps: number[] = [];

  constructor(seed: number) {
    this.#wrongClocks = seed % 2 === 0;
    this.#medium = isInMemory(seed) ? new SimulatedBucket(() => this.#now) : new SimulatedDisk(this.#dir);
    this.#random = seededNumbers(seed);
    this.#memory = new MemoryLog(
      () => this.#now,
      (now, before) => this.#stamped(now, before),
    );
    const append = this.#memory.append.bind(this.#memory);
    this.#memory.append = async (to, records) => {
      const ends = await append(to, records);
      for (const { partition, value, id } of records) {
        const { request, sequence } = id!;
        this.#oracle.append({ partition, event: eventIn(value), request, sequence, time: this.#stamps.shift()! });
      }
      return ends;
    };
    const troubles = { lostAppend: 0.1, lostAnswer: 0.1, away: 0.01, delayed: 0.1 };
    this.#log = troubled(this.#memory, this.#random, () => (this.#troubled ? troubles : null));
  }

  /** Some producers' clocks are wrong, for one record or for all that they append. */
  #stamped(now: number, before: number): number {
    const wrong = [before, now + 2 * dayMs, now + 3650 * dayMs, stampMax, 0, now - 3 * dayMs];
    const stamp = this.#wrongClocks && this.#random() < 0.05 ? wrong[this.#int(wrong.length)]! : stampOf(now, before);
    this.#stamps.push(stamp);
    return stamp;
  }

  #int(below: number): number {
    return Math.floor(this.#random() * below);
  }

  async open(): Promise<void> {
    this.#duck = await Duck.open({ threads: 1 });
    this.#definition = await definitionOf(1 + this.#int(2));
    const { store } = await this.#process();
    await ensureVersion(store, this.#memory, async () => this.#definition);
    this.#readers = await Readers.open(this.#duck, this.#oracle, async () => (await this.#process()).store);
  }

  async close(): Promise<void> {
    for (const { faults, done } of this.#stalled) {
      faults.kill();
      await done.catch(() => undefined);
    }
    for (const { writer } of [...this.#speeds, ...this.#zombies]) await writer.close().catch(() => undefined);
    await this.#readers?.close();
    for (const session of this.#sessions) session.close();
    this.#duck.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async step(): Promise<void> {
    const [name, act] = this.#steps[this.#int(this.#steps.length)]!;
    this.report.steps.push(name);
    // clocks go, stop, and are set wrongly
    this.#now += this.#random() < 0.05 ? (this.#random() < 0.5 ? -3_600_000 : 30 * 3_600_000) : this.#int(200_000);
    await act();
    await this.#check();
  }

  readonly #steps = (
    [
      ["append", 6, () => this.#append()],
      ["flush", 9, () => this.#flush()],
      ["batch", 2, () => this.#inOwnProcess((batch) => runBatch(batch, this.#random() < 0.3 ? "incremental" : "full"))],
      ["archive", 1, () => this.#inOwnProcess(runArchive)],
      ["repair", 1, () => this.#inOwnProcess(runRepair)],
      ["take over", 1, () => this.#takeOver()],
      ["zombie", 1, () => this.#zombie()],
      ["release", 2, () => this.#release()],
      ["power cut", 0.5, () => this.#powerCut()],
      ["damage", 1, () => this.#damage()],
      ["trim", 1, () => this.#trim()],
      ["long read", 1, () => this.#readers.longRead(this.#int(readers))],
      ["restart a reader", 0.5, () => this.#readers.restart(this.#int(readers))],
    ] as const
  ).flatMap(([name, weight, act]) =>
    Array.from({ length: weight * 2 }, () => [name, act as () => Promise<unknown>] as const),
  );

  async #check(): Promise<void> {
    this.report.answers += await this.#readers.check();
  }

  // Producers

  /** As a producer does it: again and again, until all is acknowledged; some give up. */
  async #append(): Promise<void> {
    const request = `r${this.#requests++}`;
    const sequences = [0, 0];
    const records: NewRecord[] = Array.from({ length: 1 + this.#int(8) }, () => {
      const partition = this.#int(events.partitions);
      const event = { e: `e${this.#int(60)}`, g: `g${this.#int(3)}`, x: this.#int(1000) };
      const value = this.#random() < 0.1 ? "{" : JSON.stringify(event);
      return { partition, key: null, value: Buffer.from(value), id: { request, sequence: sequences[partition]!++ } };
    });
    for (let tries = 0; tries < 6; tries++) {
      try {
        await this.#log.append(logStream(events), records);
        for (const { partition, id } of records) this.#acknowledged.add(`${partition}/${id!.request}/${id!.sequence}`);
        return;
      } catch (error) {
        if (!isCode(error, "LOG_APPEND")) throw error;
        this.report.lostAppends++;
        this.#now += this.#int(3) * 1000;
      }
    }
  }

  // Speed

  async #openSpeed(shard: number): Promise<Speed | null> {
    const process = await this.#process();
    if (this.#troubled && this.#random() < 0.1) process.faults.crashIn(this.#int(12));
    const manifest = (await newestVersion(process.store))!;
    const writer = await this.#survive(process, () => this.#writerOf(process, manifest, shard));
    return writer ? { ...process, writer, version: manifest.number, shard } : null;
  }

  async #writerOf({ store }: Process, manifest: VersionManifest, shard: number): Promise<DeltaWriter> {
    const [session, compactSession] = [await this.#duck.session(), await this.#duck.session()];
    this.#sessions.push(session, compactSession);
    const history = new History(store, this.#log, manifest.origin);
    const say = () => undefined;
    return DeltaWriter.open(
      { store, log: this.#log, history, session, compactSession, flushMsMax: 0, now: () => this.#now, say },
      manifest,
      shard,
    );
  }

  async #flush(): Promise<void> {
    const shard = this.#int(this.#definition.shards);
    const speed = await this.#speedOf(shard);
    if (!speed) return;
    if (this.#random() < 0.15) speed.faults.crashIn(this.#int(10));
    else if (this.#random() < 0.05) speed.faults.failIn(this.#int(10));
    else if (this.#random() < 0.1) return this.#stallStep(speed);
    await this.#stepOf(speed);
  }

  /** A stalled process does nothing else: others take over from it, until it goes on with what it was at. */
  async #stallStep(speed: Speed): Promise<void> {
    await this.#stall(speed.faults, async () => {
      await this.#stepOf(speed);
      if (!this.#speeds.includes(speed)) await speed.writer.close().catch(() => undefined);
    });
    if (this.#stalled.some(({ faults }) => faults === speed.faults))
      this.#speeds = this.#speeds.filter((each) => each !== speed);
  }

  /** The shard's writer on the newest version, as the daemon would have it. */
  async #speedOf(shard: number): Promise<Speed | null> {
    const found = this.#speeds.find((each) => each.shard === shard);
    const { store } = await this.#process();
    const newest = (await newestVersion(store))!.number;
    if (found && found.version === newest) return found;
    if (found) await this.#drop(found);
    const opened = await this.#openSpeed(shard);
    if (opened) this.#speeds.push(opened);
    return opened;
  }

  async #stepOf(speed: Speed): Promise<void> {
    const done = await this.#survive(speed, async () => {
      await speed.writer.step();
      await speed.writer.settled();
      return true;
    });
    if (!done && this.#speeds.includes(speed)) await this.#drop(speed);
  }

  async #drop(speed: Speed): Promise<void> {
    this.#speeds = this.#speeds.filter((each) => each !== speed);
    await speed.writer.close().catch(() => undefined);
  }

  async #takeOver(): Promise<void> {
    const shard = this.#int(this.#definition.shards);
    const before = this.#speeds.find((each) => each.shard === shard);
    if (before) {
      this.#speeds = this.#speeds.filter((each) => each !== before);
      this.#zombies.push(before);
    }
    const opened = await this.#openSpeed(shard);
    if (opened) this.#speeds.push(opened);
  }

  async #zombie(): Promise<void> {
    const zombie = this.#zombies.pop();
    if (!zombie) return;
    await this.#survive(zombie, () => zombie.writer.step());
    await zombie.writer.close().catch(() => undefined);
  }

  // Batch

  #batchOf(store: Store): Batch {
    return {
      store,
      log: this.#log,
      makeDefinition: async () => this.#definition,
      memoryLimit: "500MB",
      keepVersions: 3,
      retentionMs: 1e15,
      now: () => this.#now,
      say: () => undefined,
      incidents: new Incidents(store, "batch", () => this.#now),
    };
  }

  async #inOwnProcess(work: (batch: Batch) => Promise<unknown>): Promise<void> {
    const process = await this.#process();
    const run = () => this.#survive(process, () => work(this.#batchOf(process.store)));
    const dice = this.#random();
    if (dice < 0.3) process.faults.crashIn(this.#int(60));
    else if (dice < 0.4) process.faults.failIn(this.#int(60));
    else if (dice < 0.6) return this.#stall(process.faults, run);
    await run();
  }

  /** Goes on until it is stalled at some call to the store, or has ended. */
  async #stall(faults: SimulatedProcess, work: () => Promise<unknown>): Promise<void> {
    const stalledAt = faults.stallIn(this.#int(40));
    const done = work();
    const first = await Promise.race([stalledAt.then(() => "stalled"), done.then(() => "done")]);
    if (first === "done") return faults.release();
    this.report.stalls++;
    this.#stalled.push({ faults, done });
  }

  async #release(): Promise<void> {
    const stalled = this.#stalled.shift();
    if (!stalled) return;
    stalled.faults.release();
    await stalled.done;
  }

  // What goes wrong from outside

  async #powerCut(): Promise<void> {
    this.report.powerCuts++;
    for (const { faults, done } of this.#stalled.splice(0)) {
      faults.kill();
      await done.catch(() => undefined);
    }
    for (const speed of [...this.#speeds.splice(0), ...this.#zombies.splice(0)]) {
      speed.faults.kill();
      await speed.writer.close().catch(() => undefined);
    }
    await this.#readers.stop();
    this.#medium.powerCut(this.#random);
    await this.#readers.start();
  }

  /** A file of a delta or of a version goes bad; both can be recomputed. */
  async #damage(): Promise<void> {
    const folder = this.#random() < 0.7 ? "deltas" : "version-files";
    const files = this.#medium.files(folder).filter((name) => !name.endsWith("BEAT"));
    if (files.length === 0) return;
    this.report.damages++;
    const file = files.sort()[this.#int(files.length)]!;
    this.report.steps.push(`(${this.#medium.damage(file, this.#random)} ${folder})`);
  }

  /** As batch does it. */
  async #trim(): Promise<void> {
    const { store } = await this.#process();
    const newest = (await newestVersion(store))!;
    const history = new History(store, this.#memory, newest.origin);
    const below = new Map<number, number>();
    for (let partition = 0; partition < events.partitions; partition++) {
      below.set(partition, this.#int((await history.records.archivedTo("events", partition)) + 1));
      await store.settle(layout.segments("events", partition));
    }
    await this.#memory.trim(logStream(events), below);
  }

  /** Nothing is wrong any more: everything appended is answered, proved, and counted once. */
  async finish(): Promise<void> {
    this.report.steps.push("finish");
    this.#troubled = false;
    while (this.#stalled.length > 0) await this.#release();
    const end = this.#oracle.end();
    for (let round = 0; ; round++) {
      if (round > 60) throw new Error(`the readers do not reach the end: ${this.#readers.describe()}`);
      await this.#inOwnProcessQuietly(cared);
      await this.#tellAll(end);
      await this.#check();
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#readers.haveReached(end)) break;
      // a newer version is polled for after some seconds only
      if (round % 10 === 9) for (let i = 0; i < readers; i++) await this.#readers.restart(i);
    }
    // a file may have gone bad that was not read since: the first batch finds that, and makes a version without it
    let last: VersionManifest | null = null;
    for (let tries = 0; last?.proof.state !== "proved"; tries++) {
      if (tries > 1) throw new Error(`the last batch is unproved: ${last!.proof.by}`);
      await this.#tellAll(end);
      last = ((await this.#inOwnProcessQuietly(runBatch)) as { manifest: VersionManifest }).manifest;
      if (!covers(last.cut, end)) throw new Error("the last batch does not reach the end");
    }
    const arrived = new Set(
      this.#oracle.kept.flatMap((own, partition) =>
        own.map(({ request, sequence }) => `${partition}/${request}/${sequence}`),
      ),
    );
    for (const each of this.#acknowledged)
      if (!arrived.has(each)) throw new Error(`${each} was acknowledged and is not in the log`);
    // where two producers' clocks are wrong alike, log time follows them: a day may pass between a request and
    // its repetition
    for (const [partition, own] of this.#wrongClocks ? [] : this.#oracle.kept.entries()) {
      const counted = own
        .filter(({ fate }) => fate !== "repeated")
        .map(({ request, sequence }) => `${request}/${sequence}`);
      if (new Set(counted).size !== counted.length) throw new Error(`partition ${partition}: a request counted twice`);
    }
  }

  /** Every shard's writer, to the end. */
  async #tellAll(end: Position): Promise<void> {
    for (let shard = 0; shard < this.#definition.shards; shard++) {
      const own = ofShard(end, shard, this.#definition.shards);
      for (let tries = 0; tries < 40; tries++) {
        const speed = await this.#speedOf(shard);
        if (speed) await this.#stepOf(speed);
        if (speed && covers(speed.writer.position, own)) break;
      }
    }
  }

  async #inOwnProcessQuietly(work: (batch: Batch) => Promise<unknown>): Promise<unknown> {
    const { store } = await this.#process();
    return work(this.#batchOf(store));
  }

  #process(): Promise<Process> {
    return this.#medium.process();
  }

  /** What a process may end with, or wait for; null then. Anything else is a failure of the run. */
  async #survive<T>({ faults }: Process, work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      if (faults.isDead || error instanceof Crash) {
        this.report.crashes++;
        return null;
      }
      if (isDiskFull(error)) {
        this.report.diskFull++;
        return null;
      }
      const expected = [
        "SPEED_FENCED",
        "SPEED_REJECTED",
        "LOG_UNREACHABLE",
        "BATCH_STALE",
        "BATCH_UNPROVED",
        "LOG_RANGE",
        "STORE_MISSING",
        "STORE_CORRUPT",
      ] as const;
      if (isCode(error, ...expected)) {
        this.report.steps.push(`(${error.code})`);
        return null;
      }
      throw error;
    }
  }
}

/** What a batch daemon does between its runs about what it finds lost or damaged. */
async function cared(batch: Batch): Promise<unknown> {
  return (await lostVersions(batch.store)).length > 0 ? runBatch(batch) : runRepair(batch);
}

function eventIn(value: Buffer | null): { e: string; g: string; x: number } | null {
  try {
    return JSON.parse(value!.toString()) as { e: string; g: string; x: number };
  } catch {
    return null;
  }
}

/** One whole run. @throws Error that names the seed and the steps */
export async function simulate(seed: number, steps: number): Promise<SimulationReport> {
  const simulation = new Simulation(seed);
  try {
    await simulation.open();
    for (let i = 0; i < steps; i++) await simulation.step();
    await simulation.finish();
    return simulation.report;
  } catch (error) {
    const what = error instanceof TidemarkError ? error.line : messageOf(error);
    throw new Error(`SEED=${seed}, after ${simulation.report.steps.join(", ")}: ${what}`, { cause: error });
  } finally {
    await simulation.close();
  }
}
