/**
 * Where ids go that are too many for memory: an LMDB file that is gone when the process is, for it can be made
 * again.
 */
import { mkdirSync, rmSync } from "node:fs";
import type { Database, RootDatabase } from "lmdb";
import { firstMapBytes, openLmdb } from "../lmdb.ts";

/** Memory of the ids that all who share a spill keep there. */
const bytesInMemory = 80 << 20;
/** Forgotten ids are removed this many at a time, in between other work. */
const removedAtATime = 20_000;

/** Something that can give ids up. */
export interface Holder {
  /** Bytes that its largest slice has in memory. */
  readonly largest: number;
  /** Moves that slice to the file. */
  spill(): void;
}

export class Spill {
  readonly #folder: string;
  readonly #bytesMax: number;
  readonly #holders = new Set<Holder>();
  #env: RootDatabase | null = null;
  #db: Database<unknown, string> | null = null;
  #inMemory = 0;
  /** Prefixes of keys that are no longer read. */
  #forgotten: string[] = [];

  /** @param folder made when it is first needed */
  constructor(folder: string, bytesMax = bytesInMemory) {
    this.#folder = folder;
    this.#bytesMax = bytesMax;
  }

  join(holder: Holder): void {
    this.#holders.add(holder);
  }

  /** `by` more bytes are in memory, or fewer. */
  count(by: number): void {
    this.#inMemory += by;
    while (this.#inMemory > this.#bytesMax) {
      const largest = [...this.#holders].reduce((most, each) => (each.largest > most.largest ? each : most));
      if (largest.largest === 0) return;
      largest.spill();
    }
  }

  put<V>(prefix: string, entries: Iterable<readonly [string, V]>): void {
    const db = this.#open();
    db.transactionSync(() => {
      for (const [key, value] of entries) db.putSync(prefix + key, value);
    });
  }

  get<V>(prefix: string, key: string): V | undefined {
    return this.#db?.get(prefix + key) as V | undefined;
  }

  /** Removes a part of what was forgotten; called again and again, all of it. */
  forget(prefix: string | null): void {
    const db = this.#db;
    if (!db) return;
    if (prefix !== null) this.#forgotten.push(prefix);
    const first = this.#forgotten[0];
    if (first === undefined) return;
    const keys = [...db.getKeys({ start: first, end: `${first}\uffff`, limit: removedAtATime })];
    db.transactionSync(() => {
      for (const key of keys) db.removeSync(key);
    });
    if (keys.length < removedAtATime) this.#forgotten.shift();
  }

  async close(): Promise<void> {
    await this.#env?.close();
    if (this.#env) rmSync(this.#folder, { recursive: true, force: true });
    this.#env = null;
    this.#db = null;
  }

  #open(): Database<unknown, string> {
    if (this.#db) return this.#db;
    mkdirSync(this.#folder, { recursive: true });
    // nothing here outlives the process: no fsync
    this.#env = openLmdb({
      path: this.#folder,
      noSubdir: false,
      mapSize: firstMapBytes,
      noSync: true,
      noMetaSync: true,
      maxDbs: 2,
    });
    this.#db = this.#env.openDB({ name: "ids", cache: false });
    return this.#db;
  }
}
