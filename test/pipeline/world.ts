/**
 * A whole pipeline in one process, and an oracle beside it: what was appended, as typed events with their
 * places. Every answer the pipeline gives is compared with plain DuckDB over the oracle's events below exactly
 * the answer's position.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Batch } from "../../batch/batch.ts";
import { runBatch } from "../../batch/run.ts";
import { Compiler } from "../../shared/compiler/compile.ts";
import { eventColumn, eventType } from "../../shared/compiler/event-order.ts";
import type { Inputs } from "../../shared/compiler/texts.ts";
import { Decoder } from "../../shared/decode/decode.ts";
import type { Changelog, Definition, StreamDefinition, ViewDefinition } from "../../shared/definition.ts";
import { Duck, quoteName, quoteText, type Session } from "../../shared/duckdb/duck.ts";
import { stampOf } from "../../shared/duplicates/log-time.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { History } from "../../shared/history/history.ts";
import { ArrayBatch } from "../../shared/log/batch.ts";
import type { Log, RequestId } from "../../shared/log/log.ts";
import { MemoryLog } from "../../shared/log/memory.ts";
import { covers, formatPosition, ofShard, type Position, places } from "../../shared/position.ts";
import { keepReference, type ReferenceSource } from "../../shared/project/references.ts";
import { compareRows, doublesOf } from "../../shared/proof/compare.ts";
import { withPlainSql } from "../../shared/proof/plain-sql.ts";
import { sumCounts } from "../../shared/store/counts.ts";
import { FolderStore } from "../../shared/store/folder.ts";
import { Incidents } from "../../shared/store/incidents.ts";
import type { VersionManifest } from "../../shared/store/layout.ts";
import { ensureVersion, logStream } from "../../shared/store/origin.ts";
import { failureOf } from "../../shared/store/partials.ts";
import { checkedRows } from "../../shared/store/snapshot-rows.ts";
import type { Store } from "../../shared/store/store.ts";
import type { Snapshot } from "../../shared/store/versions.ts";
import { DeltaWriter } from "../../speed/delta-writer.ts";
import { logTimes } from "../support/log-time.ts";
import { openStore } from "../support/store.ts";

export interface WorldOptions {
  readonly stream: StreamDefinition;
  /** The views' SQL, by name. */
  readonly views: Readonly<Record<string, string>>;
  readonly shards?: number;
  /** Reference tables as CSV, by name. */
  readonly references?: Readonly<Record<string, string>>;
  /** Default: one in memory. */
  readonly log?: (data: string, now: () => number) => Log;
}

/** A record to append; `valid` is what the test knows of it. */
export interface Sent {
  readonly partition: number;
  readonly value: string | null;
  readonly valid: boolean;
  readonly id?: RequestId;
}

/** The rows of a changelog that are left, by the last record of each key. */
function rowsOfLast({ key, row }: Changelog, below: string): string {
  const own = key.map((name) => `coalesce(after, before).${quoteName(name)}`).join(", ");
  const last = `SELECT arg_max_null(after, __offset) AS row FROM oracle WHERE ${below} GROUP BY ${own}`;
  const fields = row.map(({ name, type }) => {
    const value = `row.${quoteName(name)}`;
    return `${type === "JSON" ? `if(${value}::VARCHAR = 'null', NULL, ${value})` : value} AS ${quoteName(name)}`;
  });
  return `SELECT ${fields.join(", ")} FROM (${last}) WHERE row IS NOT NULL`;
}

export class World {
  readonly dir: string;
  log: Log;
  readonly stream: StreamDefinition;
  readonly #duck: Duck;
  readonly #oracle: Session;
  readonly #decoder: Decoder;
  readonly #sessions: Session[] = [];
  readonly #writers = new Set<DeltaWriter>();
  store!: Store;
  definition!: Definition;
  /** The world's clock, ms; only moves when set. */
  now = Date.UTC(2026, 0, 1);
  /** The batch layer's own. */
  get #incidents(): Incidents {
    return new Incidents(this.store, "batch", () => this.now);
  }
  /** What the pipeline said, newest last. */
  readonly said: string[] = [];
  readonly #dead: { partition: number; offset: number }[] = [];
  /** What is to be suppressed, by the rule's own words. */
  readonly #duplicates: { partition: number; offset: number }[] = [];
  readonly #counted: { partition: number; id: string; place: number }[] = [];
  readonly #requests: { partition: number; request: string; sequence: number; place: number }[] = [];
  /** Of each partition, the records' timestamps. */
  readonly #stamps = new Map<number, number[]>();
  readonly #ends: number[];
  readonly #chains = new Map<number, { readonly writer: string; readonly count: number }>();
  readonly references: readonly ReferenceSource[];

  private constructor(dir: string, { stream, references, log }: WorldOptions, duck: Duck, oracle: Session) {
    this.dir = dir;
    this.stream = stream;
    this.#duck = duck;
    this.#oracle = oracle;
    this.#decoder = new Decoder(oracle, stream);
    this.#ends = Array.from({ length: stream.partitions }, () => 0);
    mkdirSync(join(dir, "reference"));
    this.references = Object.entries(references ?? {}).map(([name, csv]) => {
      const source = `reference/${name}.csv`;
      writeFileSync(join(dir, source), csv);
      return { name, source };
    });
    const now = () => this.now;
    this.log = log ? log(join(dir, "data"), now) : new MemoryLog(now);
  }

  static async open(options: WorldOptions): Promise<World> {
    const { stream, views, shards = 1 } = options;
    const duck = await Duck.open({ threads: 2 });
    const oracle = await duck.session();
    const world = new World(mkdtempSync(join(tmpdir(), "tidemark-world-")), options, duck, oracle);
    const fields = stream.fields.map((field) => `${quoteName(field.name)} ${field.type}`).join(", ");
    await oracle.run(`CREATE TEMP TABLE oracle (__timestamp BIGINT, __partition INTEGER, __offset BIGINT, ${fields})`);
    world.store = await openStore(join(world.dir, "data"));
    await world.define(views, shards);
    return world;
  }

  async close(): Promise<void> {
    // a writer that is left open reads on at the log's end for as long as the process lives
    for (const writer of this.#writers) await writer.close().catch(() => undefined);
    for (const session of this.#sessions) session.close();
    await this.log.close();
    this.#oracle.close();
    this.#duck.close();
    rmSync(this.dir, { recursive: true, force: true });
  }

  readonly say = (line: string): void => {
    this.said.push(line);
  };

  /** The store, where it has to be a folder. */
  get folder(): FolderStore {
    if (this.store instanceof FolderStore) return this.store;
    throw new Error("this test is of a folder");
  }

  /** The definition that the next batch makes its version from. @throws what the compiler throws */
  async define(
    views: Readonly<Record<string, string>>,
    shards = this.definition.shards,
    stream = this.stream,
  ): Promise<void> {
    const duck = await Duck.open({ threads: 1 });
    const own = await duck.session();
    try {
      const references = [];
      for (const each of this.references) references.push(await keepReference(own, this.store, this.dir, each));
      const compiler = await Compiler.open(own, [stream], references);
      const compiled: ViewDefinition[] = [];
      for (const [name, sql] of Object.entries(views)) {
        compiled.push(await compiler.compile({ name, file: `views/${name}.sql`, sql, description: "" }));
      }
      this.definition = {
        project: "world",
        streams: [stream],
        references,
        views: compiled,
        timezone: "UTC",
        duckdb: "test",
        shards,
      };
    } finally {
      own.close();
      duck.close();
    }
  }

  firstVersion(): Promise<VersionManifest> {
    return ensureVersion(this.store, this.log, async () => this.definition);
  }

  /** Appends to the log and to the oracle. */
  async append(sent: readonly Sent[]): Promise<void> {
    await this.log.ensure(logStream(this.stream));
    const records = this.stream.changelog ? this.#chained(sent) : sent;
    const stamped = records.map(({ partition, value, id }) => ({
      partition,
      key: null,
      value: value === null ? null : Buffer.from(value),
      ...(id ? { id } : {}),
    }));
    await this.log.append(logStream(this.stream), stamped);
    for (const { partition, value, valid, id } of records) {
      const offset = this.#ends[partition]!++;
      if (this.#isSuppressed(partition, valid ? value : null, id)) this.#duplicates.push({ partition, offset });
      else if (!valid) this.#dead.push({ partition, offset });
      else await this.#addToOracle(partition, offset, Buffer.from(value!));
    }
  }

  /** As the one writer of a changelog has them. */
  #chained(records: readonly Sent[]): Sent[] {
    const next = [...this.#ends];
    return records.map((each) => {
      const sequence = next[each.partition]!++;
      return { ...each, id: each.id ?? { request: "chain:world:0", sequence } };
    });
  }

  /** By the rule's own words: it goes on after the last record that counted. */
  #isFenced(partition: number, { request, sequence }: RequestId): boolean {
    const last = this.#chains.get(partition) ?? { writer: "", count: 0 };
    const [, writer = "", from] = request.split(":");
    const same = writer === last.writer;
    const takesOver = Number(from) === last.count;
    if (sequence !== last.count || !(same || takesOver)) return true;
    this.#chains.set(partition, { writer, count: sequence + 1 });
    return false;
  }

  /** Slowly, and by the rule's own words; a log of our own stamps with the world's clock. */
  #isSuppressed(partition: number, value: string | null, id: RequestId | undefined): boolean {
    const hour = (time: number) => Math.floor(time / (60 * 60 * 1000));
    const stamps = this.#stamps.get(partition) ?? [];
    this.#stamps.set(partition, stamps);
    const place = stamps.length;
    stamps.push(stampOf(this.now, stamps.at(-1) ?? 0));
    if (this.stream.changelog) return this.#isFenced(partition, id!);
    if (!id && this.stream.dedupMs === null) return false;
    const moments = logTimes(stamps);
    const { now, at } = moments[place]!;
    const timeOf = (each: { place: number }) => {
      const { settled, time } = moments[each.place]!;
      return settled > place ? Number.POSITIVE_INFINITY : time;
    };
    if (id) {
      const lives = (each: { place: number }) => id.request.startsWith("dl:") || hour(timeOf(each)) >= hour(now) - 24;
      const own = this.#requests.filter((each) => each.partition === partition && each.request === id.request);
      if (own.some((each) => each.sequence === id.sequence && lives(each))) return true;
      this.#requests.push({ partition, ...id, place });
    }
    const { id: field, dedupMs } = this.stream;
    if (value === null || field === null || dedupMs === null) return false;
    const event = (JSON.parse(value) as Record<string, unknown>)[field];
    if (event === null || event === undefined) return false;
    const before = this.#counted.filter((each) => each.partition === partition && each.id === String(event));
    if (before.some((each) => timeOf(each) >= at - dedupMs)) return true;
    this.#counted.push({ partition, id: String(event), place });
    return false;
  }

  async #addToOracle(partition: number, offset: number, value: Buffer): Promise<void> {
    const decoded = await this.#decoder.decode([
      new ArrayBatch(partition, offset, offset + 1, [{ offset, timestamp: 0, key: null, value }]),
    ]);
    if (decoded.dead.length > 0)
      throw new Error(`the test thinks this event valid: ${value} (${decoded.dead[0]!.reason})`);
    await this.#oracle.run(
      `INSERT INTO oracle SELECT ${this.now}, ${partition}, ${offset}, * FROM (${await decoded.select()})`,
    );
    await decoded.close();
  }

  /** A session of the world's DuckDB, closed with the world. */
  async session(): Promise<Session> {
    const session = await this.#duck.session();
    this.#sessions.push(session);
    return session;
  }

  /** The session in which answers are compared; `expectRows` sees its temp tables. */
  get oracle(): Session {
    return this.#oracle;
  }

  get duck(): Duck {
    return this.#duck;
  }

  /** A writer, closed with the world at the latest. */
  async writer(manifest: VersionManifest, shard: number, options: { flushMsMax?: number } = {}): Promise<DeltaWriter> {
    const { store, log, say } = this;
    const history = new History(store, log, manifest.origin);
    const [session, compactSession] = [await this.session(), await this.session()];
    const deltaOptions = {
      store,
      log,
      history,
      session,
      compactSession,
      flushMsMax: options.flushMsMax ?? 1,
      now: () => this.now,
      say,
    };
    const writer = await DeltaWriter.open(deltaOptions, manifest, shard);
    this.#writers.add(writer);
    return writer;
  }

  get batch(): Batch {
    return {
      store: this.store,
      log: this.log,
      makeDefinition: async () => this.definition,
      memoryLimit: "1GB",
      keepVersions: 3,
      retentionMs: 1e15,
      now: () => this.now,
      say: this.say,
      incidents: this.#incidents,
    };
  }

  async runBatch(): Promise<VersionManifest> {
    return (await runBatch(this.batch)).manifest;
  }

  /** The log's end, by the oracle's count. */
  get end(): Position {
    return { [this.stream.name]: Object.fromEntries(this.#ends.map((offset, partition) => [partition, offset])) };
  }

  #below(position: Position): string {
    const cases = places(position).map((place) => `WHEN ${place.partition} THEN __offset < ${place.offset}`);
    return `CASE __partition ${cases.join(" ")} ELSE false END`;
  }

  /** What the view reads below a position, by the oracle. */
  inputs(view: ViewDefinition, position: Position): Inputs {
    const fields = this.stream.fields.map((field) => quoteName(field.name));
    if (view.ordered)
      fields.push(`CAST({t: __timestamp, p: __partition, o: __offset} AS ${eventType}) AS ${eventColumn}`);
    const { changelog } = this.stream;
    const select = changelog
      ? rowsOfLast(changelog, this.#below(position))
      : `SELECT ${fields.join(", ")} FROM oracle WHERE ${this.#below(position)}`;
    const tables = this.references.map(({ name, source }) => {
      return [name, `FROM read_csv(${quoteText(join(this.dir, source))}, header = true, sample_size = -1)`] as const;
    });
    return new Map([[this.stream.name, select], ...tables]);
  }

  /** Dead letters below a position. */
  deadBelow(position: Position): number {
    return this.#dead.filter((each) => each.offset < (position[this.stream.name]?.[each.partition] ?? 0)).length;
  }

  /** Suppressed records below a position. */
  duplicatesBelow(position: Position): number {
    return this.#duplicates.filter((each) => each.offset < (position[this.stream.name]?.[each.partition] ?? 0)).length;
  }

  async eventsBelow(position: Position): Promise<number> {
    return Number(await this.#oracle.value(`SELECT count(*) FROM oracle WHERE ${this.#below(position)}`));
  }

  /**
   * Throws unless the rows of `served` are those of the view's own SQL at the position. False: that SQL itself
   * fails there.
   */
  async expectRows(view: ViewDefinition, position: Position, served: string): Promise<boolean> {
    const works = await withPlainSql(this.#oracle, view, this.inputs(view, position), (plain) =>
      this.#oracle.run(`CREATE OR REPLACE TEMP TABLE truth AS ${plain}`).then(
        () => true,
        () => false,
      ),
    );
    if (!works) return false;
    // no sketch equals DuckDB's own; test/views holds them to their error
    const columns = view.columns.filter(({ name }) => !view.estimates?.columns.includes(name));
    const inexact = view.tolerance > 0 ? doublesOf(columns) : [];
    const list = columns.map(({ name }) => quoteName(name)).join(", ") || "1 AS nothing";
    const { differences } = await compareRows(
      this.#oracle,
      `SELECT ${list} FROM (${served})`,
      `SELECT ${list} FROM truth`,
      {
        inexact,
        tolerance: view.tolerance,
      },
    );
    if (differences.length > 0) {
      throw new Error(
        `${view.name} at ${formatPosition(position)}: ${differences.length} rows differ, first ${JSON.stringify(differences[0])}\n${view.sql}`,
      );
    }
    return true;
  }

  /**
   * Every view of a snapshot, its events and its dead letters, against the oracle. @returns how many views were
   * compared
   */
  async expectExact(snapshot: Snapshot): Promise<number> {
    const { manifest, position } = snapshot;
    let compared = 0;
    for (const view of manifest.definition.views) {
      const failed = failureOf(snapshot, view.name);
      if (failed) continue;
      if (await this.expectRows(view, position, await checkedRows(this.store, snapshot, view))) compared++;
    }
    const { late: _, ...counts } = sumCounts([manifest, ...snapshot.heads.flatMap((head) => head.entries)]);
    const truth = {
      events: await this.eventsBelow(position),
      dead: this.deadBelow(position),
      duplicates: this.duplicatesBelow(position),
    };
    if (JSON.stringify(counts) !== JSON.stringify(truth)) {
      throw new Error(`at ${formatPosition(position)}: ${JSON.stringify(counts)} instead of ${JSON.stringify(truth)}`);
    }
    return compared;
  }
}

/** Appends events `{g, x}` that are numbered from 0 on, in turn to two partitions. */
export function numberedEvents(world: () => World): (count: number) => Promise<void> {
  let sent = 0;
  return (count) =>
    world().append(
      Array.from({ length: count }, () => {
        const value = JSON.stringify({ g: `g${sent % 3}`, x: sent });
        return { partition: sent++ % 2, value, valid: true };
      }),
    );
}

/** Steps a writer until it has reached the log's end for its shard. */
export async function catchUp(world: World, writer: DeltaWriter): Promise<void> {
  const { shards } = writer.generation.manifest.definition;
  for (let idle = 0; !covers(writer.position, ofShard(world.end, writer.generation.shard, shards)); idle++) {
    if (idle > 1000) throw new Error("the writer does not catch up");
    await writer.step();
  }
}

/** True for an expected failure of this code. */
export function isError(error: unknown, code: string): boolean {
  return error instanceof TidemarkError && error.code === code;
}
