/**
 * The store: a folder of immutable files, reached by name. Create-if-absent is its whole coordination protocol; an object
 * store could stand behind it as well.
 */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { access, open, readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { TidemarkError } from "../errors.ts";
import { isAbandoned, makeOwned, sweep } from "../owned.ts";
import { type Disk, realDisk } from "./disk.ts";
import { layout } from "./layout.ts";

/** A file that is part of an answer: whoever reads it checks size and hash first. */
export interface FileRef {
  /** Name in the store, with `/` between folders. */
  readonly name: string;
  readonly bytes: number;
  /** SHA-256 of the whole file, hex. */
  readonly sha256: string;
}

export interface StoreOptions {
  /** false: nothing is fsynced (tests, and files that a crash may take). Default true. */
  readonly durable?: boolean;
  readonly disk?: Disk;
}

const formatVersion = 1;

export class Store {
  /** Absolute path of the folder. */
  readonly root: string;
  /** Names of what this process makes for a time start with it: see `newRun`. */
  readonly owner = randomBytes(6).toString("hex");
  readonly #durable: boolean;
  readonly #disk: Disk;
  /** This process's own folder for scratch files. */
  readonly #own: string;

  private constructor(root: string, { durable = true, disk = realDisk }: StoreOptions) {
    this.root = root;
    this.#own = join(root, layout.scratchOf(this.owner));
    this.#durable = durable;
    this.#disk = disk;
  }

  /**
   * Opens the folder, creating it where it is not there: for this user alone, since all of it is made of events.
   * @throws DATA_FORMAT when a newer Tidemark wrote it
   */
  static async open(root: string, options: StoreOptions = {}): Promise<Store> {
    const store = new Store(root, options);
    const made = await store.#disk.makeFolder(root, 0o700);
    await store.#settleNew(root, made, store.#durable);
    await store.#folderOf(layout.scratchOf("any"), store.#durable);
    await makeOwned(store.#own);
    const found = await store.read("format.json");
    if (!found) await store.createIfAbsent("format.json", JSON.stringify({ format: formatVersion }));
    const text = (await store.read("format.json"))?.toString() ?? "";
    const format = Number(/"format":\s*(\d+)/.exec(text)?.[1] ?? Number.NaN);
    if (Number.isNaN(format)) {
      throw new TidemarkError(
        "DATA_FORMAT",
        `${join(root, "format.json")} is not readable`,
        "is this a Tidemark data folder? name another with --data",
      );
    }
    if (format > formatVersion) {
      throw new TidemarkError(
        "DATA_FORMAT",
        `the data folder ${root} has format ${format}, and this Tidemark knows up to ${formatVersion}`,
        "use a newer Tidemark, or another folder with --data",
      );
    }
    return store;
  }

  /** Absolute path of a name, for DuckDB to read. */
  path(name: string): string {
    return join(this.root, name);
  }

  /** The file's bytes, or null where there is no such file. */
  async read(name: string): Promise<Buffer | null> {
    try {
      return await readFile(this.path(name));
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  async exists(name: string): Promise<boolean> {
    return access(this.path(name)).then(
      () => true,
      () => false,
    );
  }

  /** Names directly in a folder, sorted; none where there is no such folder. */
  async list(folder: string): Promise<string[]> {
    try {
      return (await readdir(this.path(folder))).sort();
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

  /** Creates the file whole, or leaves an existing one alone; its name is on disk then, whoever gave it. True when it was created here. */
  async createIfAbsent(name: string, content: string): Promise<boolean> {
    const aside = this.scratch("create");
    await this.#write(aside, content, this.#durable);
    let created = true;
    try {
      await this.#folderOf(name, this.#durable);
      await this.#disk.link(aside, this.path(name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      created = false;
    } finally {
      await this.#disk.unlink(aside);
    }
    if (this.#durable) await this.#disk.syncFolder(dirname(this.path(name)));
    return created;
  }

  /** Replaces the file in one atomic step. Not durable unless told: what a crash takes here is made again from the log. */
  async replace(name: string, content: string, options = { durable: false }): Promise<void> {
    const aside = this.scratch("replace");
    const durable = this.#durable && options.durable;
    await this.#write(aside, content, durable);
    try {
      await this.#disk.rename(aside, this.path(name));
    } catch (error) {
      if (!isMissing(error)) throw error;
      await this.#folderOf(name, durable);
      await this.#disk.rename(aside, this.path(name));
    }
    if (durable) await this.#disk.syncFolder(dirname(this.path(name)));
  }

  /** Absolute path that nobody else uses, on the same file system, to write a file that `publish` then names; gone when the process is. */
  scratch(suffix: string): string {
    return join(this.#own, `${randomUUID()}-${suffix}`);
  }

  /** A name for what a run of this process makes and lets go of again: nobody cleans it while the process lives. */
  newRun(): string {
    return `${this.owner}-${randomBytes(4).toString("hex")}`;
  }

  /** True where the process that a run's name tells of lives; null where the name tells of none. */
  async isRunning(run: string): Promise<boolean | null> {
    const owner = /^([0-9a-f]{12})-[0-9a-f]{8}/.exec(run)?.[1];
    if (!owner) return null;
    const own = layout.scratchOf(owner);
    return (await this.exists(own)) && !(await isAbandoned(this.path(own)));
  }

  /** Removes what processes that are dead have left of their scratch files. @returns names in the store */
  async sweep(): Promise<string[]> {
    return (await sweep(this.path(layout.scratch))).map(layout.scratchOf);
  }

  /** Gives a finished scratch file its name. Durable: file, then folder, are on disk when this returns. */
  async publish(scratch: string, name: string, options: { durable: boolean }): Promise<FileRef> {
    const durable = this.#durable && options.durable;
    if (durable) await this.#disk.syncFile(scratch);
    const { bytes, sha256 } = await digest(scratch);
    await this.#folderOf(name, durable);
    await this.#disk.rename(scratch, this.path(name));
    if (durable) await this.#disk.syncFolder(dirname(this.path(name)));
    return { name, bytes, sha256 };
  }

  /** A second name for a file, so that another owner's cleaning can't take it. */
  async link(file: FileRef, name: string): Promise<FileRef> {
    await this.#disk.makeFolder(dirname(this.path(name)));
    try {
      await this.#disk.link(this.path(file.name), this.path(name));
    } catch (error) {
      if (isMissing(error)) throw missing(file.name);
      throw error;
    }
    return { ...file, name };
  }

  /** Names in this folder survive a power cut from here on: whoever made them may not have got round to syncing them. */
  async settle(folder: string): Promise<void> {
    if (this.#durable && (await this.exists(folder))) await this.#disk.syncFolder(this.path(folder));
  }

  /**
   * Reads the whole file and compares size and hash.
   * @throws STORE_MISSING, STORE_CORRUPT
   */
  async check(file: FileRef): Promise<void> {
    await checkFile(this.path(file.name), file);
  }

  async remove(name: string): Promise<void> {
    await this.#disk.remove(this.path(name));
  }

  /** Says that its owner is alive: what `changedAt` tells of the empty file changes. Nothing happens where its folder is gone. */
  async touch(name: string): Promise<void> {
    await this.#disk.write(this.path(name), "").catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
  }

  /** When the file last changed, or was touched; comparable with itself only. Null where there is none. */
  async changedAt(name: string): Promise<number | null> {
    try {
      return (await stat(this.path(name))).mtimeMs;
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  /** The file's size; 0 where it is gone. */
  async bytesOf(name: string): Promise<number> {
    return stat(this.path(name)).then(
      ({ size }) => size,
      () => 0,
    );
  }

  /** Milliseconds since the file or folder last changed; Infinity where it is gone. */
  async ageMs(name: string): Promise<number> {
    try {
      return Date.now() - (await stat(this.path(name))).mtimeMs;
    } catch {
      return Number.POSITIVE_INFINITY;
    }
  }

  /** Makes the folder of a name. A new folder is durable only once the folder that holds it is on disk too. */
  async #folderOf(name: string, durable: boolean): Promise<void> {
    const folder = dirname(this.path(name));
    await this.#settleNew(folder, await this.#disk.makeFolder(folder), durable);
  }

  /** @param made the first folder on the way to `folder` that had to be made */
  async #settleNew(folder: string, made: string | undefined, durable: boolean): Promise<void> {
    if (!made || !durable) return;
    for (let each = folder; each.length >= made.length; each = dirname(each))
      await this.#disk.syncFolder(dirname(each));
  }

  async #write(path: string, content: string, durable: boolean): Promise<void> {
    await this.#disk.write(path, content);
    if (durable) await this.#disk.syncFile(path);
  }
}

/** As Store.check, of a file that lies at `path`. */
export async function checkFile(path: string, file: FileRef): Promise<void> {
  let found: { bytes: number; sha256: string };
  try {
    found = await digest(path);
  } catch (error) {
    if (isMissing(error)) throw missing(file.name);
    throw error;
  }
  if (found.bytes === file.bytes && found.sha256 === file.sha256) return;
  const what =
    found.bytes !== file.bytes
      ? `has ${found.bytes} bytes instead of ${file.bytes}`
      : "has another hash than its manifest says";
  throw new TidemarkError(
    "STORE_CORRUPT",
    `${file.name} ${what}: the file is damaged`,
    "derived files can be made again from the log: remove it and run batch, or restart speed",
    { file: file.name },
  );
}

function missing(name: string): TidemarkError {
  return new TidemarkError(
    "STORE_MISSING",
    `${name} is missing from the store`,
    "derived files can be made again from the log: run batch, or restart speed",
    { file: name },
  );
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return code === "ENOENT" || code === "ENOTDIR";
}

/** Most files are small, and there may be thousands: no more memory is taken than a file fills. */
async function digest(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash("sha256");
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const buffer = Buffer.allocUnsafe(Math.min(size + 1, 1 << 20));
    for (let bytes = 0; ; ) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return { bytes, sha256: hash.digest("hex") };
      hash.update(buffer.subarray(0, bytesRead));
      bytes += bytesRead;
    }
  } finally {
    await file.close();
  }
}
