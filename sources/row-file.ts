/**
 * Key → row of a changelog, on this machine's disk, with memory for what changed since the last flush. It is derived
 * from the log and holds where in the log it is, so that it can be removed at any time. One process has it at a time.
 */
import { createHash, randomUUID } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
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
/** Rows that are copied before other work goes on. */
const copiedRows = 2000;

/**
 * The folder has one file, `rows-1.mdb`, but while keys are forgotten: then the one with the highest number counts. A
 * number is never given to other rows while a process may have the file open, since LMDB's locks go by its name.
 */
const filePattern = /^rows-(\d+)\.mdb$/;
const fileName = (number: number) => `rows-${number}.mdb`;

export class RowFile {
  readonly #now: () => number;
  readonly #folder: string;
  #number: number;
  #dbs: Databases;
  /** Null: the row is gone. */
  readonly #changed = new Map<string, string | null>();
  #bytes = 0;
  readonly #opening = randomUUID();
  readonly #beating: NodeJS.Timeout;

  private constructor(folder: string, now: () => number) {
    this.#folder = folder;
    this.#now = now;
    this.#number = newestIn(folder);
    this.#dbs = openAt(join(folder, fileName(this.#number)));
    this.#beating = setInterval(() => this.#beat(), beatMs);
    this.#beating.unref();
  }

  /** Null: another process that lives has it. */
  static open(folder: string, now: () => number): RowFile | null {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = new RowFile(folder, now);
    if (file.#own()) {
      file.#removeOthers();
      return file;
    }
    clearInterval(file.#beating);
    void file.#dbs.root.close();
    return null;
  }

  #own(): boolean {
    return this.#dbs.root.transactionSync(() => {
      // the owner of this one may just have put another in its place
      if (newestIn(this.#folder) !== this.#number) return false;
      const before = this.#dbs.about.get("owner");
      if (before !== undefined && isOfAnother(before, this.#now())) return false;
      this.#writeOwner();
      return true;
    });
  }

  #writeOwner(): void {
    const owner: Ownership = { ...thisProcess(), opening: this.#opening, at: this.#now() };
    this.#dbs.about.putSync("owner", JSON.stringify(owner));
  }

  /** A process that was stopped for long may have lost the file to another. */
  #checkOwner(): void {
    const text = this.#dbs.about.get("owner");
    if (text !== undefined && (JSON.parse(text) as Ownership).opening === this.#opening) return;
    throw new TidemarkError("SOURCE_FENCED", "another process has taken over the rows of this changelog", "");
  }

  /** Says that the owner lives. */
  #beat(): void {
    this.#dbs.root.transactionSync(() => {
      const text = this.#dbs.about.get("owner");
      if (text !== undefined && (JSON.parse(text) as Ownership).opening === this.#opening) this.#writeOwner();
    });
  }

  /** Null: it is empty. */
  get marks(): Marks | null {
    const text = this.#dbs.about.get("marks");
    return text === undefined ? null : (JSON.parse(text) as Marks);
  }

  /** True once there is more than memory is meant to hold. */
  get isFull(): boolean {
    return this.#bytes > bytesMax;
  }

  get(key: string): KnownRow {
    const stored = storedKey(key);
    const changed = this.#changed.get(stored);
    const text = changed === undefined ? this.#dbs.rows.get(stored) : changed;
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
    this.#dbs.root.transactionSync(() => {
      this.#checkOwner();
      for (const key of keys) {
        const row = this.#changed.get(key)!;
        if (row === null) this.#dbs.rows.removeSync(key);
        else this.#dbs.rows.putSync(key, row);
      }
      this.#dbs.about.putSync("marks", JSON.stringify(marks));
    });
    this.discard();
  }

  /** Empties it. */
  clear(): void {
    this.discard();
    this.#dbs.root.transactionSync(() => {
      this.#checkOwner();
      this.#dbs.rows.clearSync();
      this.#dbs.about.removeSync("marks");
    });
  }

  /** The JSON of all rows. What has changed has to be flushed before. */
  *rows(): Generator<string> {
    for (const { key, value } of this.#dbs.rows.getRange({ snapshot: false })) {
      const { row } = knownOf(value);
      if (row !== null && !key.startsWith(movedMark)) yield row;
    }
  }

  /** Begins to note which keys are seen: see `Seen`. */
  beginSeen(): void {
    this.#dbs.seen.clearSync();
  }

  seeAll(keys: readonly string[]): void {
    this.#dbs.root.transactionSync(() => {
      for (const key of keys) this.#dbs.seen.putSync(storedKey(key), "");
    });
  }

  /** The JSON of rows whose key was not seen. What has changed has to be flushed before. */
  *unseen(): Generator<string> {
    for (const { key, value } of this.#dbs.rows.getRange({ snapshot: false })) {
      if (key.startsWith(movedMark) || this.#dbs.seen.doesExist(key)) continue;
      const { row } = knownOf(value);
      if (row !== null) yield row;
    }
  }

  /**
   * Forgets keys for good: their bytes are in no file of the folder then, neither in pages that LMDB has freed, nor in
   * a page's unused part. All other rows are copied into a new file, which takes the old one's place at once: killed at
   * any step, this leaves the one or the other. Not to be used otherwise until it has ended.
   *
   * A row that has had other keys is named by all of them. The records of a key that log and archive still hold bring
   * its row back where the file is derived from them again (a folder that was removed, another machine): to forget
   * there, too, is up to the caller, and so is that the changelog says that the row is gone.
   *
   * @param keys as `get` takes them
   * @throws SOURCE_FENCED where another process has taken over the rows: nothing is forgotten then
   */
  async forget(keys: readonly string[]): Promise<void> {
    const gone = new Set(keys.flatMap((key) => [storedKey(key), storedKey(movedKey(key))]));
    for (const key of gone) this.#changed.delete(key);
    const aside = join(this.#folder, `forgetting-${this.#opening}.mdb`);
    const [number, before] = [this.#number + 1, this.#dbs];
    try {
      await this.#copyTo(aside, gone);
      before.root.transactionSync(() => {
        this.#checkOwner();
        renameSync(aside, join(this.#folder, fileName(number)));
        syncFolder(this.#folder);
      });
    } finally {
      for (const name of [aside, `${aside}-lock`]) rmSync(name, { force: true });
    }
    this.#number = number;
    this.#dbs = openAt(join(this.#folder, fileName(number)));
    await before.root.close();
    this.#removeOthers();
  }

  /** Copies rows one by one: whole pages have bytes of rows that are gone. */
  async #copyTo(path: string, gone: ReadonlySet<string>): Promise<void> {
    const copy = openAt(path);
    try {
      for (let start: string | null = ""; start !== null; ) {
        const range = this.#dbs.rows.getRange({ start, limit: copiedRows + 1, snapshot: false });
        const some = [...range];
        start = some.length > copiedRows ? some.pop()!.key : null;
        copy.root.transactionSync(() => {
          for (const { key, value } of some) if (!gone.has(key)) copy.rows.putSync(key, value);
        });
        await setImmediate();
      }
      copy.root.transactionSync(() => {
        for (const { key, value } of this.#dbs.about.getRange()) copy.about.putSync(key, value);
      });
    } finally {
      await copy.root.close();
    }
  }

  /** Files that this one has taken the place of, or that were never finished. */
  #removeOthers(): void {
    const own = [fileName(this.#number), `${fileName(this.#number)}-lock`];
    const others = readdirSync(this.#folder).filter((name) => !own.includes(name));
    for (const name of others) rmSync(join(this.#folder, name), { force: true });
    if (others.length > 0) syncFolder(this.#folder);
  }

  async close(): Promise<void> {
    clearInterval(this.#beating);
    this.#dbs.root.transactionSync(() => {
      const text = this.#dbs.about.get("owner");
      if (text !== undefined && (JSON.parse(text) as Ownership).opening === this.#opening)
        this.#dbs.about.removeSync("owner");
    });
    await this.#dbs.root.close();
  }
}

/** One file's. */
interface Databases {
  readonly root: RootDatabase<unknown, string>;
  readonly rows: Database<string, string>;
  readonly about: Database<string, string>;
  readonly seen: Database<string, string>;
}

function openAt(path: string): Databases {
  const root = openLmdb<unknown, string>({
    path,
    noSubdir: true,
    mapSize: firstMapBytes,
    overlappingSync: false,
    maxDbs: 3,
  });
  const open = (name: string) => root.openDB<string, string>(name, { encoding: "string", cache: false });
  return { root, rows: open("rows"), about: open("about"), seen: open("seen") };
}

/** The number of a folder's file; 1 where there is none yet. */
function newestIn(folder: string): number {
  return Math.max(1, ...readdirSync(folder).map((name) => Number(filePattern.exec(name)?.[1] ?? 1)));
}

/** Names that were changed are so after a power cut, too. */
function syncFolder(folder: string): void {
  const opened = openSync(folder, "r");
  try {
    fsyncSync(opened);
  } finally {
    closeSync(opened);
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
