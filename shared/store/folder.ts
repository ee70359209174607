/** The store as a folder: names are paths, atomic is a link or a rename, durable is an fsync of file and folder. */
import { randomUUID } from "node:crypto";
import { access, readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isAbandoned, makeOwned, sweep } from "../owned.ts";
import { digestOf, expectSame, missing } from "./digest.ts";
import { type Disk, realDisk } from "./disk.ts";
import { checkFormat } from "./format.ts";
import { layout } from "./layout.ts";
import { newOwner, newRunOf, ownerOf } from "./runs.ts";
import type { FileRef, LocalFile, Store } from "./store.ts";

export interface FolderOptions {
  /** false: nothing is fsynced (tests, and files that a crash may take). Default true. */
  readonly durable?: boolean;
  readonly disk?: Disk;
}

export class FolderStore implements Store {
  /** Absolute path of the folder. */
  readonly root: string;
  readonly paceMs = 20;
  readonly owner = newOwner();
  readonly #durable: boolean;
  readonly #disk: Disk;
  /** This process's own folder for scratch files. */
  readonly #own: string;

  private constructor(root: string, { durable = true, disk = realDisk }: FolderOptions) {
    this.root = root;
    this.#own = join(root, layout.scratchOf(this.owner));
    this.#durable = durable;
    this.#disk = disk;
  }

  /**
   * Opens the folder, creating it where it is not there: for this user alone, since all of it is made of events.
   * @throws DATA_FORMAT when a newer Tidemark wrote it
   */
  static async open(root: string, options: FolderOptions = {}): Promise<FolderStore> {
    const store = new FolderStore(root, options);
    const made = await store.#disk.makeFolder(root, 0o700);
    await store.#settleNew(root, made, store.#durable);
    await store.#folderOf(layout.scratchOf("any"), store.#durable);
    await makeOwned(store.#own);
    await checkFormat(store);
    return store;
  }

  /** Absolute path of a name. */
  path(name: string): string {
    return join(this.root, name);
  }

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

  async list(folder: string): Promise<string[]> {
    try {
      return (await readdir(this.path(folder))).sort();
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

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

  async replaceOwn(name: string, content: string): Promise<boolean> {
    const aside = this.scratch("own");
    await this.#write(aside, content, false);
    try {
      await this.#disk.rename(aside, this.path(name));
      return true;
    } catch (error) {
      if (!isMissing(error)) throw error;
      await this.#disk.unlink(aside);
      return false;
    }
  }

  scratch(suffix: string): string {
    return join(this.#own, `${randomUUID()}-${suffix}`);
  }

  newRun(): string {
    return newRunOf(this.owner);
  }

  async isRunning(run: string): Promise<boolean | null> {
    const owner = ownerOf(run);
    if (owner === null) return null;
    const own = layout.scratchOf(owner);
    return (await this.exists(own)) && !(await isAbandoned(this.path(own)));
  }

  async sweep(): Promise<string[]> {
    return (await sweep(this.path(layout.scratch))).map(layout.scratchOf);
  }

  async publish(scratch: string, name: string, options: { durable: boolean }): Promise<FileRef> {
    const durable = this.#durable && options.durable;
    if (durable) await this.#disk.syncFile(scratch);
    const { bytes, sha256 } = await digestOf(scratch);
    await this.#folderOf(name, durable);
    await this.#disk.rename(scratch, this.path(name));
    if (durable) await this.#disk.syncFolder(dirname(this.path(name)));
    return { name, bytes, sha256 };
  }

  async keep(file: FileRef, name: string): Promise<FileRef> {
    await this.#disk.makeFolder(dirname(this.path(name)));
    try {
      await this.#disk.link(this.path(file.name), this.path(name));
    } catch (error) {
      if (isMissing(error)) throw missing(file.name);
      throw error;
    }
    return { ...file, name };
  }

  async settle(folder: string): Promise<void> {
    if (this.#durable && (await this.exists(folder))) await this.#disk.syncFolder(this.path(folder));
  }

  async check(file: FileRef): Promise<void> {
    try {
      expectSame(file, await digestOf(this.path(file.name)));
    } catch (error) {
      if (isMissing(error)) throw missing(file.name);
      throw error;
    }
  }

  async open(files: readonly FileRef[], checked?: Set<string>): Promise<readonly LocalFile[]> {
    for (const file of files) {
      if (checked?.has(file.name)) continue;
      await this.check(file);
      checked?.add(file.name);
    }
    return files.map((file) => ({ ...file, path: this.path(file.name) }));
  }

  async remove(name: string): Promise<void> {
    await this.#disk.remove(this.path(name));
  }

  async tag(name: string): Promise<string | null> {
    try {
      const { mtimeMs, size } = await stat(this.path(name));
      return `${mtimeMs} ${size}`;
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  async bytesOf(name: string): Promise<number> {
    return stat(this.path(name)).then(
      ({ size }) => size,
      () => 0,
    );
  }

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

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return code === "ENOENT" || code === "ENOTDIR";
}
