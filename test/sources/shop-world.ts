/** A database, a project that follows it, and what the log makes of it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type PostgresServer, startPostgres } from "../../demo/postgres/server.ts";
import { isChangelog } from "../../ingest/sent-changes.ts";
import type { ChangelogStream, Definition } from "../../shared/definition.ts";
import { Duck } from "../../shared/duckdb/duck.ts";
import type { Log } from "../../shared/log/log.ts";
import { openLog } from "../../shared/log/open.ts";
import { makeDefinition } from "../../shared/project/definition.ts";
import { loadProject } from "../../shared/project/load.ts";
import type { Project } from "../../shared/project/project.ts";
import { FolderStore } from "../../shared/store/folder.ts";
import { ensureVersion } from "../../shared/store/origin.ts";
import type { Store } from "../../shared/store/store.ts";
import { archivedRows } from "../../sources/archived-rows.ts";
import { ChangelogWriter } from "../../sources/changelog-writer.ts";
import { runSources } from "../../sources/daemon.ts";
import { RowFile } from "../../sources/row-file.ts";

export class ShopWorld {
  readonly dir: string;
  readonly server: PostgresServer;
  readonly said: string[] = [];
  project!: Project;
  store!: Store;
  log!: Log;
  definition!: Definition;
  #stop: AbortController | null = null;
  #running: Promise<void> | null = null;
  #folds = 0;

  private constructor(dir: string, server: PostgresServer) {
    this.dir = dir;
    this.server = server;
  }

  /**
   * @param tables SQL that makes them
   * @param streams the text of the configuration's `streams`
   * @param more text of the source's section
   */
  static async open(
    tables: string,
    streams: string,
    { settings = {}, more = "" }: { readonly settings?: Readonly<Record<string, string>>; readonly more?: string } = {},
  ): Promise<ShopWorld> {
    const server = await startPostgres({ settings });
    const world = new ShopWorld(mkdtempSync(join(tmpdir(), "tidemark-shop-")), server);
    await server.sql(tables);
    mkdirSync(join(world.dir, "views"));
    const own = `postgres: "env:SHOP", slot: "tidemark_shop", heartbeat: "1 second"`;
    const sources = `{ shop: { ${own}, ${more} } }`;
    writeFileSync(
      join(world.dir, "tidemark.config.ts"),
      `export default { name: "shop", sources: ${sources}, streams: ${streams} };`,
    );
    world.project = await loadProject({ dir: world.dir, env: { SHOP: server.url } });
    mkdirSync(world.project.dataDir);
    world.store = await FolderStore.open(world.project.dataDir);
    world.log = await openLog({ data: world.project.dataDir });
    const manifest = await ensureVersion(world.store, world.log, () => makeDefinition(world.project, world.store));
    world.definition = manifest.definition;
    return world;
  }

  start(): void {
    this.#stop = new AbortController();
    const { store, log, project } = this;
    this.#running = runSources({
      store,
      log,
      project: project.name,
      sources: project.sources,
      folder: join(project.dataDir, "sources"),
      memoryLimit: "1GB",
      now: Date.now,
      say: (line) => this.said.push(line),
      signal: this.#stop.signal,
    });
  }

  async stop(): Promise<void> {
    this.#stop?.abort();
    await this.#running;
    this.#running = null;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.log.close();
    await this.server.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  stream(name: string): ChangelogStream {
    return this.definition.streams.filter(isChangelog).find((each) => each.name === name)!;
  }

  /** The rows that a changelog's records leave, each as a JSON object of texts, by key. */
  async rowsOf(name: string): Promise<string[]> {
    const duck = await Duck.open({ threads: 1 });
    const session = await duck.session();
    const folder = join(this.dir, `fold-${this.#folds++}`);
    try {
      const rows = RowFile.open(folder, Date.now)!;
      const { store, log } = this;
      const stream = this.stream(name);
      const archived = archivedRows(store, log, session, stream);
      const writer = await ChangelogWriter.open({ log, stream, rows, archived, session });
      const found = [...writer.rows()].sort();
      await writer.close();
      return found;
    } finally {
      duck.close();
      rmSync(folder, { recursive: true, force: true });
    }
  }
}
