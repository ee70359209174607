/** Every way that reads a data folder, and how each of them ended. */
import { randomUUID } from "node:crypto";
import type { Batch } from "../../../batch/batch.ts";
import type { RunMode } from "../../../batch/plan.ts";
import { rebuild } from "../../../batch/rebuild.ts";
import { runBatch } from "../../../batch/run.ts";
import { everything, sqlOf } from "../../../serving/question/query.ts";
import { Follower } from "../../../serving/snapshot/follower.ts";
import { atPosition, atVersion } from "../../../serving/snapshot/past.ts";
import { archivedIn } from "../../../shared/archive/stretch.ts";
import { plainOf, rowsOf } from "../../../shared/compiler/texts.ts";
import type { ViewDefinition } from "../../../shared/definition.ts";
import type { Session } from "../../../shared/duckdb/duck.ts";
import { messageOf, TidemarkError } from "../../../shared/errors.ts";
import { History } from "../../../shared/history/history.ts";
import { covers, equals, formatPosition, type Position, rangesBetween } from "../../../shared/position.ts";
import { keepReference } from "../../../shared/project/references.ts";
import { withPlainSql } from "../../../shared/proof/plain-sql.ts";
import { verify } from "../../../shared/proof/verify.ts";
import { failureOf } from "../../../shared/store/partials.ts";
import { pinBest, releasePins } from "../../../shared/store/pin.ts";
import { checkedRows } from "../../../shared/store/snapshot-rows.ts";
import type { Store } from "../../../shared/store/store.ts";
import { bestSnapshot, newestVersion } from "../../../shared/store/versions.ts";
import { DeltaWriter } from "../../../speed/delta-writer.ts";
import { catchUp, type World } from "../../pipeline/world.ts";
import type { Kind } from "./kinds.ts";

/** Rows as one text, whatever their order. */
async function textOf(session: Session, select: string): Promise<string> {
  const rows = (await session.read(select)).getRowsJson();
  return rows
    .map((row) => JSON.stringify(row))
    .sort()
    .join("\n");
}

/**
 * What plain DuckDB says of the oracle's events, asked once for each view and position: the same few are
 * answered again and again.
 */
export class Truth {
  readonly #world: World;
  readonly #known = new Map<string, string>();

  constructor(world: World) {
    this.#world = world;
  }

  async of(view: ViewDefinition, position: Position): Promise<string> {
    const { oracle } = this.#world;
    const at = `${view.identity} ${formatPosition(position)}`;
    const known = this.#known.get(at);
    if (known !== undefined) return known;
    const truth = await withPlainSql(oracle, view, this.#world.inputs(view, position), (plain) =>
      textOf(oracle, plain),
    );
    this.#known.set(at, truth);
    return truth;
  }

  /** @throws Error unless these are the view's rows there, all of them, to the last digit */
  async expect(view: ViewDefinition, position: Position, served: string): Promise<void> {
    const truth = await this.of(view, position);
    if ((await textOf(this.#world.oracle, served)) === truth) return;
    throw new Error(`other rows of ${view.name} at ${formatPosition(position)} than the oracle's`);
  }
}

type Reader = "follower" | "snapshot" | "verify" | "position" | "version" | "history";
type Writer = "speed" | "batch" | "rebuild";
interface Ways {
  readonly readers: readonly Reader[];
  readonly writers: readonly Writer[];
}

const ofDelta: Ways = { readers: ["follower", "snapshot", "verify", "position"], writers: ["speed", "batch"] };
const ofVersion: Ways = {
  readers: ["follower", "snapshot", "verify", "position", "version"],
  writers: ["batch", "speed"],
};
const ofLog: Ways = { readers: ["verify", "position", "history"], writers: ["speed", "batch"] };
const ofArchive: Ways = { readers: ["verify", "position", "history"], writers: ["batch", "rebuild", "speed"] };
const ofReferences: Ways = { readers: ["verify", "position"], writers: ["batch", "speed"] };
const ofRebuild: Ways = { readers: [], writers: ["rebuild"] };
const everyone: Ways = {
  readers: ["follower", "snapshot", "verify", "position", "version", "history"],
  writers: ["speed", "batch", "rebuild"],
};
/** Who reads a file of a kind. */
const readBy: Readonly<Record<Kind, Ways>> = {
  "delta Parquet": ofDelta,
  "dead letters": { readers: [], writers: ["speed", "batch"] },
  HEAD: ofDelta,
  OWNER: { readers: ["follower"], writers: ["speed", "batch"] },
  rejection: { readers: ["follower"], writers: ["speed", "batch"] },
  "version manifest": ofVersion,
  copy: everyone,
  "version Parquet": ofVersion,
  "archive Parquet": ofArchive,
  "segment manifest": ofArchive,
  origin: { readers: ["history"], writers: ["batch", "speed"] },
  "reference manifest": ofReferences,
  "reference Parquet": ofReferences,
  "format.json": { readers: ["follower"], writers: [] },
  "rebuild progress": ofRebuild,
  "rebuild Parquet": ofRebuild,
  "log value": ofLog,
};

const modes: readonly RunMode[] = ["full", "incremental", "definition"];

/** Longer than this is a hang. */
const patienceMs = 60_000;

/** One reading of a folder, which the world's store and log are of. */
export class Reading {
  readonly #world: World;
  readonly #truth: Truth;
  readonly #random: () => number;
  /** Ways that ended with a TidemarkError, and its code. */
  readonly loud: string[] = [];
  /** What was said, by whom. */
  readonly said: string[] = [];
  /** What must not be: another answer, another error, a hang. */
  readonly wrong: string[] = [];
  answers = 0;

  constructor(world: World, truth: Truth, random: () => number) {
    this.#world = world;
    this.#truth = truth;
    this.#random = random;
  }

  /**
   * What reads only; then what writes; then what reads once more, after that.
   * One in twenty goes every way there is, since the table of who reads what may be wrong.
   */
  async allOf(kind: Kind | null, past: readonly Position[], open: () => Promise<Store>): Promise<void> {
    let opened = false;
    await this.#way("open", async () => {
      this.#world.store = await open();
      opened = true;
    });
    if (!opened) return;
    const whole = kind === null || this.#random() < 0.05;
    const { readers, writers } = whole ? everyone : readBy[kind];
    const [position, number] = [past[this.#below(past.length)]!, this.#below(2)];
    const mode = modes[this.#below(modes.length)]!;
    const ways: Readonly<Record<Reader | Writer, () => Promise<void>>> = {
      follower: () => this.#follower(),
      snapshot: () => this.#snapshot(),
      verify: () => this.#verify(),
      position: () => this.#past(position),
      version: () => this.#version(number),
      history: () => this.#history(),
      speed: () => this.#speed(),
      batch: () => this.#batch(mode),
      rebuild: () => this.#rebuild(),
    };
    for (const reader of this.#turn(readers, whole ? readers.length : 3)) await this.#way(reader, ways[reader]);
    // a later reader may find it repaired
    for (const writer of this.#turn(writers, whole ? writers.length : 2)) await this.#way(writer, ways[writer]);
    const after = this.#random() < 0.5 ? "follower" : "snapshot";
    await this.#way(`${after} after`, ways[after]);
  }

  /** This many of the ways, starting at another one each time: a thousand faults use all of them often enough. */
  #turn<T>(ways: readonly T[], count: number): readonly T[] {
    const first = this.#below(ways.length);
    return [...ways.slice(first), ...ways.slice(0, first)].slice(0, count);
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

  async #follower(): Promise<void> {
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
        await this.#truth.expect(view.definition, served.position, sql);
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
    for (const view of views)
      await this.#truth.expect(view, snapshot.position, await checkedRows(this.#world.store, snapshot, view));
    const counted = [snapshot.manifest, ...snapshot.heads.flatMap((head) => head.entries)];
    const sum = (of: "events" | "dead") => counted.reduce((all, each) => all + each[of], 0);
    await this.#expectCounts(snapshot.position, sum("events"), sum("dead"));
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
      await releasePins(store, run);
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
        await this.#truth.expect(view, position, rowsOf(view, await past.partials(this.#world.oracle, view)));
    } finally {
      await releasePins(store, run);
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
        await this.#truth.expect(view, snapshot.position, rowsOf(view, await partials(oracle, view)));
    } finally {
      await releasePins(store, run);
    }
  }

  /** All events up to the log's end, archive below and log above, as they are. */
  async #history(): Promise<void> {
    const { store, log, oracle, end } = this.#world;
    const { origin, definition } = (await newestVersion(store))!;
    const history = new History(store, log, origin);
    const inputs = history.inputs(oracle, definition, rangesBetween(origin, end));
    const view = definition.views.find((each) => each.name === "whole")!;
    await this.#truth.expect(view, end, plainOf(view, await inputs(view)));
    this.#at(end);
    const archived: Record<string, number> = {};
    for (const partition of [0, 1]) archived[partition] = await history.records.archivedTo("events", partition);
    const position = { events: archived };
    const { counts, dead } = await archivedIn(
      history.records,
      oracle,
      this.#world.stream,
      rangesBetween(origin, position),
    );
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

  async #batch(mode: RunMode): Promise<void> {
    await runBatch(this.#batchOptions, mode);
  }

  async #rebuild(): Promise<void> {
    const batch = this.#batchOptions;
    const { views } = await rebuild({
      batch,
      views: [],
      fullSpeed: true,
      perStep: 150,
      sleep: async () => undefined,
      onStep: () => undefined,
    });
    const differs = views.find((view) => view.differences.length > 0);
    if (differs) throw new Error(`${differs.view} is rebuilt otherwise than served`);
  }
}
