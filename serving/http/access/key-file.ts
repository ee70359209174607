/**
 * The file of keys beside the project: read again by every server, changed under one lock by
 * whoever runs `tidemark keys`.
 */
import { closeSync, fsyncSync, openSync, readFileSync, realpathSync, renameSync, statSync, writeSync } from "node:fs";
import { lstat } from "node:fs/promises";
import { messageOf, TidemarkError } from "../../../shared/errors.ts";
import type { ApiKey } from "../../../shared/http/caller.ts";
import { openLmdb } from "../../../shared/lmdb.ts";
import { parseKeys } from "./keys.ts";

export const keyFile = "keys.json";

/** How long what was read counts. */
const freshMs = 400;

interface KeySnapshot {
  readonly keys: readonly ApiKey[];
  /** Tells apart what was read when. */
  readonly seen: string;
}

/**
 * Null where nothing has this name. A link to nowhere, a folder, or what can't be read or parsed is
 * never taken for that.
 * @throws CONFIG_INVALID naming the place
 */
async function read(path: string, seen: string): Promise<KeySnapshot | null> {
  try {
    await lstat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw unreadable(path, error);
  }
  let text: string;
  let now: string;
  try {
    const { ino, size, mtimeMs } = statSync(path);
    now = `${ino} ${size} ${mtimeMs}`;
    if (now === seen) return { keys: [], seen };
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw unreadable(path, error);
  }
  return { keys: parseKeys(text, path), seen: now };
}

function unreadable(path: string, error: unknown): TidemarkError {
  const { code } = error as NodeJS.ErrnoException;
  const why =
    code === "ENOENT" ? "it is a link to a place that is not there" : `it can't be read (${code ?? messageOf(error)})`;
  return new TidemarkError("CONFIG_INVALID", `${path}: ${why}`, "put it right, or remove it to have no keys");
}

/** The keys as the file has them now: who is added or revoked counts within half a second, without a restart. */
export class KeyFile {
  readonly #path: string;
  readonly #say: (line: string) => void;
  #keys: readonly ApiKey[] | null = null;
  #seen = "";
  #refreshAt = 0;
  #reported = "";

  private constructor(path: string, say: (line: string) => void) {
    this.#path = path;
    this.#say = say;
  }

  /** @throws CONFIG_INVALID for a file that holds no keys */
  static async open(path: string, say: (line: string) => void): Promise<KeyFile> {
    const file = new KeyFile(path, say);
    await file.#refresh();
    return file;
  }

  /**
   * Null: there is no such file. One that can't be read any more leaves the keys that were there,
   * opens nothing, and says so.
   */
  async keys(): Promise<readonly ApiKey[] | null> {
    if (performance.now() < this.#refreshAt) return this.#keys;
    try {
      await this.#refresh();
      this.#reported = "";
    } catch (error) {
      const message = messageOf(error);
      if (message !== this.#reported)
        this.#say(`serve: ${this.#keys?.length ? "the keys before go on" : "no key is taken"}: ${message}`);
      this.#reported = message;
      this.#keys ??= [];
    }
    return this.#keys;
  }

  async #refresh(): Promise<void> {
    this.#refreshAt = performance.now() + freshMs;
    const found = await read(this.#path, this.#seen);
    if (found && found.seen === this.#seen) return;
    // a file that is gone must not open what it closed
    if (found) this.#keys = found.keys;
    else if (this.#keys) this.#keys = [];
    this.#seen = found?.seen ?? "";
  }
}

/** @throws CONFIG_INVALID */
export async function keysIn(path: string): Promise<readonly ApiKey[]> {
  return (await read(path, ""))?.keys ?? [];
}

/**
 * Changes the keys, whoever else does at the same time: each sees what the one before has written.
 * The lock is one that the system takes back when its process ends, however it ends.
 * @param change gives the keys as they are to be; what it throws leaves them as they are
 * @throws CONFIG_INVALID
 */
export async function changeKeys(
  path: string,
  change: (keys: readonly ApiKey[]) => readonly ApiKey[],
): Promise<readonly ApiKey[]> {
  await read(path, "");
  const place = placeOf(path);
  const lock = openLmdb({ path: `${place}.lock`, noSubdir: true, mapSize: 1 << 16, overlappingSync: false });
  try {
    return lock.transactionSync(() => {
      const after = change(parsed(place));
      write(place, after);
      return after;
    });
  } finally {
    await lock.close();
  }
}

/** Where a link leads: what it points to is changed, not the link. */
function placeOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function parsed(path: string): readonly ApiKey[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw unreadable(path, error);
  }
  return parseKeys(text, path);
}

/** Whole or not at all: a server may read it at any moment. */
function write(path: string, keys: readonly ApiKey[]): void {
  const aside = `${path}.${process.pid}`;
  const file = openSync(aside, "w", 0o600);
  try {
    writeSync(file, `${JSON.stringify({ keys }, null, 2)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(aside, path);
}
