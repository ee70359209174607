/** Changes of a PostgreSQL's rows, end to end into the embedded log: how many a second, how soon, in what memory. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type PostgresServer, postgresLacking, startPostgres } from "../demo/postgres/server.ts";
import type { Log, LogStream } from "../shared/log/log.ts";
import { openLog } from "../shared/log/open.ts";
import { makeDefinition } from "../shared/project/definition.ts";
import { loadProject } from "../shared/project/load.ts";
import type { Project } from "../shared/project/project.ts";
import { FolderStore } from "../shared/store/folder.ts";
import { ensureVersion, logStream } from "../shared/store/origin.ts";
import { runSources } from "../sources/daemon.ts";
import { connectTo } from "../sources/postgres/target.ts";
import type { Bench, Figure, Goal, Part } from "./part.ts";

const streams = `{ rows: { kind: "changelog", from: "shop:public.rows", key: "id", partitions: 4, fields: {
  id: "BIGINT", city: "VARCHAR?", age: "INTEGER?", price: "DECIMAL(12,2)?", at: "TIMESTAMP?", ok: "BOOLEAN?",
  note: "VARCHAR?" } } }`;
const table = `CREATE TABLE rows (id bigint PRIMARY KEY, city text, age int, price numeric(12,2), at timestamp,
  ok boolean, note text)`;
const made = (from: number, upto: number) => `INSERT INTO rows SELECT i, 'city ' || (i % 100), i % 90, i * 0.25, now(),
  i % 2 = 0, repeat('n', 60) FROM generate_series(${from}, ${upto - 1}) i;`;
/** Rows of one transaction. */
const rowsPerCommit = 1000;
const mb = 1 << 20;

export const sources: Part = {
  name: "sources",
  run: async (bench) => {
    const lacking = postgresLacking();
    if (lacking) {
      bench.say(`left out: ${lacking}`);
      return [];
    }
    const server = await startPostgres();
    try {
      return await measured(bench, server);
    } finally {
      await server.stop();
    }
  },
};

async function measured(bench: Bench, server: PostgresServer): Promise<Figure[]> {
  const shop = await Shop.open(bench, server);
  const { scale, say } = bench;
  const rows = Math.max(rowsPerCommit, Math.round((300_000 * scale) / rowsPerCommit) * rowsPerCommit);
  const commits = (text: (from: number) => string) =>
    Array.from({ length: rows / rowsPerCommit }, (_, i) => text(i * rowsPerCommit)).join("\n");
  const updates = commits(
    (from) => `UPDATE rows SET age = age + 1 WHERE id >= ${from} AND id < ${from + rowsPerCommit};`,
  );
  try {
    await shop.run(async () => undefined);
    const inserts = await shop.rate(
      commits((from) => made(from, from + rowsPerCommit)),
      rows,
    );
    say(`${rows} inserts: ${Math.round(inserts)}/s`);
    const identity = await shop.rate(updates, rows);
    await server.sql("ALTER TABLE rows REPLICA IDENTITY FULL");
    const full = await shop.rate(updates, rows);
    const large = Math.round(500_000 * scale);
    const [lags, peak] = await shop.run(async () => {
      const found = await idleLags(server, shop, Math.max(10, Math.round(100 * scale)));
      const before = await shop.ended();
      const memory = watchMemory();
      await server.sql(made(10_000_000, 10_000_000 + large));
      await shop.reached(before + large);
      return [found, memory.stop()] as const;
    });
    return [
      perSecond("PostgreSQL inserts → embedded log", inserts, 50_000),
      perSecond("updates, identity FULL", full, 50_000),
      perSecond("updates, identity DEFAULT", identity, 25_000),
      lagFigure(lags),
      figure(`memory more, one transaction of ${large} rows`, `${Math.round(peak / mb)} MB`, {
        text: "< 400 MB",
        reached: peak < 400 * mb,
      }),
    ];
  } finally {
    await shop.log.close();
  }
}

/** A project that follows the database. */
class Shop {
  readonly log: Log;
  readonly #bench: Bench;
  readonly #server: PostgresServer;
  readonly #project: Project;
  readonly #store: FolderStore;
  readonly #stream: LogStream;

  private constructor(bench: Bench, server: PostgresServer, project: Project, store: FolderStore, opened: Opened) {
    this.#bench = bench;
    this.#server = server;
    this.#project = project;
    this.#store = store;
    this.log = opened.log;
    this.#stream = opened.stream;
  }

  static async open(bench: Bench, server: PostgresServer): Promise<Shop> {
    const { folder } = bench;
    await server.sql(table);
    mkdirSync(join(folder, "views"));
    const config = `{ name: "bench", sources: { shop: { postgres: "env:SHOP" } }, streams: ${streams} }`;
    writeFileSync(join(folder, "tidemark.config.mjs"), `export default ${config};`);
    const project = await loadProject({ dir: folder, env: { SHOP: server.url } });
    mkdirSync(project.dataDir, { recursive: true });
    const store = await FolderStore.open(project.dataDir);
    const log = await openLog({ data: project.dataDir });
    const { definition } = await ensureVersion(store, log, () => makeDefinition(project, store));
    return new Shop(bench, server, project, store, { log, stream: logStream(definition.streams[0]!) });
  }

  /** While the source is followed. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const stop = new AbortController();
    const running = runSources({
      store: this.#store,
      log: this.log,
      project: this.#project.name,
      sources: this.#project.sources,
      folder: join(this.#project.dataDir, "sources"),
      memoryLimit: "1GB",
      now: Date.now,
      say: () => undefined,
      signal: AbortSignal.any([this.#bench.signal, stop.signal]),
    });
    try {
      const active = "SELECT count(*) FROM pg_replication_slots WHERE active";
      while ((await this.#server.sql(active)).trim() !== "1") await sleep(50);
      return await work();
    } finally {
      stop.abort();
      await running;
    }
  }

  async ended(): Promise<number> {
    return (await this.log.end(this.#stream)).reduce((sum, end) => sum + end, 0);
  }

  async reached(count: number): Promise<void> {
    while ((await this.ended()) < count) {
      this.#bench.signal.throwIfAborted();
      await sleep(5);
    }
  }

  /** Rows a second, of what waits in the WAL. */
  async rate(statements: string, count: number): Promise<number> {
    const from = await this.ended();
    await this.#server.sql(statements);
    return this.run(async () => {
      const [began, first] = [performance.now(), await this.ended()];
      await this.reached(from + count);
      return ((from + count - first) / (performance.now() - began)) * 1000;
    });
  }
}

interface Opened {
  readonly log: Log;
  readonly stream: LogStream;
}

function perSecond(name: string, found: number, least: number): Figure {
  return figure(name, `${Math.round(found)} rows/s`, { text: `≥ ${least}`, reached: found >= least });
}

function lagFigure(lags: number[]): Figure {
  const sorted = [...lags].sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1]!;
  const goal = { text: "< 200 ms", reached: median < 200 };
  return {
    ...figure("commit → durable in the log, idle", `${median.toFixed(0)} ms`, goal),
    spread: `${sorted[0]!.toFixed(0)} to ${sorted.at(-1)!.toFixed(0)}`,
  };
}

function figure(name: string, median: string, goal: Goal): Figure {
  return { name, median, spread: "", ratio: null, goal };
}

/** From a commit's answer to its record in the log, ms. */
async function idleLags(server: PostgresServer, shop: Shop, count: number): Promise<number[]> {
  const lags: number[] = [];
  const connection = await connectTo({ source: "bench", url: server.url });
  try {
    for (let i = 0; i < count; i++) {
      await sleep(50);
      const before = await shop.ended();
      await connection.rows(`UPDATE public.rows SET age = ${i} + 1000 WHERE id = 1`);
      const committed = performance.now();
      await shop.reached(before + 1);
      lags.push(performance.now() - committed);
    }
  } finally {
    await connection.close();
  }
  return lags;
}

/** Resident memory beyond what there was, at most. */
function watchMemory(): { readonly stop: () => number } {
  const before = process.memoryUsage.rss();
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 20);
  return {
    stop: () => {
      clearInterval(timer);
      return most - before;
    },
  };
}
