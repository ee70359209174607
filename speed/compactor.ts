/** Compaction beside the steps of a writer: its entries are joined while others are made. */
import type { Session } from "../shared/duckdb/duck.ts";
import { isCode, messageOf } from "../shared/errors.ts";
import type { Entry } from "../shared/store/layout.ts";
import { filesOf } from "../shared/store/partials.ts";
import { rejectDamaged } from "../shared/store/rejections.ts";
import type { Store } from "../shared/store/store.ts";
import { compact, compactable } from "./compaction.ts";
import type { Generation } from "./generation.ts";

/** Replaced files stay this long for readers that have just seen the HEAD before. */
const graceMs = 60_000;

export interface CompactorOptions {
  readonly store: Store;
  readonly generation: Generation;
  /** Its own: compaction runs while the writer folds. */
  readonly session: Session;
  readonly now: () => number;
  readonly say: (line: string) => void;
}

/** Neighbours, and the entry that replaces them. */
export interface JoinedEntries {
  readonly name: "joined";
  readonly replaced: readonly Entry[];
  readonly by: Entry;
}

type State = { readonly name: "idle" } | { readonly name: "joining"; readonly ended: Promise<void> } | JoinedEntries;

/**
 * One run of neighbours at a time, in one of these states:
 *
 * idle: `begin` finds neighbours that are worth joining.
 *
 * joining: they are read and written as one, beside the steps. A failure leaves the entries as they are; one that a
 * damaged file causes rejects the delta from there on.
 *
 * joined: the new entry waits for the writer's next commit, which puts it in their place.
 */
export class Compactor {
  readonly #options: CompactorOptions;
  #state: State = { name: "idle" };
  #replaced: readonly { readonly removeAt: number; readonly names: readonly string[] }[] = [];

  constructor(options: CompactorOptions) {
    this.#options = options;
  }

  /** What the next commit can put in the place of others. */
  get joined(): JoinedEntries | null {
    return this.#state.name === "joined" ? this.#state : null;
  }

  begin(entries: readonly Entry[]): void {
    if (this.#state.name !== "idle") return;
    const run = compactable(entries);
    if (run.length > 0) this.#state = { name: "joining", ended: this.#join(run) };
  }

  async #join(run: readonly Entry[]): Promise<void> {
    const { store, generation, session, say } = this.#options;
    const { sequence, nameOf } = generation.nextNames();
    const { manifest } = generation;
    try {
      const by = await compact(store, session, manifest.definition, run, sequence, nameOf);
      this.#state = { name: "joined", replaced: run, by };
    } catch (error) {
      say(`compaction failed, the entries stay as they are: ${messageOf(error)}`);
      try {
        if (isCode(error, "STORE_CORRUPT", "STORE_MISSING")) await rejectDamaged(store, manifest, error);
      } finally {
        this.#state = { name: "idle" };
      }
    }
  }

  /** It is in a HEAD. */
  committed({ replaced }: JoinedEntries): void {
    const names = replaced.flatMap(filesOf).map(({ name }) => name);
    this.#replaced = [...this.#replaced, { removeAt: this.#options.now() + graceMs, names }];
    this.#state = { name: "idle" };
  }

  /** Removes files that were replaced long enough ago. */
  async removeReplaced(): Promise<void> {
    const due = this.#replaced.filter(({ removeAt }) => removeAt <= this.#options.now());
    if (due.length === 0) return;
    this.#replaced = this.#replaced.filter((each) => !due.includes(each));
    for (const name of due.flatMap(({ names }) => names)) await this.#options.store.remove(name);
  }

  /** Until nothing goes on beside the steps. */
  async settled(): Promise<void> {
    if (this.#state.name === "joining") await this.#state.ended;
  }
}

/** The entries, with the joined one in place of those that it replaces. */
export function withJoined(entries: readonly Entry[], { replaced, by }: JoinedEntries): readonly Entry[] {
  const at = entries.indexOf(replaced[0]!);
  return [...entries.slice(0, at), by, ...entries.slice(at + replaced.length)];
}
