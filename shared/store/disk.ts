/** What the store asks of a disk, one call each: where a crash or a power cut may come between. */
import { link, mkdir, open, rename, rm, unlink, writeFile } from "node:fs/promises";

export interface Disk {
  write(path: string, content: string): Promise<void>;
  /** Makes a second name. @throws EEXIST, ENOENT */
  link(path: string, name: string): Promise<void>;
  rename(path: string, name: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Removes a file or a folder, if it is there. */
  remove(path: string): Promise<void>;
  /**
   * @param mode of what has to be made
   * @returns the first folder that had to be made, as `mkdir` does
   */
  makeFolder(path: string, mode?: number): Promise<string | undefined>;
  /** What the file holds survives a power cut from here on. */
  syncFile(path: string): Promise<void>;
  /** The names in a folder survive a power cut from here on. */
  syncFolder(path: string): Promise<void>;
}

export const realDisk: Disk = {
  write: (path, content) => writeFile(path, content),
  link,
  rename,
  unlink,
  remove: (path) => rm(path, { recursive: true, force: true }),
  makeFolder: (path, mode) => mkdir(path, { recursive: true, ...(mode === undefined ? {} : { mode }) }),
  syncFile: (path) => sync(path, "r+"),
  syncFolder: (path) => sync(path, "r"),
};

async function sync(path: string, flags: string): Promise<void> {
  const handle = await open(path, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
