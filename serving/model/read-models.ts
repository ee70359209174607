/**
 * Rows by their keys, for whoever asks for just one: DuckDB needs a millisecond for that, whatever the index. A file holds the rows of the version as
 * it was made; what the delta touches lies over it, in memory, made again in one query as entries come. A model answers only at the very
 * position that it stands at; anything else is asked of DuckDB.
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ViewDefinition } from "../../shared/definition.ts";
import type { Session } from "../../shared/duckdb/duck.ts";
import { messageOf } from "../../shared/errors.ts";
import { pause } from "../../shared/pause.ts";
import { equals, type Position } from "../../shared/position.ts";
import type { VersionManifest } from "../../shared/store/layout.ts";
import { versionFiles } from "../../shared/store/partials.ts";
import type { Store } from "../../shared/store/store.ts";
import { snapshotName } from "../answer.ts";
import { fileBeside, goBehind } from "../behind.ts";
import type { Follower } from "../follower.ts";
import { groupKeys, hasKnownRows, rowsOfGroups } from "../groups.ts";
import type { Served, ServedView } from "../loaded.ts";
import type { Question } from "../query.ts";
import type { BuildOrder, BuildReport } from "./build.ts";
import { ModelFile } from "./model-file.ts";
import { modelKey } from "./model-key.ts";

/** More groups over the file than this, of one view, and it is left to DuckDB. */
const overMax = 300_000;
/** Between two looks; and of the time that a look takes, so much is left to others. */
const everyMs = 15;
const restShare = 4;

/** So long at most a version waits for its models. */
const holdMsMax = 60_000;

const build = fileBeside(import.meta.url, "build");

/** What is known of a view above its version's file. */
interface Over {
  /** The delta's table, and how far it is in here. */
  readonly table: string;
  readonly upto: number;
  /** JSON of keys → JSON of the row; null: there is none; undefined: DuckDB has to be asked. Null altogether: too many. */
  readonly rows: Map<string, string | null | undefined> | null;
}

/** The models of one version. */
interface Models {
  readonly name: string;
  readonly folder: string;
  readonly builder: ChildProcess;
  /** Its process is gone. */
  readonly ended: Promise<void>;
  /** There will be no more files. */
  complete: boolean;
  readonly files: Map<string, ModelFile>;
  /** Nobody wants it any more, whatever its builder still says. */
  dropped: boolean;
  over: ReadonlyMap<string, Over>;
  /** Where `over` stands; null: nowhere yet. */
  standing: { readonly position: Position; readonly telling: string } | null;
}

export class ReadModels {
  readonly #store: Store;
  readonly #follower: Follower;
  readonly #session: Session;
  readonly #say: (line: string) => void;
  #models: Models | null = null;
  /** Of the version that will be served next. */
  #next: Models | null = null;
  /** The served version behind which another waits for its models, and since when. */
  #held: { readonly name: string; readonly since: number } | null = null;

  /** @param session of its own */
  constructor(store: Store, follower: Follower, session: Session, say: (line: string) => void) {
    this.#store = store;
    this.#follower = follower;
    this.#session = session;
    this.#say = say;
  }

  /**
   * The row that a question asks for, as JSON; null: there is no such row. Undefined: the question is another one, or no model stands where
   * `served` does.
   */
  lookup(served: Served, view: ServedView, question: Question): string | null | undefined {
    const version = nameOf(served.manifest);
    const models = this.#models?.name === version ? this.#models : this.#next;
    if (models?.name !== version || !stands(models, served)) return undefined;
    const name = view.definition.name;
    const file = models.files.get(name);
    const over = models.over.get(name)?.rows;
    if (!file || !over) return undefined;
    const key = modelKey(view.definition, question);
    if (key === null) return undefined;
    return over.has(key) ? over.get(key) : (file.get(key) ?? null);
  }

  /** Views that a model stands ready for. */
  get ready(): number {
    return this.#models?.files.size ?? 0;
  }

  async run(signal: AbortSignal): Promise<void> {
    let complaint = "";
    while (!signal.aborted) {
      const began = performance.now();
      const failure = await this.look().then(
        () => "",
        (error: unknown) => messageOf(error),
      );
      if (failure !== "" && failure !== complaint) this.#say(`serve: single rows are asked of DuckDB: ${failure}`);
      complaint = failure;
      await pause(Math.max(everyMs, (performance.now() - began) * restShare), signal);
    }
  }

  /** Follows what is served, one step. */
  async look(): Promise<void> {
    const { upcoming, manifest } = this.#follower;
    if (upcoming && this.#next?.name !== nameOf(upcoming)) {
      const before = this.#next;
      this.#next = null;
      await this.#drop(before);
      this.#next = await this.#build(upcoming);
    }
    if (this.#models?.name !== nameOf(manifest)) {
      const before = this.#models;
      const made = this.#next?.name === nameOf(manifest);
      this.#models = made ? this.#next : await this.#build(manifest);
      if (made) this.#next = null;
      await this.#drop(before);
    }
    await this.#catchUp(this.#models, this.#follower.pin());
    await this.#catchUp(this.#next, this.#follower.pinNext());
  }

  /** True while a version had better wait: single rows would be asked of DuckDB, where now they come from models of the same views. */
  holdsBack(next: VersionManifest): boolean {
    const [now, models] = [this.#models, this.#next];
    const known = new Map(this.#follower.manifest.definition.views.map(({ name, identity }) => [name, identity]));
    const same = (view: ViewDefinition) => known.get(view.name) === view.identity && now?.files.has(view.name);
    if (next.definition.views.length !== known.size || !answerable(next).every(same)) return false;
    const served = nameOf(this.#follower.manifest);
    if (this.#held?.name !== served) this.#held = { name: served, since: performance.now() };
    if (performance.now() - this.#held.since > holdMsMax) return false;
    return models?.name !== nameOf(next) || !models.complete || (models.files.size > 0 && models.standing === null);
  }

  async #catchUp(models: Models | null, served: Served | null): Promise<void> {
    if (!served) return;
    try {
      if (models?.name !== nameOf(served.manifest) || models.files.size === 0 || stands(models, served)) return;
      await this.#refresh(models, served);
    } finally {
      served.release();
    }
  }

  async close(): Promise<void> {
    for (const models of [this.#models, this.#next]) await this.#drop(models);
    this.#models = null;
    this.#next = null;
  }

  async #refresh(models: Models, served: Served): Promise<void> {
    // while rows are replaced it stands nowhere
    models.standing = null;
    await this.#session.inZone(served.manifest.definition.timezone);
    const fresh = new Map<string, Over>();
    for (const view of served.views.values()) {
      const { name } = view.definition;
      if (!models.files.has(name)) continue;
      const before = models.over.get(name);
      const over = this.#overOf(view, before?.table === view.delta ? before : undefined);
      // one view that fails on its rows leaves the others theirs
      fresh.set(name, await over.catch(() => ({ table: view.delta, upto: view.upto, rows: null })));
    }
    models.over = fresh;
    // a file that came meanwhile is not in it
    const whole = [...models.files.keys()].every((name) => fresh.has(name));
    models.standing = whole ? { position: served.position, telling: served.telling } : null;
  }

  /** @param before what is there already of the same table */
  async #overOf(view: ServedView, before: Over | undefined): Promise<Over> {
    const { definition, delta, upto } = view;
    if (before?.upto === upto || (before && before.rows === null)) return { table: delta, upto, rows: before.rows };
    const keys = groupKeys(definition).join(", ") || "1 AS one";
    const touched = `SELECT DISTINCT ${keys} FROM ${delta} WHERE __stretch >= ${before?.upto ?? 0} AND __stretch < ${upto}`;
    const groups = Number(await this.#session.value(`SELECT count(*) FROM (${touched})`));
    const known = before?.rows?.size ?? 0;
    if (groups + known > overMax) return { table: delta, upto, rows: null };
    const rows = before?.rows ?? new Map<string, string | null | undefined>();
    if (groups === 0) return { table: delta, upto, rows };
    const found = await rowsOfGroups(this.#session, view, touched);
    // in place, for a copy would cost more than the entry
    for (const [key, row] of found.rows) rows.set(key, row);
    for (const key of found.none) rows.set(key, null);
    for (const key of found.failing) rows.set(key, undefined);
    return { table: delta, upto, rows };
  }

  async #build(manifest: VersionManifest): Promise<Models> {
    const folder = this.#store.scratch("model");
    await mkdir(folder, { recursive: true });
    const order: BuildOrder = {
      timezone: manifest.definition.timezone,
      memoryLimit: "512MB",
      tempDir: join(folder, "spill"),
      views: answerable(manifest).map((definition, i) => ({
        definition,
        files: versionFiles(manifest, definition.name).map((file) => ({ ...file, path: this.#store.path(file.name) })),
        path: join(folder, `${i}.mdb`),
      })),
    };
    const builder = fork(build.path, {
      execArgv: [...build.loader],
      env: {},
      stdio: "ignore",
      serialization: "advanced",
    });
    const ended = new Promise<void>((resolve) => {
      builder.once("exit", () => resolve());
      builder.once("error", () => resolve());
    });
    goBehind(builder.pid);
    builder.send(order, () => undefined);
    const models: Models = {
      name: nameOf(manifest),
      folder,
      builder,
      ended,
      complete: false,
      files: new Map(),
      dropped: false,
      over: new Map(),
      standing: null,
    };
    builder.on("message", (message) => {
      const { view, failure } = message as BuildReport;
      if (models.dropped) return;
      if (failure !== null) {
        this.#say(`serve: single rows of ${view} are asked of DuckDB: ${failure}`);
        return;
      }
      const path = order.views.find(({ definition }) => definition.name === view)!.path;
      models.files.set(view, new ModelFile(path, { readOnly: true }));
      // its delta is not in `over` yet
      models.standing = null;
    });
    // comes after its last message, which its exit may not
    builder.once("disconnect", () => {
      models.complete = true;
    });
    builder.on("error", (error) => {
      models.complete = true;
      this.#say(`serve: single rows are asked of DuckDB: ${messageOf(error)}`);
    });
    return models;
  }

  async #drop(models: Models | null): Promise<void> {
    if (!models) return;
    models.dropped = true;
    models.builder.kill("SIGKILL");
    await models.ended;
    for (const file of models.files.values()) await file.close();
    await rm(models.folder, { recursive: true, force: true });
  }
}

/** The views that there are models of. */
function answerable(manifest: VersionManifest): ViewDefinition[] {
  return manifest.definition.views.filter((view) => hasKnownRows(view) && !manifest.views[view.name]?.failed);
}

function nameOf(manifest: VersionManifest): string {
  return snapshotName({ manifest, position: manifest.cut, telling: "" });
}

function stands({ standing }: Models, { position, telling }: Pick<Served, "position" | "telling">): boolean {
  return standing !== null && standing.telling === telling && equals(standing.position, position);
}
