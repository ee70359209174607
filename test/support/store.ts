/** Stores for tests, a folder or in memory as STORE=memory says, and what lies in them behind their back. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { FolderStore } from "../../shared/store/folder.ts";
import { MemoryBucket, MemoryStore } from "../../shared/store/memory.ts";
import type { Store } from "../../shared/store/store.ts";

const inMemory = process.env.STORE === "memory";

const buckets = new WeakMap<Store, MemoryBucket>();

/** @param folder of the store, where it is one */
export async function openStore(folder: string, now: () => number = Date.now): Promise<Store> {
  return inMemory ? openMemory(now) : FolderStore.open(folder, { durable: false });
}

/** The same store as another process has it. */
export async function openAgain(store: Store): Promise<Store> {
  const bucket = buckets.get(store);
  return bucket ? inBucket(bucket) : FolderStore.open(store.root, { durable: false });
}

export async function openMemory(now: () => number = Date.now): Promise<Store> {
  return inBucket(new MemoryBucket(now));
}

async function inBucket(bucket: MemoryBucket): Promise<Store> {
  const store = await MemoryStore.open(bucket, bucket.owners);
  buckets.set(store, bucket);
  return store;
}

/** Files as a disk that goes bad, or another program, gets at them. */
interface Behind {
  has(name: string): boolean;
  read(name: string): Buffer;
  write(name: string, bytes: Buffer | string): void;
  append(name: string, bytes: string): void;
  /** A file, or a folder with all in it. */
  remove(name: string): void;
  /** As if it had been written so long ago, ms. */
  age(name: string, ms: number): void;
  /** A path to read the file at, as it is now. */
  path(name: string): string;
}

export function behind(store: Store): Behind {
  const bucket = buckets.get(store);
  return bucket ? inObjects(bucket) : inFolder(store.root);
}

function inFolder(root: string): Behind {
  const path = (name: string) => join(root, name);
  return {
    has: (name) => existsSync(path(name)),
    read: (name) => readFileSync(path(name)),
    write: (name, bytes) => {
      mkdirSync(dirname(path(name)), { recursive: true });
      // under this name alone: links share their bytes
      rmSync(path(name), { force: true });
      writeFileSync(path(name), bytes);
    },
    append: (name, bytes) => appendFileSync(path(name), bytes),
    remove: (name) => rmSync(path(name), { recursive: true, force: true }),
    age: (name, ms) => {
      const then = new Date(Date.now() - ms);
      utimesSync(path(name), then, then);
    },
    path,
  };
}

function inObjects({ objects, now }: MemoryBucket): Behind {
  const read = (name: string) => {
    const found = objects.get(name);
    if (!found) throw new Error(`there is no ${name}`);
    return found;
  };
  const write = (name: string, bytes: Buffer | string) => {
    objects.set(name, { bytes: Buffer.from(bytes as string), at: now(), tag: -1 - objects.size });
  };
  return {
    has: (name) => objects.has(name) || [...objects.keys()].some((each) => each.startsWith(`${name}/`)),
    read: (name) => read(name).bytes,
    write,
    append: (name, bytes) => write(name, Buffer.concat([read(name).bytes, Buffer.from(bytes)])),
    remove: (name) => {
      for (const each of [...objects.keys()]) if (each === name || each.startsWith(`${name}/`)) objects.delete(each);
    },
    age: (name, ms) => {
      for (const [each, object] of objects)
        if (each === name || each.startsWith(`${name}/`)) objects.set(each, { ...object, at: now() - ms });
    },
    path: (name) => {
      const path = join(mkdtempSync(join(tmpdir(), "tidemark-behind-")), "file");
      writeFileSync(path, read(name).bytes);
      return path;
    },
  };
}
