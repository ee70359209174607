/**
 * The project's file of API keys: polled by every server, changed under one lock by `tidemark keys`.
 */
import { closeSync, fsyncSync, openSync, readFileSync, realpathSync, renameSync, statSync, writeSync } from "node:fs";
import { lstat } from "node:fs/promises";
import { messageOf, TidemarkError } from "../../../shared/errors.ts";
import type { ApiKey } from "../../../shared/http/caller.ts";
import { openLmdb } from "../../../shared/lmdb.ts";
import { parseKeys } from "./keys.ts";

export const keyFile = "keys.json";

/** How long keys that were read are used before the file is checked again. */
const freshMs = 400;

interface KeySnapshot {
  readonly keys: readonly ApiKey[];
  /** Changes with the file. */
  readonly seen: string;
}

/**
 * Null only where the path does not exist: a dangling link, a folder, or a file that can't be read
 * or parsed is an error.
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
    code === "ENOENT" ? "it is a link to a file that does not exist" : `it can't be read (${code ?? messageOf(error)})`;
  return new TidemarkError("CONFIG_INVALID", `${path}: ${why}`, "repair it, or delete it to run without keys");
}

/** The keys in the file: a key that is added or revoked takes effect within half a second, without a restart. */
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
   * Null: there is no such file. If the file becomes unreadable, that is logged, and the previous
   * keys stay valid; access is never opened.
   */
  async keys(): Promise<readonly ApiKey[] | null> {
    if (performance.now() < this.#refreshAt) return this.#keys;
    try {
      await this.#refresh();
      this.#reported = "";
    } catch (error) {
      const message = messageOf(error);
      if (message !== this.#reported)
        this.#say(`serve: ${this.#keys?.length ? "the previous keys stay valid" : "no key is accepted"}: ${message}`);
      this.#reported = message;
      this.#keys ??= [];
    }
    return this.#keys;
  }

  async #refresh(): Promise<void> {
    this.#refreshAt = performance.now() + freshMs;
    const found = await read(this.#path, this.#seen);
    if (found && found.seen === this.#seen) return;
    // deleting the file must not open access while the server runs
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
 * Changes the keys. Concurrent changes are serialized by a lock, which the system releases when its
 * process ends, however it ends.
 * @param change returns the new keys; if it throws, the keys stay as they are
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

/** Resolves a link: its target is changed, not the link. */
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

/** Atomically, since a server may read the file at any moment. */
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
