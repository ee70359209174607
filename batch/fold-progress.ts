/** A fold's progress: adjacent stretches of partials, in a folder that outlives the process. */
import { createHash } from "node:crypto";
import type { Definition } from "../shared/definition.ts";
import { isCode, TidemarkError } from "../shared/errors.ts";
import { equals, type Position } from "../shared/position.ts";
import { Membership, membersIn, ownerOfMember } from "../shared/store/chain.ts";
import { layout, type ViewFile } from "../shared/store/layout.ts";
import { seal, unseal } from "../shared/store/sealed.ts";
import type { Store } from "../shared/store/store.ts";
import type { Fold } from "./plan.ts";

/** Partials of the events in `[from, upto)`. */
export interface Stretch {
  readonly from: Position;
  readonly upto: Position;
  readonly views: Readonly<Record<string, ViewFile>>;
  /** 0: folded from events; combining neighbours gives one level more. Undefined (an earlier release): 0. */
  readonly level?: number;
}

interface Progress {
  readonly stretches: readonly Stretch[];
  /** The last process that worked on it; only earlier releases write it here. */
  readonly run?: string;
}

/** A fold's id derives from what it folds: the same definition resumes it, another one starts over. */
export function foldId({ streams }: Definition, { from, views }: Fold): string {
  const what = [views.map(({ view }) => [view.name, view.identity]), streams, from];
  return createHash("sha256").update(JSON.stringify(what)).digest("hex").slice(0, 12);
}

export class FoldProgress {
  readonly #store: Store;
  readonly #id: string;
  readonly #from: Position;
  readonly #own: Membership;
  #stretches: readonly Stretch[] = [];
  #names = 0;

  private constructor(store: Store, id: string, from: Position, own: Membership) {
    this.#store = store;
    this.#id = id;
    this.#from = from;
    this.#own = own;
  }

  /** Takes over an earlier process's intact stretches, and fences that process. */
  static async open(store: Store, id: string, from: Position, say: (line: string) => void): Promise<FoldProgress> {
    const own = await Membership.claim(
      store,
      layout.rebuild(id),
      { owner: store.newRun(), at: 0 },
      () => new TidemarkError("BATCH_STALE", "another process has taken over this computation", "let it finish"),
    );
    const progress = new FoldProgress(store, id, from, own);
    progress.#stretches = await progress.#good(say);
    await progress.#write();
    return progress;
  }

  get position(): Position {
    return this.#stretches.at(-1)?.upto ?? this.#from;
  }

  get stretches(): readonly Stretch[] {
    return this.#stretches;
  }

  /** A new name for a file of this fold. */
  nextName(view: string): string {
    return `${this.#own.folder}/${this.#names++}-${view}.parquet`;
  }

  /** Commits stretches in place of the previous ones. @throws BATCH_STALE when a later process has taken over */
  async commit(stretches: readonly Stretch[]): Promise<void> {
    const before = this.#stretches;
    this.#stretches = stretches;
    await this.#write();
    const gone = before.filter((each) => !stretches.includes(each));
    for (const { views } of gone)
      for (const { file } of Object.values(views)) if (file) await this.#store.remove(file.name);
  }

  /** For a fold whose result is published, or can't be trusted. */
  async remove(): Promise<void> {
    await this.#store.remove(layout.rebuild(this.#id));
  }

  async #good(say: (line: string) => void): Promise<Stretch[]> {
    const good: Stretch[] = [];
    let at = this.#from;
    for (const stretch of await stretchesBefore(this.#store, this.#id, this.#own.number)) {
      if (!equals(stretch.from, at)) break;
      try {
        for (const { file } of Object.values(stretch.views)) if (file) await this.#store.check(file);
      } catch (error) {
        if (!isCode(error, "STORE_MISSING", "STORE_CORRUPT")) throw error;
        say(`${error.message}; refolding from there`);
        break;
      }
      good.push(stretch);
      at = stretch.upto;
    }
    return good;
  }

  async #write(): Promise<void> {
    const progress: Progress = { stretches: this.#stretches };
    await this.#own.commit("PROGRESS", seal(progress));
  }
}

/**
 * Removes unfinished folds that will not be resumed: all but `keep`.
 * @param whose own: those left by earlier runs of this process; ended: also those left by processes that have ended
 */
export async function discardFolds(
  store: Store,
  keep: readonly string[],
  whose: "own" | "ended",
  say: (line: string) => void,
): Promise<void> {
  for (const id of await store.list(layout.rebuilds)) {
    if (keep.includes(id)) continue;
    const run = await newestRun(store, id);
    const isOwn = run?.startsWith(`${store.owner}-`) ?? false;
    if (!isOwn && (whose === "own" || (run !== null && (await store.isRunning(run))))) continue;
    say(`discarding an unfinished rebuild of another definition (${id})`);
    await store.remove(layout.rebuild(id));
  }
}

/** True while the process that works on it is alive. */
export async function isFolding(store: Store, id: string): Promise<boolean> {
  const run = await newestRun(store, id);
  return run !== null && (await store.isRunning(run)) === true;
}

/** The last process that worked on it, or null. */
async function newestRun(store: Store, id: string): Promise<string | null> {
  for (const number of (await membersIn(store, layout.rebuild(id))).reverse()) {
    const owner = await ownerOfMember(store, layout.rebuild(id), number);
    if (owner !== null) return owner;
  }
  return (await readProgress(store, layout.rebuildProgressBefore(id)))?.run ?? null;
}

/** The stretches that the last process before this one committed. */
async function stretchesBefore(store: Store, id: string, number: number): Promise<readonly Stretch[]> {
  for (const before of (await membersIn(store, layout.rebuild(id))).reverse()) {
    const progress = before < number ? await readProgress(store, layout.rebuildProgress(id, before)) : null;
    if (progress) return progress.stretches;
  }
  return (await readProgress(store, layout.rebuildProgressBefore(id)))?.stretches ?? [];
}

async function readProgress(store: Store, name: string): Promise<Progress | null> {
  const text = await store.read(name);
  if (!text) return null;
  try {
    return unseal<Progress>(text.toString(), name);
  } catch (error) {
    // torn by a crash: ignored whole
    if (isCode(error, "STORE_CORRUPT")) return null;
    throw error;
  }
}
