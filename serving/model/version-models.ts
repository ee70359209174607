import { type ChildProcess, fork } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ViewDefinition } from "../../shared/definition.ts";
import type { Session } from "../../shared/duckdb/duck.ts";
import { messageOf } from "../../shared/errors.ts";
import { equals, type Position } from "../../shared/position.ts";
import type { VersionManifest } from "../../shared/store/layout.ts";
import { versionFiles } from "../../shared/store/partials.ts";
import type { Store } from "../../shared/store/store.ts";
import { fileBeside } from "../background-process.ts";
import { hasKnownRows } from "../question/group-keys.ts";
import type { Question } from "../question/query.ts";
import type { ServedVersion, ServedView } from "../snapshot/loaded.ts";
import { versionName } from "../snapshot/name.ts";
import type { BuildOrder, BuildReport } from "./build.ts";
import type { MemoryBudget } from "./memory-budget.ts";
import { ModelFile } from "./model-file.ts";
import { modelKey } from "./model-key.ts";
import { Overlay } from "./overlay.ts";

const build = fileBeside(import.meta.url, "build");

export interface VersionModelsOptions {
  readonly store: Store;
  /** Of memory, for what the delta touches. */
  readonly room: MemoryBudget;
  readonly say: (line: string) => void;
}

type State =
  | {
      readonly name: "building" | "built";
      /** Whose rows these are, with what lies over the file; null: nobody's, they are being changed. */
      readonly at: { readonly position: Position; readonly telling: string } | null;
    }
  | { readonly name: "dropped" };

/**
 * The models of one version: a file that a process of its own fills with the version's rows, view by view, and what the
 * delta touches over it. They are in one of these states:
 *
 * building: the process reports each view that is in the file. These are answered from here on, the others by DuckDB.
 *
 * built: there will be no more views: the process has ended, well or not.
 *
 * dropped: nobody is answered by them any more, whatever the process still reports.
 */
export class VersionModels {
  readonly name: string;
  readonly #room: MemoryBudget;
  readonly #say: (line: string) => void;
  readonly #folder: string;
  readonly #order: BuildOrder;
  readonly #builder: ChildProcess;
  /** Its process is gone. */
  readonly #ended: Promise<void>;
  /** Null: nothing is in it yet. */
  #file: ModelFile | null = null;
  /** Views whose rows are in the file, and their numbers there. */
  readonly #numbers = new Map<string, number>();
  readonly #over = new Map<string, Overlay>();
  #state: State = { name: "building", at: null };

  private constructor(name: string, folder: string, order: BuildOrder, { room, say }: VersionModelsOptions) {
    this.name = name;
    this.#room = room;
    this.#say = say;
    this.#folder = folder;
    this.#order = order;
    this.#builder = fork(build.path, {
      execArgv: [...build.loader],
      env: {},
      stdio: "ignore",
      serialization: "advanced",
    });
    this.#ended = this.#watch();
    this.#builder.send(this.#order, () => undefined);
  }

  static async build(manifest: VersionManifest, options: VersionModelsOptions): Promise<VersionModels> {
    const folder = options.store.scratch("model");
    await mkdir(folder, { recursive: true });
    const order = await orderOf(manifest, folder, options.store);
    return new VersionModels(versionName(manifest), folder, order, options);
  }

  /**
   * The row that a question asks for, as JSON; null: there is no such row. Undefined: the question is another one, or
   * these are not the rows of `served`.
   */
  lookup(served: ServedVersion, view: ServedView, question: Question): string | null | undefined {
    if (!this.#isAt(served)) return undefined;
    const { name } = view.definition;
    const number = this.#numbers.get(name);
    const over = this.#over.get(name)?.rows;
    if (number === undefined || !over) return undefined;
    const key = modelKey(view.definition, question);
    if (key === null) return undefined;
    return over.has(key) ? over.get(key) : (this.#file!.get(number, key) ?? null);
  }

  /** Views whose rows are here. */
  get views(): number {
    return this.#numbers.size;
  }

  has(view: string): boolean {
    return this.#numbers.has(view);
  }

  /** All that can be answered by them is. */
  get isReady(): boolean {
    return this.#state.name === "built" && (this.#numbers.size === 0 || this.#state.at !== null);
  }

  /** Takes what has come to the delta, up to `served`. */
  async follow(session: Session, served: ServedVersion): Promise<void> {
    if (this.#numbers.size === 0 || this.#isAt(served)) return;
    this.#setAt(null);
    await session.inZone(served.manifest.definition.timezone);
    const known = [...this.#numbers.keys()];
    for (const name of known) {
      const view = served.views.get(name);
      if (!view) continue;
      const over = this.#over.get(name) ?? new Overlay(this.#room);
      this.#over.set(name, over);
      await over.follow(session, view);
    }
    // a view that came meanwhile is not in it
    const whole = this.#numbers.size === known.length;
    if (whole) this.#setAt({ position: served.position, telling: served.telling });
  }

  async drop(): Promise<void> {
    this.#state = { name: "dropped" };
    this.#builder.kill("SIGKILL");
    await this.#ended;
    for (const over of this.#over.values()) over.close();
    await this.#file?.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #isAt({ position, telling }: Pick<ServedVersion, "position" | "telling">): boolean {
    const at = this.#state.name === "dropped" ? null : this.#state.at;
    return at !== null && at.telling === telling && equals(at.position, position);
  }

  #setAt(at: { readonly position: Position; readonly telling: string } | null): void {
    if (this.#state.name !== "dropped") this.#state = { ...this.#state, at };
  }

  /** Takes what the process reports. @returns when it is gone */
  #watch(): Promise<void> {
    const builder = this.#builder;
    const ended = new Promise<void>((resolve) => {
      builder.once("exit", (code, signal) => {
        const failed = code !== 0 && this.#state.name !== "dropped";
        if (failed) this.#say(`serve: single rows are asked of DuckDB: their process ended (${signal ?? code})`);
        resolve();
      });
      builder.once("error", () => resolve());
    });
    builder.on("message", (message) => this.#report(message as BuildReport));
    // comes after its last message, which its exit may not
    builder.once("disconnect", () => this.#complete());
    builder.on("error", (error) => {
      this.#complete();
      this.#say(`serve: single rows are asked of DuckDB: ${messageOf(error)}`);
    });
    return ended;
  }

  #report({ view, failure }: BuildReport): void {
    if (this.#state.name === "dropped") return;
    if (failure !== null) {
      this.#say(`serve: single rows of ${view} are asked of DuckDB: ${failure}`);
      return;
    }
    try {
      this.#file ??= new ModelFile(this.#order.path, { readOnly: true });
    } catch (error) {
      this.#say(`serve: single rows of ${view} are asked of DuckDB: ${messageOf(error)}`);
      return;
    }
    this.#numbers.set(
      view,
      this.#order.views.findIndex(({ definition }) => definition.name === view),
    );
    // its delta does not lie over it yet
    this.#setAt(null);
  }

  #complete(): void {
    if (this.#state.name === "building") this.#state = { name: "built", at: this.#state.at };
  }
}

/** The views that there are models of. */
export function modelledViews(manifest: VersionManifest): ViewDefinition[] {
  return manifest.definition.views.filter((view) => hasKnownRows(view) && !manifest.views[view.name]?.failed);
}

async function orderOf(manifest: VersionManifest, folder: string, store: Store): Promise<BuildOrder> {
  const views = modelledViews(manifest).map(async (definition) => {
    const files = versionFiles(manifest, definition.name);
    // the process that reads them checks them
    return { definition, files: await store.open(files, new Set(files.map(({ name }) => name))) };
  });
  return {
    timezone: manifest.definition.timezone,
    memoryLimit: "512MB",
    tempDir: join(folder, "spill"),
    path: join(folder, "rows.mdb"),
    views: await Promise.all(views),
  };
}
