/**
 * Rows by their keys, for whoever asks for just one: DuckDB needs a millisecond for that, whatever
 * the index. A file holds the rows of the version as it was made; what the delta touches lies over
 * it, in memory, made again in one query as entries come. A model answers only at the very position
 * that it stands at; anything else is asked of DuckDB.
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
import { fileBeside } from "../behind.ts";
import { hasKnownRows } from "../question/group-keys.ts";
import type { Question } from "../question/query.ts";
import type { Follower } from "../snapshot/follower.ts";
import type { Served, ServedView } from "../snapshot/loaded.ts";
import { versionName } from "../snapshot/name.ts";
import type { BuildOrder, BuildReport } from "./build.ts";
import { ModelFile } from "./model-file.ts";
import { modelKey } from "./model-key.ts";
import { Overlay } from "./overlay.ts";
import { Room } from "./room.ts";

/** Of what lies over the files, of all views together. */
const overBytesMax = 128 << 20;
/** Between two looks; and of the time that a look takes, so much is left to others. */
const everyMs = 15;
const restShare = 4;

/** So long at most a version waits for its models. */
const holdMsMax = 60_000;

const build = fileBeside(import.meta.url, "build");

/** The models of one version. */
interface Models {
  readonly name: string;
  readonly folder: string;
  readonly builder: ChildProcess;
  /** Its process is gone. */
  readonly ended: Promise<void>;
  /** There will be no more files. */
  complete: boolean;
  /** Null: nothing is in it yet. */
  file: ModelFile | null;
  /** Views whose rows are in the file, and their numbers there. */
  readonly numbers: Map<string, number>;
  /** What lies over them. */
  readonly over: Map<string, Overlay>;
  /** Nobody wants it any more, whatever its builder still says. */
  dropped: boolean;
  /** Where `over` stands; null: nowhere yet. */
  standing: { readonly position: Position; readonly telling: string } | null;
}

export class ReadModels {
  readonly #store: Store;
  readonly #follower: Follower;
  readonly #session: Session;
  readonly #say: (line: string) => void;
  readonly #room: Room;
  #models: Models | null = null;
  /** Of the version that will be served next. */
  #next: Models | null = null;
  /** The served version behind which another waits for its models, and since when. */
  #held: { readonly name: string; readonly since: number } | null = null;

  /**
   * @param session of its own
   * @param bytesMax of memory, for what the delta touches
   */
  constructor(
    store: Store,
    follower: Follower,
    session: Session,
    say: (line: string) => void,
    bytesMax = overBytesMax,
  ) {
    this.#room = new Room(bytesMax);
    this.#store = store;
    this.#follower = follower;
    this.#session = session;
    this.#say = say;
  }

  /**
   * The row that a question asks for, as JSON; null: there is no such row. Undefined: the question
   * is another one, or no model stands where `served` does.
   */
  lookup(served: Served, view: ServedView, question: Question): string | null | undefined {
    const version = versionName(served.manifest);
    const models = this.#models?.name === version ? this.#models : this.#next;
    if (models?.name !== version || !stands(models, served)) return undefined;
    const name = view.definition.name;
    const number = models.numbers.get(name);
    const over = models.over.get(name)?.rows;
    if (number === undefined || !over) return undefined;
    const key = modelKey(view.definition, question);
    if (key === null) return undefined;
    return over.has(key) ? over.get(key) : (models.file!.get(number, key) ?? null);
  }

  /** Views that a model stands ready for. */
  get ready(): number {
    return this.#models?.numbers.size ?? 0;
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
    if (upcoming && this.#next?.name !== versionName(upcoming)) {
      const before = this.#next;
      this.#next = null;
      await this.#drop(before);
      this.#next = await this.#build(upcoming);
    }
    if (this.#models?.name !== versionName(manifest)) {
      const before = this.#models;
      const made = this.#next?.name === versionName(manifest);
      this.#models = made ? this.#next : await this.#build(manifest);
      if (made) this.#next = null;
      await this.#drop(before);
    }
    await this.#catchUp(this.#models, this.#follower.pin());
    await this.#catchUp(this.#next, this.#follower.pinNext());
  }

  /**
   * True while a version had better wait: single rows would be asked of DuckDB, where now they come
   * from models of the same views.
   */
  holdsBack(next: VersionManifest): boolean {
    const [now, models] = [this.#models, this.#next];
    const known = new Map(this.#follower.manifest.definition.views.map(({ name, identity }) => [name, identity]));
    const same = (view: ViewDefinition) => known.get(view.name) === view.identity && now?.numbers.has(view.name);
    if (next.definition.views.length !== known.size || !answerable(next).every(same)) return false;
    const served = versionName(this.#follower.manifest);
    if (this.#held?.name !== served) this.#held = { name: served, since: performance.now() };
    if (performance.now() - this.#held.since > holdMsMax) return false;
    return (
      models?.name !== versionName(next) || !models.complete || (models.numbers.size > 0 && models.standing === null)
    );
  }

  async #catchUp(models: Models | null, served: Served | null): Promise<void> {
    if (!served) return;
    try {
      if (models?.name !== versionName(served.manifest) || models.numbers.size === 0 || stands(models, served)) return;
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
    const known = [...models.numbers.keys()];
    for (const name of known) {
      const view = served.views.get(name);
      if (!view) continue;
      const over = models.over.get(name) ?? new Overlay(this.#room);
      models.over.set(name, over);
      await over.follow(this.#session, view);
    }
    // a view that came meanwhile is not in it
    const whole = models.numbers.size === known.length;
    models.standing = whole ? { position: served.position, telling: served.telling } : null;
  }

  async #build(manifest: VersionManifest): Promise<Models> {
    const folder = this.#store.scratch("model");
    await mkdir(folder, { recursive: true });
    const order: BuildOrder = {
      timezone: manifest.definition.timezone,
      memoryLimit: "512MB",
      tempDir: join(folder, "spill"),
      path: join(folder, "rows.mdb"),
      views: answerable(manifest).map((definition) => ({
        definition,
        files: versionFiles(manifest, definition.name).map((file) => ({ ...file, path: this.#store.path(file.name) })),
      })),
    };
    const builder = fork(build.path, {
      execArgv: [...build.loader],
      env: {},
      stdio: "ignore",
      serialization: "advanced",
    });
    const ended = new Promise<void>((resolve) => {
      builder.once("exit", (code, signal) => {
        const failed = code !== 0 && !models.dropped;
        if (failed) this.#say(`serve: single rows are asked of DuckDB: their process ended (${signal ?? code})`);
        resolve();
      });
      builder.once("error", () => resolve());
    });
    builder.send(order, () => undefined);
    const models: Models = {
      name: versionName(manifest),
      folder,
      builder,
      ended,
      complete: false,
      file: null,
      numbers: new Map(),
      over: new Map(),
      dropped: false,
      standing: null,
    };
    builder.on("message", (message) => {
      const { view, failure } = message as BuildReport;
      if (models.dropped) return;
      if (failure !== null) {
        this.#say(`serve: single rows of ${view} are asked of DuckDB: ${failure}`);
        return;
      }
      try {
        models.file ??= new ModelFile(order.path, { readOnly: true });
      } catch (error) {
        this.#say(`serve: single rows of ${view} are asked of DuckDB: ${messageOf(error)}`);
        return;
      }
      models.numbers.set(
        view,
        order.views.findIndex(({ definition }) => definition.name === view),
      );
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
    for (const over of models.over.values()) over.close();
    await models.file?.close();
    await rm(models.folder, { recursive: true, force: true });
  }
}

/** The views that there are models of. */
function answerable(manifest: VersionManifest): ViewDefinition[] {
  return manifest.definition.views.filter((view) => hasKnownRows(view) && !manifest.views[view.name]?.failed);
}

function stands({ standing }: Models, { position, telling }: Pick<Served, "position" | "telling">): boolean {
  return standing !== null && standing.telling === telling && equals(standing.position, position);
}
