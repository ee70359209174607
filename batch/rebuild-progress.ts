/** How far a rebuild has come: stretches of partials, each adjacent to the one before, in a folder that survives the process. */
import { createHash } from "node:crypto";
import type { Definition, ViewDefinition } from "../shared/definition.ts";
import { isCode, TidemarkError } from "../shared/errors.ts";
import { equals, type Position } from "../shared/position.ts";
import { layout, type ViewFile } from "../shared/store/layout.ts";
import { seal, unseal } from "../shared/store/sealed.ts";
import type { Store } from "../shared/store/store.ts";

/** Partials of the events in `[from, upto)`. */
export interface Stretch {
  readonly from: Position;
  readonly upto: Position;
  readonly views: Readonly<Record<string, ViewFile>>;
}

interface Progress {
  /** The process that goes on with it: the one that came last. */
  readonly run: string;
  readonly stretches: readonly Stretch[];
}

/** Names of a rebuild are made of what it rebuilds, so that another definition starts over and the same one goes on. */
export function rebuildId(definition: Definition, views: readonly ViewDefinition[], origin: Position): string {
  const what = [views.map((view) => [view.name, view.identity]), definition.streams, origin];
  return createHash("sha256").update(JSON.stringify(what)).digest("hex").slice(0, 12);
}

export class RebuildProgress {
  readonly #store: Store;
  readonly #id: string;
  readonly #origin: Position;
  readonly #run: string;
  #stretches: readonly Stretch[] = [];
  #names = 0;

  private constructor(store: Store, id: string, origin: Position) {
    this.#store = store;
    this.#run = store.newRun();
    this.#id = id;
    this.#origin = origin;
  }

  /** Takes over what is good of an earlier run, and fences it; removes what other definitions have left. */
  static async open(store: Store, id: string, origin: Position, say: (line: string) => void): Promise<RebuildProgress> {
    for (const other of await store.list(layout.rebuilds)) {
      if (other === id || (await isAnothers(store, other))) continue;
      say(`an unfinished rebuild of another definition is given up (${other})`);
      await store.remove(layout.rebuild(other));
    }
    const progress = new RebuildProgress(store, id, origin);
    progress.#stretches = await progress.#good(say);
    await progress.#write();
    return progress;
  }

  get position(): Position {
    return this.#stretches.at(-1)?.upto ?? this.#origin;
  }

  get stretches(): readonly Stretch[] {
    return this.#stretches;
  }

  /** A name for a file of this rebuild, never used before. */
  nextName(view: string): string {
    return `${layout.rebuild(this.#id)}/${this.#run}-${this.#names++}-${view}.parquet`;
  }

  /** Commits stretches in place of those there were. @throws BATCH_STALE when a later rebuild has taken over */
  async commit(stretches: readonly Stretch[]): Promise<void> {
    const now = await this.#read();
    if (now?.run !== this.#run) {
      throw new TidemarkError("BATCH_STALE", "another rebuild of the same has taken over", "let that one finish");
    }
    const gone = this.#stretches.filter((each) => !stretches.includes(each));
    this.#stretches = stretches;
    await this.#write();
    for (const { views } of gone)
      for (const { file } of Object.values(views)) if (file) await this.#store.remove(file.name);
  }

  /** It is published, or nobody needs it. */
  async remove(): Promise<void> {
    await this.#store.remove(layout.rebuild(this.#id));
  }

  async #good(say: (line: string) => void): Promise<Stretch[]> {
    const good: Stretch[] = [];
    const before = await this.#read();
    let at = this.#origin;
    for (const stretch of before?.stretches ?? []) {
      if (!equals(stretch.from, at)) break;
      try {
        for (const { file } of Object.values(stretch.views)) if (file) await this.#store.check(file);
      } catch (error) {
        if (!isCode(error, "STORE_MISSING", "STORE_CORRUPT")) throw error;
        say(`${error.message}; it is told again from there`);
        break;
      }
      good.push(stretch);
      at = stretch.upto;
    }
    return good;
  }

  #read(): Promise<Progress | null> {
    return readProgress(this.#store, this.#id);
  }

  async #write(): Promise<void> {
    const progress: Progress = { run: this.#run, stretches: this.#stretches };
    await this.#store.replace(layout.rebuildProgress(this.#id), seal(progress));
  }
}

/** True while another process lives that goes on with it: this one goes on with one at a time. */
async function isAnothers(store: Store, id: string): Promise<boolean> {
  const progress = await readProgress(store, id);
  return progress !== null && !progress.run.startsWith(`${store.owner}-`) && (await isRebuilding(store, id));
}

/** True while the process lives that goes on with it. */
export async function isRebuilding(store: Store, id: string): Promise<boolean> {
  const progress = await readProgress(store, id);
  return progress !== null && (await store.isRunning(progress.run)) === true;
}

async function readProgress(store: Store, id: string): Promise<Progress | null> {
  const name = layout.rebuildProgress(id);
  const text = await store.read(name);
  if (!text) return null;
  try {
    return unseal<Progress>(text.toString(), name);
  } catch (error) {
    // torn by a crash: nothing of it counts
    if (isCode(error, "STORE_CORRUPT")) return null;
    throw error;
  }
}
