/** A generation: one writer's telling of a shard's delta. Creating it is the only coordination there is. */
import { hostname } from "node:os";
import { isCode, messageOf, TidemarkError } from "../shared/errors.ts";
import { covers, equals, ofShard, type Position } from "../shared/position.ts";
import {
  type Entry,
  type Head,
  headFormat,
  layout,
  type VersionManifest,
  type ViewFile,
} from "../shared/store/layout.ts";
import { type Rejection, rejectionOf } from "../shared/store/rejections.ts";
import { seal } from "../shared/store/sealed.ts";
import type { FileRef, Store } from "../shared/store/store.ts";
import { generationNumbers, isKept, readHead } from "../shared/store/versions.ts";

export class Generation {
  readonly manifest: VersionManifest;
  readonly shard: number;
  readonly number: number;
  readonly #store: Store;
  readonly #owner: string;
  #sequence = 0;
  #beats = 0;

  private constructor(store: Store, manifest: VersionManifest, shard: number, number: number, owner: string) {
    this.#store = store;
    this.manifest = manifest;
    this.shard = shard;
    this.number = number;
    this.#owner = owner;
  }

  /**
   * Creates the next free generation of a shard's delta; whoever owned the one before is fenced from now on. A number that is free may have
   * been used: others may have come and been cleaned since it was looked for. Then a newer one is there, which is never cleaned.
   * @throws SPEED_FENCED where another has come meanwhile
   */
  static async create(store: Store, manifest: VersionManifest, shard: number): Promise<Generation> {
    const owner = `${hostname()}:${process.pid}`;
    for (;;) {
      const number = ((await generationNumbers(store, manifest.number, shard)).at(-1) ?? 0) + 1;
      const mine = await store.createIfAbsent(
        layout.owner(manifest.number, shard, number),
        seal({ owner, at: Date.now() }),
      );
      if (!mine) continue;
      const generation = new Generation(store, manifest, shard, number, owner);
      await generation.checkFence();
      return generation;
    }
  }

  /** Where the delta starts: the cut, as far as this shard owns it. */
  get start(): Position {
    return ofShard(this.manifest.cut, this.shard, this.manifest.definition.shards);
  }

  /** A store name for a file of this generation, never used before. */
  nextNames(): { sequence: number; nameOf: (view: string) => string } {
    const sequence = this.#sequence++;
    const folder = layout.generation(this.manifest.number, this.shard, this.number);
    const stem = `${folder}/${String(sequence).padStart(8, "0")}`;
    return { sequence, nameOf: (view) => (view === "" ? `${stem}.dead.ndjson` : `${stem}-${view}.parquet`) };
  }

  /**
   * The good entries of the newest older generation, linked under names of this one: from the cut on, up to the first that
   * does not continue the chain or whose files do not check.
   */
  async takeOver(say: (line: string) => void): Promise<Entry[]> {
    for (const number of (await generationNumbers(this.#store, this.manifest.number, this.shard)).reverse()) {
      if (number >= this.number) continue;
      let head: Head | null = null;
      try {
        head = await readHead(this.#store, this.manifest.number, this.shard, number);
      } catch (error) {
        say(`generation ${number} can't be taken over: ${messageOf(error)}`);
      }
      const rejected = await rejectionOf(this.#store, this.manifest.number, this.shard, number);
      if (head?.format === 1) {
        say(`generation ${number} was written by an earlier release: the delta is told again`);
        return [];
      }
      if (head) return this.#adopt(head, rejected, say);
    }
    return [];
  }

  async #adopt(head: Head, rejected: Rejection | null, say: (line: string) => void): Promise<Entry[]> {
    const good: Entry[] = [];
    let at = this.start;
    for (const entry of head.entries) {
      if (!equals(entry.from, at)) break;
      // compaction may have joined the wrong one with others
      if (rejected && !covers(rejected.from, entry.upto)) {
        say(`shard ${this.shard}: ${rejected.why}; the delta is told again from there`);
        break;
      }
      try {
        good.push(await this.#relink(entry));
      } catch (error) {
        if (!isCode(error, "STORE_MISSING", "STORE_CORRUPT")) throw error;
        say(`${messageOf(error)}; the delta is told again from there`);
        break;
      }
      at = entry.upto;
    }
    return good;
  }

  async #relink(entry: Entry): Promise<Entry> {
    const { sequence, nameOf } = this.nextNames();
    const adopt = async (file: FileRef, view: string): Promise<FileRef> => {
      const own = await this.#store.keep(file, nameOf(view));
      await this.#store.check(own);
      return own;
    };
    const views: Record<string, ViewFile> = {};
    for (const [name, view] of Object.entries(entry.views))
      views[name] = view.file ? { ...view, file: await adopt(view.file, name) } : view;
    return { ...entry, sequence, views, deadFile: entry.deadFile ? await adopt(entry.deadFile, "") : null };
  }

  /** Commits: entries and position in one atomic step. @throws SPEED_FENCED when a newer generation exists */
  async commit(entries: readonly Entry[], at: number): Promise<Head> {
    await this.checkFence();
    const head: Head = {
      format: headFormat,
      version: this.manifest.number,
      shard: this.shard,
      generation: this.number,
      owner: this.#owner,
      position: entries.at(-1)?.upto ?? this.start,
      entries,
      at,
    };
    const name = layout.head(this.manifest.number, this.shard, this.number);
    if (!(await this.#store.replaceOwn(name, seal(head)))) throw this.#cleaned();
    return head;
  }

  /**
   * Three looks: is there a newer generation, whichever, is this one still there, and is the version still kept?
   * @throws SPEED_FENCED
   */
  async checkFence(): Promise<void> {
    const { number } = this.manifest;
    for (const newer of await generationNumbers(this.#store, number, this.shard)) {
      if (newer <= this.number) continue;
      const text = await this.#store.read(layout.owner(number, this.shard, newer));
      // a folder alone: whoever made it is not through yet
      if (!text) continue;
      const owner = /"owner":"([^"]*)"/.exec(text.toString())?.[1] ?? "another process";
      throw this.#fenced(`${owner} has taken over (generation ${newer} of version ${number})`);
    }
    if (!(await this.#store.exists(layout.owner(number, this.shard, this.number)))) throw this.#cleaned();
    if (!(await isKept(this.#store, number))) throw this.#fenced(`version ${number} is not kept any more`);
  }

  /** Lets those who stand by hear of this writer. */
  beat(): Promise<boolean> {
    return this.#store.replaceOwn(layout.beat(this.manifest.number, this.shard, this.number), String(this.#beats++));
  }

  /** @throws SPEED_REJECTED when a proof has found this generation wrong */
  async checkRejected(): Promise<void> {
    const rejected = await rejectionOf(this.#store, this.manifest.number, this.shard, this.number);
    if (!rejected) return;
    // one that was taken over as well has nothing to derive again
    await this.checkFence();
    throw new TidemarkError(
      "SPEED_REJECTED",
      `shard ${this.shard}: the proof of version ${this.manifest.number} rejected generation ${this.number}: ${rejected.why}`,
      "a new generation tells it again",
    );
  }

  #cleaned(): TidemarkError {
    return this.#fenced(
      `generation ${this.number} of version ${this.manifest.number} was replaced long ago and cleaned`,
    );
  }

  #fenced(why: string): TidemarkError {
    return new TidemarkError(
      "SPEED_FENCED",
      `shard ${this.shard}: ${why}; this process stops writing`,
      "nothing is lost: the newest counts",
      { shard: this.shard, version: this.manifest.number, generation: this.number },
    );
  }
}
