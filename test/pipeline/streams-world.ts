/** Two streams in one project, what was appended to each beside it, and the answers that this makes. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Batch } from "../../batch/batch.ts";
import { Compiler } from "../../shared/compiler/compile.ts";
import type { Definition, StreamDefinition } from "../../shared/definition.ts";
import { Duck, type Session } from "../../shared/duckdb/duck.ts";
import { History } from "../../shared/history/history.ts";
import type { RequestId } from "../../shared/log/log.ts";
import { MemoryLog } from "../../shared/log/memory.ts";
import type { Position } from "../../shared/position.ts";
import { Incidents } from "../../shared/store/incidents.ts";
import type { VersionManifest } from "../../shared/store/layout.ts";
import { ensureVersion, logStream } from "../../shared/store/origin.ts";
import { checkedRows } from "../../shared/store/snapshot-rows.ts";
import type { Store } from "../../shared/store/store.ts";
import { newestVersion, snapshotOf } from "../../shared/store/versions.ts";
import { DeltaWriter } from "../../speed/delta-writer.ts";
import { openStore } from "../support/store.ts";
import { stream } from "../support/view-case.ts";

const views = {
  of_a: "SELECT g, count(*) AS n, sum(x) AS x FROM a GROUP BY g",
  of_b: "SELECT g, count(*) AS n, sum(x) AS x FROM b GROUP BY g",
  of_both: "SELECT g, count(*) AS n, sum(x) AS x FROM (SELECT g, x FROM a UNION ALL SELECT g, x FROM b) GROUP BY g",
};
type View = keyof typeof views;

interface Appended {
  readonly stream: string;
  readonly partition: number;
  readonly offset: number;
  readonly g: string;
  readonly x: number;
}

export class StreamsWorld {
  readonly log: MemoryLog;
  readonly said: string[] = [];
  now = Date.UTC(2026, 0, 1);
  store!: Store;
  definition!: Definition;
  readonly #dir = mkdtempSync(join(tmpdir(), "tidemark-streams-"));
  #duck!: Duck;
  readonly #sessions: Session[] = [];
  #appended: Appended[] = [];
  #x = 0;

  private constructor() {
    this.log = new MemoryLog(() => this.now);
  }

  static async open(options: { shards?: number; a?: Partial<StreamDefinition> } = {}): Promise<StreamsWorld> {
    const world = new StreamsWorld();
    world.store = await openStore(join(world.#dir, "data"));
    world.#duck = await Duck.open({ threads: 1 });
    const fields = { g: "VARCHAR", x: "INTEGER" };
    const streams = [
      { ...stream("a", fields), partitions: 2, ...options.a },
      { ...stream("b", fields), partitions: 1 },
    ];
    const session = await world.session();
    const compiler = await Compiler.open(session, streams);
    const compiled = [];
    for (const [name, sql] of Object.entries(views))
      compiled.push(await compiler.compile({ name, file: `views/${name}.sql`, sql, description: "" }));
    world.definition = {
      project: "streams",
      streams,
      references: [],
      views: compiled,
      timezone: "UTC",
      duckdb: "test",
      shards: options.shards ?? 1,
    };
    return world;
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) session.close();
    this.#duck.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async session(): Promise<Session> {
    const session = await this.#duck.session();
    this.#sessions.push(session);
    return session;
  }

  stream(name: string): StreamDefinition {
    return this.definition.streams.find((each) => each.name === name)!;
  }

  firstVersion(): Promise<VersionManifest> {
    return ensureVersion(this.store, this.log, async () => this.definition);
  }

  /** @param isLost the pipeline never gets it. */
  async append(name: string, partition: number, count: number, isLost = false): Promise<void> {
    const to = logStream(this.stream(name));
    for (let i = 0; i < count; i++) {
      const event = { g: `g${this.#x % 3}`, x: this.#x++ };
      const ends = await this.log.append(to, [{ partition, key: null, value: Buffer.from(JSON.stringify(event)) }]);
      if (!isLost) this.#appended.push({ stream: name, partition, offset: ends.get(partition)! - 1, ...event });
    }
  }

  /** Records under a request that is sent again; counted once. */
  async appendUnder(id: RequestId, name: string, partition: number, event: { g: string; x: number }): Promise<void> {
    const ends = await this.log.append(logStream(this.stream(name)), [
      { partition, key: null, value: Buffer.from(JSON.stringify(event)), id },
    ]);
    this.#appended.push({ stream: name, partition, offset: ends.get(partition)! - 1, ...event });
  }

  async writer(manifest: VersionManifest, shard = 0): Promise<DeltaWriter> {
    const { store, log } = this;
    return DeltaWriter.open(
      {
        store,
        log,
        history: new History(store, log, manifest.origin),
        session: await this.session(),
        compactSession: await this.session(),
        flushMsMax: 1,
        now: () => this.now,
        say: (line) => this.said.push(line),
      },
      manifest,
      shard,
    );
  }

  get batch(): Batch {
    return {
      store: this.store,
      log: this.log,
      makeDefinition: async () => this.definition,
      memoryLimit: "500MB",
      keepVersions: 3,
      retentionMs: 1e15,
      now: () => this.now,
      say: (line) => this.said.push(line),
      incidents: new Incidents(this.store, "batch", () => this.now),
    };
  }

  /** The position of the newest version's answers. Each view's rows are checked against what was appended below. */
  async exact(): Promise<Position> {
    const manifest = (await newestVersion(this.store))!;
    const snapshot = await snapshotOf(this.store, manifest);
    const session = await this.session();
    for (const view of manifest.definition.views) {
      const rows = (await session.rows(`SELECT g, n, x FROM (${await checkedRows(this.store, snapshot, view)})`)).map(
        ({ g, n, x }) => `${g} ${n} ${x}`,
      );
      const truth = this.#truth(view.name as View, snapshot.position);
      if (rows.sort().join() !== truth.sort().join())
        throw new Error(`${view.name}: ${rows.join()} instead of ${truth.join()}`);
    }
    return snapshot.position;
  }

  #truth(view: View, position: Position): string[] {
    const groups = new Map<string, { n: number; x: number }>();
    for (const { stream: name, partition, offset, g, x } of this.#appended) {
      if (view !== "of_both" && view !== `of_${name}`) continue;
      if (offset >= (position[name]?.[partition] ?? 0)) continue;
      const group = groups.get(g) ?? { n: 0, x: 0 };
      groups.set(g, { n: group.n + 1, x: group.x + x });
    }
    return [...groups].map(([g, { n, x }]) => `${g} ${n} ${x}`);
  }
}

/** `steps` steps; the last ones find nothing. */
export async function steps(writer: DeltaWriter, count = 8): Promise<void> {
  for (let i = 0; i < count; i++) await writer.step();
}
