/** Every way that reads a data folder, and how each of them ended. */
import { randomUUID } from "node:crypto";
import { rebuild } from "../../../batch/rebuild.ts";
import { type Batch, type Mode, runBatch } from "../../../batch/run.ts";
import { Follower } from "../../../serving/follower.ts";
import { atPosition, atVersion } from "../../../serving/past.ts";
import { everything, sqlOf } from "../../../serving/query.ts";
import { verify } from "../../../serving/verify.ts";
import { plainOf, rowsOf } from "../../../shared/compiler/texts.ts";
import type { Session } from "../../../shared/duckdb/duck.ts";
import { messageOf, TidemarkError } from "../../../shared/errors.ts";
import { History } from "../../../shared/history/history.ts";
import { covers, equals, formatPosition, type Position, rangesBetween } from "../../../shared/position.ts";
import { keepReference } from "../../../shared/project/references.ts";
import { failureOf } from "../../../shared/store/partials.ts";
import { pinBest, unpin } from "../../../shared/store/pin.ts";
import type { Store } from "../../../shared/store/store.ts";
import { bestSnapshot, newestVersion } from "../../../shared/store/versions.ts";
import { DeltaWriter } from "../../../speed/delta-writer.ts";
import { catchUp, type World } from "../../pipeline/world.ts";

/** Longer than this is a hang. */
const patienceMs = 60_000;

/** One reading of a folder, which the world's store and log are of. */
export class Reading {
  readonly #world: World;
  readonly #random: () => number;
  /** Ways that ended with a TidemarkError, and its code. */
  readonly loud: string[] = [];
  /** What was said, by whom. */
  readonly said: string[] = [];
  /** What must not be: another answer, another error, a hang. */
  readonly wrong: string[] = [];
  answers = 0;

  constructor(world: World, random: () => number) {
    this.#world = world;
    this.#random = random;
  }

  /** What reads only, then what writes, then what reads once more: after speed and batch began again. */
  async everyWay(past: readonly Position[], open: () => Promise<Store>): Promise<void> {
    let opened = false;
    await this.#way("open", async () => {
      this.#world.store = await open();
      opened = true;
    });
    if (!opened) return;
    await this.#way("follower", () => this.follower());
    await this.#way("snapshot", () => this.#snapshot());
    await this.#way("verify", () => this.#verify());
    for (let i = 0; i < 2; i++) {
      const position = past[this.#below(past.length)]!;
      await this.#way(`position ${formatPosition(position)}`, () => this.#past(position));
    }
    await this.#way("version", () => this.#version(this.#below(2)));
    await this.#way("history", () => this.#history());
    const speed = () => this.#way("speed", () => this.#speed());
    const batch = () => this.#way("batch", () => this.#batch(this.#random() < 0.5 ? "full" : "incremental"));
    const replay = () => this.#way("rebuild", () => this.#rebuild());
    // whoever comes first meets the damage as it is
    const writers = [[speed, batch, speed], [batch, speed], [replay, speed], [speed, replay]]; // biome-ignore format: pairs
    for (const write of writers[this.#below(writers.length)]!) await write();
    await this.#way("follower after", () => this.follower());
    await this.#way("snapshot after", () => this.#snapshot());
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  async #way(name: string, work: () => Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const hang = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("it hangs")), patienceMs);
    });
    try {
      await Promise.race([work(), hang]);
    } catch (error) {
      if (error instanceof TidemarkError) this.loud.push(`${name}: ${error.code}`);
      else this.wrong.push(`${name}: ${messageOf(error)}`);
    } finally {
      clearTimeout(timer);
    }
  }

  readonly #say = (line: string) => {
    this.said.push(line);
  };

  async #session<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.#world.duck.session();
    try {
      return await work(session);
    } finally {
      session.close();
    }
  }

  /** An answer's own position has to be one that the log has reached. */
  #at(position: Position): void {
    this.answers++;
    if (!covers(this.#world.end, position)) throw new Error(`${formatPosition(position)} is beyond the log's end`);
  }

  async follower(): Promise<void> {
    const { store, duck, oracle } = this.#world;
    const follower = await Follower.open(store, duck, this.#say);
    const served = follower.pin();
    try {
      this.#at(served.position);
      for (const view of served.views.values()) {
        // said when it was loaded, and no answer is given
        if (view.damaged !== null) continue;
        if (view.failed) throw new Error(`${view.definition.name} FAILED: ${view.failed.message}`);
        const { text, params } = sqlOf(view, everything);
        const sql = text.replace(/\$(\d+)/g, (_, n: string) => String(params[Number(n) - 1]));
        await oracle.run(`CREATE OR REPLACE TEMP TABLE served AS ${sql}`);
        await this.#world.expectRows(view.definition, served.position, "FROM served");
      }
      await this.#expectCounts(served.position, served.events.batch + served.events.speed, served.counts.dead);
    } finally {
      served.release();
      await follower.close();
      // a follower lives as long as its process, and so do its tables
      for (const { name } of await oracle.rows(
        "SELECT table_name AS name FROM duckdb_tables() WHERE NOT temporary AND regexp_matches(table_name, '^(base|delta)_')",
      ))
        await oracle.run(`DROP TABLE IF EXISTS ${String(name)}`);
    }
  }

  async #expectCounts(position: Position, events: number, dead: number): Promise<void> {
    const truth = { events: await this.#world.eventsBelow(position), dead: this.#world.deadBelow(position) };
    if (events !== truth.events || dead !== truth.dead)
      throw new Error(`${JSON.stringify({ events, dead })} instead of ${JSON.stringify(truth)}`);
  }

  async #snapshot(): Promise<void> {
    const snapshot = await bestSnapshot(this.#world.store);
    if (!snapshot) throw new Error("there is no version");
    this.#at(snapshot.position);
    const { views } = this.#world.definition;
    const failed = views.find((view) => failureOf(snapshot, view.name));
    if (failed) throw new Error(`${failed.name} FAILED: ${failureOf(snapshot, failed.name)!.message}`);
    const compared = await this.#world.expectExact(snapshot);
    if (compared !== views.length) throw new Error(`${compared} views instead of ${views.length}`);
  }

  async #verify(): Promise<void> {
    const { store, log } = this.#world;
    const run = randomUUID();
    try {
      const snapshot = (await pinBest(store, run))!;
      this.#at(snapshot.position);
      await this.#session(async (session) => {
        for await (const verdict of verify({ store, log, session, snapshot }, snapshot.manifest.definition.views)) {
          if (verdict.failed || verdict.differences.length > 0) throw new Error(`${verdict.view} DIFFERS`);
        }
      });
    } finally {
      await unpin(store, run);
    }
  }

  async #past(position: Position): Promise<void> {
    const { store, log } = this.#world;
    const run = randomUUID();
    try {
      const past = await atPosition(store, log, position, run);
      if (!equals(past.snapshot.position, position)) throw new Error("it is at another position than asked for");
      this.#at(position);
      for (const view of past.snapshot.manifest.definition.views)
        await this.#world.expectRows(view, position, rowsOf(view, await past.partials(this.#world.oracle, view)));
    } finally {
      await unpin(store, run);
    }
  }

  async #version(number: number): Promise<void> {
    const { store, oracle } = this.#world;
    const run = randomUUID();
    try {
      const { snapshot, partials } = await atVersion(store, number, run);
      if (snapshot.manifest.number !== number)
        throw new Error(`version ${snapshot.manifest.number} is shown as ${number}`);
      this.#at(snapshot.position);
      for (const view of snapshot.manifest.definition.views)
        await this.#world.expectRows(view, snapshot.position, rowsOf(view, await partials(oracle, view)));
    } finally {
      await unpin(store, run);
    }
  }

  /** All events up to the log's end, archive below and log above, as they are. */
  async #history(): Promise<void> {
    const { store, log, oracle, end } = this.#world;
    const { origin, definition } = (await newestVersion(store))!;
    const history = new History(store, log, origin);
    const inputs = history.inputs(oracle, definition, rangesBetween(origin, end));
    const view = definition.views.find((each) => each.name === "whole")!;
    await this.#world.expectRows(view, end, plainOf(view, await inputs(view)));
    this.#at(end);
    const archived: Record<string, number> = {};
    for (const partition of [0, 1]) archived[partition] = await history.archivedTo("events", partition);
    const position = { events: archived };
    const { counts, dead } = await history.archived(oracle, this.#world.stream, rangesBetween(origin, position));
    await this.#expectCounts(position, counts.events, dead.length);
  }

  async #speed(): Promise<void> {
    const { store, log, now } = this.#world;
    const manifest = (await newestVersion(store))!;
    const history = new History(store, log, manifest.origin);
    for (const shard of [0, 1]) {
      await this.#session((session) =>
        this.#session(async (compactSession) => {
          const options = {
            store,
            log,
            history,
            session,
            compactSession,
            flushMsMax: 1,
            now: () => now,
            say: this.#say,
          };
          const writer = await DeltaWriter.open(options, manifest, shard);
          try {
            await catchUp(this.#world, writer);
            await writer.step();
          } finally {
            await writer.close();
          }
        }),
      );
    }
  }

  get #batchOptions(): Batch {
    const { store, batch, dir, references, definition } = this.#world;
    const makeDefinition = () =>
      this.#session(async (session) => {
        const kept = [];
        for (const each of references) kept.push(await keepReference(session, store, dir, each));
        return { ...definition, references: kept };
      });
    return { ...batch, say: this.#say, makeDefinition };
  }

  async #batch(mode: Mode): Promise<void> {
    await runBatch(this.#batchOptions, mode);
  }

  async #rebuild(): Promise<void> {
    const batch = this.#batchOptions;
    const { views } = await rebuild({
      batch,
      views: [],
      fullSpeed: true,
      perStep: 60,
      sleep: async () => undefined,
      onStep: () => undefined,
    });
    const differs = views.find((view) => view.differences.length > 0);
    if (differs) throw new Error(`${differs.view} is rebuilt otherwise than served`);
  }
}
