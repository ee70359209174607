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
import type { ParsedQuestion } from "../question/query.ts";
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
  /** Memory for rows that the delta touches. */
  readonly budget: MemoryBudget;
  readonly say: (line: string) => void;
}

type State =
  | {
      readonly name: "building" | "built";
      /** What the rows are derived from, overlays included; null: they are being changed. */
      readonly at: { readonly position: Position; readonly derivation: string } | null;
    }
  | { readonly name: "closed" };

/**
 * The models of one version: a file that a process of its own fills with the version's rows, view by view, and overlays
 * of the rows that the delta touches. They are in one of these states:
 *
 * building: the process reports each view that is complete in the file. The models answer these, DuckDB the others.
 *
 * built: no more views will follow: the process has ended, successfully or not.
 *
 * closed: they answer nothing any more, whatever the process still reports.
 */
export class VersionModels {
  readonly name: string;
  readonly #budget: MemoryBudget;
  readonly #say: (line: string) => void;
  readonly #folder: string;
  readonly #order: BuildOrder;
  readonly #builder: ChildProcess;
  /** Resolves when its process has exited. */
  readonly #ended: Promise<void>;
  /** Null: no view is complete yet. */
  #file: ModelFile | null = null;
  /** Views that are complete in the file, and their numbers there. */
  readonly #numbers = new Map<string, number>();
  readonly #over = new Map<string, Overlay>();
  #state: State = { name: "building", at: null };

  private constructor(name: string, folder: string, order: BuildOrder, { budget, say }: VersionModelsOptions) {
    this.name = name;
    this.#budget = budget;
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
   * The row that a question asks for, as JSON; null: there is no such row. Undefined: the question is not for a single
   * row, or the rows are not at the position of `served`.
   */
  lookup(served: ServedVersion, view: ServedView, question: ParsedQuestion): string | null | undefined {
    if (!this.#isAt(served)) return undefined;
    const { name } = view.definition;
    const number = this.#numbers.get(name);
    const over = this.#over.get(name)?.rows;
    if (number === undefined || !over) return undefined;
    const key = modelKey(view.definition, question);
    if (key === null) return undefined;
    return over.has(key) ? over.get(key) : (this.#file!.get(number, key) ?? null);
  }

  /** The number of views that have a model. */
  get views(): number {
    return this.#numbers.size;
  }

  has(view: string): boolean {
    return this.#numbers.has(view);
  }

  /** True once every view that can have a model has one that is up to date. */
  get isReady(): boolean {
    return this.#state.name === "built" && (this.#numbers.size === 0 || this.#state.at !== null);
  }

  /** Applies what was added to the delta, up to `served`. */
  async follow(session: Session, served: ServedVersion): Promise<void> {
    if (this.#numbers.size === 0 || this.#isAt(served)) return;
    this.#setAt(null);
    await session.inZone(served.manifest.definition.timezone);
    const known = [...this.#numbers.keys()];
    for (const name of known) {
      const view = served.views.get(name);
      if (!view) continue;
      const over = this.#over.get(name) ?? new Overlay(this.#budget);
      this.#over.set(name, over);
      await over.follow(session, view);
    }
    // a view that was completed meanwhile has no overlay yet
    const whole = this.#numbers.size === known.length;
    if (whole) this.#setAt({ position: served.position, derivation: served.derivation });
  }

  async close(): Promise<void> {
    this.#state = { name: "closed" };
    this.#builder.kill("SIGKILL");
    await this.#ended;
    for (const over of this.#over.values()) over.close();
    await this.#file?.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #isAt({ position, derivation }: Pick<ServedVersion, "position" | "derivation">): boolean {
    const at = this.#state.name === "closed" ? null : this.#state.at;
    return at !== null && at.derivation === derivation && equals(at.position, position);
  }

  #setAt(at: { readonly position: Position; readonly derivation: string } | null): void {
    if (this.#state.name !== "closed") this.#state = { ...this.#state, at };
  }

  /** Processes the builder's reports. @returns a promise that resolves when it has exited */
  #watch(): Promise<void> {
    const builder = this.#builder;
    const ended = new Promise<void>((resolve) => {
      builder.once("exit", (code, signal) => {
        const failed = code !== 0 && this.#state.name !== "closed";
        if (failed)
          this.#say(
            `serve: building read models failed, DuckDB answers single rows: the process ended (${signal ?? code})`,
          );
        resolve();
      });
      builder.once("error", () => resolve());
    });
    builder.on("message", (message) => this.#report(message as BuildReport));
    // disconnect follows the last message; exit may precede it
    builder.once("disconnect", () => this.#complete());
    builder.on("error", (error) => {
      this.#complete();
      this.#say(`serve: building read models failed, DuckDB answers single rows: ${messageOf(error)}`);
    });
    return ended;
  }

  #report({ view, failure }: BuildReport): void {
    if (this.#state.name === "closed") return;
    if (failure !== null) {
      this.#say(`serve: no read model of ${view}, DuckDB answers its single rows: ${failure}`);
      return;
    }
    try {
      this.#file ??= new ModelFile(this.#order.path, { readOnly: true });
    } catch (error) {
      this.#say(`serve: no read model of ${view}, DuckDB answers its single rows: ${messageOf(error)}`);
      return;
    }
    this.#numbers.set(
      view,
      this.#order.views.findIndex(({ definition }) => definition.name === view),
    );
    // its overlay does not cover the delta yet
    this.#setAt(null);
  }

  #complete(): void {
    if (this.#state.name === "building") this.#state = { name: "built", at: this.#state.at };
  }
}

/** The views that can have a model. */
export function modelledViews(manifest: VersionManifest): ViewDefinition[] {
  return manifest.definition.views.filter((view) => hasKnownRows(view) && !manifest.views[view.name]?.failed);
}

async function orderOf(manifest: VersionManifest, folder: string, store: Store): Promise<BuildOrder> {
  const views = modelledViews(manifest).map(async (definition) => {
    const files = versionFiles(manifest, definition.name);
    // the builder checks the files itself
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
