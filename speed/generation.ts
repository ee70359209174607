/** A generation: one writer's derivation of a shard's delta. Creating it is the only coordination there is. */
import { hostname } from "node:os";
import { isCode, messageOf, TidemarkError } from "../shared/errors.ts";
import { covers, equals, ofShard, type Position } from "../shared/position.ts";
import { Membership } from "../shared/store/chain.ts";
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

const ownerName = `${hostname()}:${process.pid}`;

export class Generation {
  readonly manifest: VersionManifest;
  readonly shard: number;
  readonly #store: Store;
  readonly #own: Membership;
  #sequence = 0;

  private constructor(store: Store, manifest: VersionManifest, shard: number, own: Membership) {
    this.#store = store;
    this.manifest = manifest;
    this.shard = shard;
    this.#own = own;
  }

  get number(): number {
    return this.#own.number;
  }

  /**
   * Creates the next generation of a shard's delta; the writer of the one before is fenced from now on.
   * @throws SPEED_FENCED where another process has created a later one meanwhile
   */
  static async create(store: Store, manifest: VersionManifest, shard: number): Promise<Generation> {
    const own = await Membership.claim(
      store,
      layout.generations(manifest.number, shard),
      { owner: ownerName, at: Date.now() },
      (number, by) => {
        const of = `of version ${manifest.number}`;
        if (by) return fenced(manifest, shard, number, `${by.owner} has taken over (generation ${by.number} ${of})`);
        return fenced(manifest, shard, number, `generation ${number} ${of} was replaced long ago and cleaned`);
      },
    );
    const generation = new Generation(store, manifest, shard, own);
    await generation.checkFence();
    return generation;
  }

  /** Where the delta starts: the cut, as far as this shard owns it. */
  get start(): Position {
    return ofShard(this.manifest.cut, this.shard, this.manifest.definition.shards);
  }

  /** A store name for a file of this generation, never used before. */
  nextNames(): { sequence: number; nameOf: (view: string) => string } {
    const sequence = this.#sequence++;
    const stem = `${this.#own.folder}/${String(sequence).padStart(8, "0")}`;
    return { sequence, nameOf: (view) => (view === "" ? `${stem}.dead.ndjson` : `${stem}-${view}.parquet`) };
  }

  /**
   * The good entries of the newest older generation, linked under names of this one: from the cut on, up to the
   * first that does not continue the chain or has a file whose check fails.
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
        say(`generation ${number} was written by an earlier release; the delta is recomputed`);
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
      // compaction may have joined the rejected entry with others
      if (rejected && !covers(rejected.from, entry.upto)) {
        say(`shard ${this.shard}: ${rejected.why}; the delta is recomputed from there`);
        break;
      }
      try {
        good.push(await this.#relink(entry));
      } catch (error) {
        if (!isCode(error, "STORE_MISSING", "STORE_CORRUPT")) throw error;
        say(`${messageOf(error)}; the delta is recomputed from there`);
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
      owner: ownerName,
      position: entries.at(-1)?.upto ?? this.start,
      entries,
      at,
    };
    await this.#own.commit("HEAD", seal(head));
    return head;
  }

  /** @throws SPEED_FENCED where a later generation exists, or this one or its version has been removed */
  async checkFence(): Promise<void> {
    await this.#own.check();
    const { number } = this.manifest;
    if (await isKept(this.#store, number)) return;
    throw fenced(this.manifest, this.shard, this.number, `version ${number} has been removed`);
  }

  /** The heartbeat by which standbys see that this writer is alive. */
  beat(): Promise<void> {
    return this.#own.beat();
  }

  /** @throws SPEED_REJECTED when a proof has found this generation wrong */
  async checkRejected(): Promise<void> {
    const rejected = await rejectionOf(this.#store, this.manifest.number, this.shard, this.number);
    if (!rejected) return;
    // a fenced writer has nothing to recompute
    await this.checkFence();
    throw new TidemarkError(
      "SPEED_REJECTED",
      `shard ${this.shard}: the proof of version ${this.manifest.number} rejected generation ${this.number}: ` +
        rejected.why,
      "a new generation recomputes it",
    );
  }
}

function fenced(manifest: VersionManifest, shard: number, generation: number, why: string): TidemarkError {
  return new TidemarkError(
    "SPEED_FENCED",
    `shard ${shard}: ${why}; this process stops writing`,
    "nothing is lost: the newest generation counts",
    { shard, version: manifest.number, generation },
  );
}
