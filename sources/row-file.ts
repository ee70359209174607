/**
 * Key → row of a changelog, on this machine's disk, with memory for what changed since the last flush. It is derived
 * from the log and holds where in the log it is, so that it can be removed at any time. One process has it at a time.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import type { Database, RootDatabase } from "lmdb";
import type { ChainEnd } from "../shared/duplicates/record-chain.ts";
import { TidemarkError } from "../shared/errors.ts";
import { firstMapBytes, openLmdb } from "../shared/lmdb.ts";
import { isAlive, type Owner, thisProcess } from "../shared/owned.ts";

/** Where in the log the rows are. */
export interface Marks {
  /** The topic's id in the log: one that was recreated has other rows. */
  readonly topic: string;
  readonly partitions: readonly Mark[];
}

/** Of one partition. */
export interface Mark {
  /** The next offset. */
  readonly upto: number;
  /** Null: not known, since records are lost. */
  readonly chain: ChainEnd | null;
  /** What the last record that counted says of its source; "": there is none. */
  readonly source: string;
}

/** What is known of a key. */
export interface KnownRow {
  /** The row's JSON; null: there is none. */
  readonly row: string | null;
  /** Where its last change comes in its history, where its source says that. */
  readonly order: string | null;
}

const neverSeen: KnownRow = { row: null, order: null };
/** No key's text begins with it. */
const movedMark = "m";

/** Changed rows that memory holds until they go to the file, in key order, which is several times cheaper. */
const bytesMax = 32 << 20;
/** LMDB's keys have at most 1978 bytes. */
const keyBytesMax = 500;
const entryBytes = 100;
const beatMs = 10_000;
/** An owner that has been silent for longer is dead or stopped. */
const silentMs = 6 * beatMs;

export class RowFile {
  readonly #now: () => number;
  readonly #root: RootDatabase<unknown, string>;
  readonly #rows: Database<string, string>;
  readonly #about: Database<string, string>;
  readonly #seen: Database<string, string>;
  /** Null: the row is gone. */
  readonly #changed = new Map<string, string | null>();
  #bytes = 0;
  readonly #opening = randomUUID();
  readonly #beating: NodeJS.Timeout;

  private constructor(root: RootDatabase<unknown, string>, now: () => number) {
    this.#root = root;
    this.#now = now;
    this.#rows = root.openDB<string, string>("rows", { encoding: "string", cache: false });
    this.#about = root.openDB<string, string>("about", { encoding: "string", cache: false });
    this.#seen = root.openDB<string, string>("seen", { encoding: "string", cache: false });
    this.#beating = setInterval(() => this.#beat(), beatMs);
    this.#beating.unref();
  }

  /** Null: another process that lives has it. */
  static open(folder: string, now: () => number): RowFile | null {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const root = openLmdb<unknown, string>({
      path: folder,
      noSubdir: false,
      mapSize: firstMapBytes,
      overlappingSync: false,
      maxDbs: 3,
    });
    const file = new RowFile(root, now);
    if (file.#own()) return file;
    clearInterval(file.#beating);
    void root.close();
    return null;
  }

  #own(): boolean {
    return this.#root.transactionSync(() => {
      const before = this.#about.get("owner");
      if (before !== undefined && isOfAnother(before, this.#now())) return false;
      this.#writeOwner();
      return true;
    });
  }

  #writeOwner(): void {
    const owner: Ownership = { ...thisProcess(), opening: this.#opening, at: this.#now() };
    this.#about.putSync("owner", JSON.stringify(owner));
  }

  /** A process that was stopped for long may have lost the file to another. */
  #checkOwner(): void {
    const text = this.#about.get("owner");
    if (text !== undefined && (JSON.parse(text) as Ownership).opening === this.#opening) return;
    throw new TidemarkError("SOURCE_FENCED", "another process has taken over the rows of this changelog", "");
  }

  /** Says that the owner lives. */
  #beat(): void {
    this.#root.transactionSync(() => {
      const text = this.#about.get("owner");
      if (text !== undefined && (JSON.parse(text) as Ownership).opening === this.#opening) this.#writeOwner();
    });
  }

  /** Null: it is empty. */
  get marks(): Marks | null {
    const text = this.#about.get("marks");
    return text === undefined ? null : (JSON.parse(text) as Marks);
  }

  /** True once there is more than memory is meant to hold. */
  get isFull(): boolean {
    return this.#bytes > bytesMax;
  }

  get(key: string): KnownRow {
    const stored = storedKey(key);
    const changed = this.#changed.get(stored);
    const text = changed === undefined ? this.#rows.get(stored) : changed;
    return text === null || text === undefined ? neverSeen : knownOf(text);
  }

  set(key: string, known: KnownRow): void {
    const text = textOf(known);
    this.#changed.set(storedKey(key), text);
    this.#bytes += entryBytes + (text?.length ?? 0);
  }

  /** Everything since the last flush was not so. */
  discard(): void {
    this.#changed.clear();
    this.#bytes = 0;
  }

  /** To the file, with where in the log that is. */
  flush(marks: Marks): void {
    const keys = [...this.#changed.keys()].sort();
    this.#root.transactionSync(() => {
      this.#checkOwner();
      for (const key of keys) {
        const row = this.#changed.get(key)!;
        if (row === null) this.#rows.removeSync(key);
        else this.#rows.putSync(key, row);
      }
      this.#about.putSync("marks", JSON.stringify(marks));
    });
    this.discard();
  }

  /** Empties it. */
  clear(): void {
    this.discard();
    this.#root.transactionSync(() => {
      this.#checkOwner();
      this.#rows.clearSync();
      this.#about.removeSync("marks");
    });
  }

  /** The JSON of all rows. What has changed has to be flushed before. */
  *rows(): Generator<string> {
    for (const { key, value } of this.#rows.getRange({ snapshot: false })) {
      const { row } = knownOf(value);
      if (row !== null && !key.startsWith(movedMark)) yield row;
    }
  }

  /** Begins to note which keys are seen: see `Seen`. */
  beginSeen(): void {
    this.#seen.clearSync();
  }

  seeAll(keys: readonly string[]): void {
    this.#root.transactionSync(() => {
      for (const key of keys) this.#seen.putSync(storedKey(key), "");
    });
  }

  /** The JSON of rows whose key was not seen. What has changed has to be flushed before. */
  *unseen(): Generator<string> {
    for (const { key, value } of this.#rows.getRange({ snapshot: false })) {
      if (key.startsWith(movedMark) || this.#seen.doesExist(key)) continue;
      const { row } = knownOf(value);
      if (row !== null) yield row;
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#beating);
    this.#root.transactionSync(() => {
      const text = this.#about.get("owner");
      if (text !== undefined && (JSON.parse(text) as Ownership).opening === this.#opening)
        this.#about.removeSync("owner");
    });
    await this.#root.close();
  }
}

interface Ownership extends Owner {
  /** Which opening of the file, of its process. */
  readonly opening: string;
  /** When it was last alive for certain, ms. */
  readonly at: number;
}

function isOfAnother(text: string, now: number): boolean {
  const owner = JSON.parse(text) as Ownership;
  // one that is stopped lives, too, and does not know what it has lost until it goes on
  return isAlive(owner) !== false && now - owner.at < silentMs;
}

/** A row has none of these before its first brace. */
const orderEnd = "\n";

function textOf({ row, order }: KnownRow): string | null {
  return order === null ? row : `${order}${orderEnd}${row ?? ""}`;
}

function knownOf(text: string): KnownRow {
  if (text.startsWith("{")) return { row: text, order: null };
  const at = text.indexOf(orderEnd);
  return { row: text.slice(at + 1) || null, order: text.slice(0, at) };
}

/** The key under which a row is kept that goes on under another one. */
export function movedKey(key: string): string {
  return `${movedMark}${key}`;
}

/** A long key has to be hashed. */
function storedKey(key: string): string {
  if (key.length * 3 <= keyBytesMax || Buffer.byteLength(key) <= keyBytesMax) return key;
  const mark = key.startsWith(movedMark) ? movedMark : "#";
  return `${mark}${createHash("sha256").update(key).digest("base64url")}`;
}
