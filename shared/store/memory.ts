/**
 * The store in memory, as an object store would be: single objects that are put, with a condition or without,
 * and everything durable at once. What DuckDB is to read is fetched into files of this process's own. Several
 * processes of a test share a bucket.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expectSame, missing } from "./digest.ts";
import { checkFormat } from "./format.ts";
import { newOwner, newRunOf, ownerOf } from "./runs.ts";
import type { FileRef, LocalFile, Store } from "./store.ts";

interface Stored {
  readonly bytes: Buffer;
  /** When it was put, by the bucket's clock, ms. */
  readonly at: number;
  /** Of every put another. */
  readonly tag: number;
}

/** The single calls, each of which takes effect whole or not at all. */
export interface ObjectBucket {
  get(name: string): Promise<Stored | null>;
  /** @returns false where it was there and was to be absent */
  put(name: string, bytes: Buffer, ifAbsent: boolean): Promise<boolean>;
  delete(name: string): Promise<void>;
  /** All names that begin so, sorted. */
  names(prefix: string): Promise<string[]>;
  /** By its own clock, ms. */
  now(): number;
}

export class MemoryBucket implements ObjectBucket {
  readonly objects = new Map<string, Stored>();
  readonly owners = new Set<string>();
  readonly now: () => number;
  #tags = 0;

  constructor(now: () => number) {
    this.now = now;
  }

  async get(name: string): Promise<Stored | null> {
    return this.objects.get(name) ?? null;
  }

  async put(name: string, bytes: Buffer, ifAbsent: boolean): Promise<boolean> {
    if (ifAbsent && this.objects.has(name)) return false;
    this.objects.set(name, { bytes, at: this.now(), tag: this.#tags++ });
    return true;
  }

  async delete(name: string): Promise<void> {
    this.objects.delete(name);
  }

  async names(prefix: string): Promise<string[]> {
    return [...this.objects.keys()].filter((name) => name.startsWith(prefix)).sort();
  }
}

/** The files of all stores of this process, gone when it is. */
let local: string | null = null;

export class MemoryStore implements Store {
  readonly root = "memory";
  readonly paceMs = 20;
  readonly owner = newOwner();
  readonly #bucket: ObjectBucket;
  /** Processes that live. */
  readonly #owners: Set<string>;
  readonly #own: string;

  private constructor(bucket: ObjectBucket, owners: Set<string>) {
    this.#bucket = bucket;
    this.#owners = owners;
    this.#own = join(localFolder(), this.owner);
    mkdirSync(join(this.#own, "fetched"), { recursive: true });
    owners.add(this.owner);
  }

  /** @param owners those whose processes live: this one's is added. @throws DATA_FORMAT */
  static async open(bucket: ObjectBucket, owners: Set<string>): Promise<MemoryStore> {
    const store = new MemoryStore(bucket, owners);
    await checkFormat(store);
    return store;
  }

  async read(name: string): Promise<Buffer | null> {
    return (await this.#bucket.get(name))?.bytes ?? null;
  }

  async exists(name: string): Promise<boolean> {
    return (await this.#bucket.get(name)) !== null || (await this.#below(name)).length > 0;
  }

  async list(folder: string): Promise<string[]> {
    const names = (await this.#below(folder)).map((name) => name.slice(folder.length + 1).split("/")[0]!);
    return [...new Set(names)].sort();
  }

  async tag(name: string): Promise<string | null> {
    const found = await this.#bucket.get(name);
    return found && String(found.tag);
  }

  async bytesOf(name: string): Promise<number> {
    return (await this.#bucket.get(name))?.bytes.length ?? 0;
  }

  async ageMs(name: string): Promise<number> {
    const own = await this.#bucket.get(name);
    let latest = own?.at ?? Number.NEGATIVE_INFINITY;
    for (const each of own ? [] : await this.#below(name))
      latest = Math.max(latest, (await this.#bucket.get(each))?.at ?? latest);
    return this.#bucket.now() - latest;
  }

  createIfAbsent(name: string, content: string): Promise<boolean> {
    return this.#bucket.put(name, Buffer.from(content), true);
  }

  async replace(name: string, content: string): Promise<void> {
    await this.#bucket.put(name, Buffer.from(content), false);
  }

  async replaceOwn(name: string, content: string): Promise<boolean> {
    if ((await this.#below(name.slice(0, name.lastIndexOf("/")))).length === 0) return false;
    return this.#bucket.put(name, Buffer.from(content), false);
  }

  async publish(scratch: string, name: string): Promise<FileRef> {
    const bytes = readFileSync(scratch);
    await this.#bucket.put(name, bytes, false);
    rmSync(scratch);
    return { name, bytes: bytes.length, sha256: hashOf(bytes) };
  }

  async keep(file: FileRef, name: string): Promise<FileRef> {
    await this.#bucket.put(name, await this.#bytesOf(file), false);
    return { ...file, name };
  }

  async remove(name: string): Promise<void> {
    for (const each of await this.#below(name)) await this.#bucket.delete(each);
    await this.#bucket.delete(name);
  }

  async settle(): Promise<void> {}

  async check(file: FileRef): Promise<void> {
    const bytes = await this.#bytesOf(file);
    expectSame(file, { bytes: bytes.length, sha256: hashOf(bytes) });
  }

  async open(files: readonly FileRef[], checked?: Set<string>): Promise<readonly LocalFile[]> {
    const opened: LocalFile[] = [];
    for (const file of files) {
      // as it is now: another may have damaged it since it was fetched
      const bytes = await this.#bytesOf(file);
      const sha256 = hashOf(bytes);
      if (!checked?.has(file.name)) expectSame(file, { bytes: bytes.length, sha256 });
      checked?.add(file.name);
      const path = join(this.#own, "fetched", `${sha256}.parquet`);
      writeFileSync(path, bytes);
      opened.push({ ...file, path });
    }
    return opened;
  }

  scratch(suffix: string): string {
    return join(this.#own, `${randomUUID()}-${suffix}`);
  }

  newRun(): string {
    return newRunOf(this.owner);
  }

  async isRunning(run: string): Promise<boolean | null> {
    const owner = ownerOf(run);
    return owner === null ? null : this.#owners.has(owner);
  }

  async sweep(): Promise<string[]> {
    return [];
  }

  #below(folder: string): Promise<string[]> {
    return this.#bucket.names(`${folder}/`);
  }

  async #bytesOf({ name }: FileRef): Promise<Buffer> {
    const found = await this.#bucket.get(name);
    if (!found) throw missing(name);
    return found.bytes;
  }
}

function localFolder(): string {
  if (local) return local;
  const made = mkdtempSync(join(tmpdir(), "tidemark-memory-"));
  process.once("exit", () => rmSync(made, { recursive: true, force: true }));
  local = made;
  return made;
}

function hashOf(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
