/** How far a fold has come: stretches of partials, each adjacent to the one before, in a folder that outlives a process. */
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
  /** 0: of events; each combining of neighbours is one higher. Undefined: 0, of an earlier release. */
  readonly level?: number;
}

interface Progress {
  readonly stretches: readonly Stretch[];
  /** The process that came last; only earlier releases say it here. */
  readonly run?: string;
}

/** A fold's names are made of what it folds, so that another definition starts over and the same one goes on. */
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

  /** Takes over what is good of an earlier process's, and fences it. */
  static async open(store: Store, id: string, from: Position, say: (line: string) => void): Promise<FoldProgress> {
    const own = await Membership.claim(
      store,
      layout.rebuild(id),
      { owner: store.newRun(), at: 0 },
      () => new TidemarkError("BATCH_STALE", "another run of the same has taken over", "let that one finish"),
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

  /** A name for a file of this fold, never used before. */
  nextName(view: string): string {
    return `${this.#own.folder}/${this.#names++}-${view}.parquet`;
  }

  /** Commits stretches in place of those there were. @throws BATCH_STALE when a later process has taken over */
  async commit(stretches: readonly Stretch[]): Promise<void> {
    const before = this.#stretches;
    this.#stretches = stretches;
    await this.#write();
    const gone = before.filter((each) => !stretches.includes(each));
    for (const { views } of gone)
      for (const { file } of Object.values(views)) if (file) await this.#store.remove(file.name);
  }

  /** It is published, or can't be trusted. */
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
        say(`${error.message}; it is folded again from there`);
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
 * Removes the unfinished folds that none will go on with, all but `keep`.
 * @param whose own: what earlier runs of this process have left; ended: also what processes have that have ended
 */
export async function giveUpFolds(
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
    say(`an unfinished rebuild of another definition is given up (${id})`);
    await store.remove(layout.rebuild(id));
  }
}

/** True while the process lives that goes on with it. */
export async function isFolding(store: Store, id: string): Promise<boolean> {
  const run = await newestRun(store, id);
  return run !== null && (await store.isRunning(run)) === true;
}

/** The process that came last; null where there is none. */
async function newestRun(store: Store, id: string): Promise<string | null> {
  for (const number of (await membersIn(store, layout.rebuild(id))).reverse()) {
    const owner = await ownerOfMember(store, layout.rebuild(id), number);
    if (owner !== null) return owner;
  }
  return (await readProgress(store, layout.rebuildProgressBefore(id)))?.run ?? null;
}

/** What the newest process before this one has committed. */
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
    // torn by a crash: nothing of it counts
    if (isCode(error, "STORE_CORRUPT")) return null;
    throw error;
  }
}
