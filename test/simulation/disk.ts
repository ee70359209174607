/**
 * A disk that several simulated processes share: in a power cut it gives back only what was synced, the rest in
 * any state.
 */
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Disk } from "../../shared/store/disk.ts";
import { FolderStore } from "../../shared/store/folder.ts";
import type { Store } from "../../shared/store/store.ts";
import type { Medium } from "./medium.ts";
import { SimulatedProcess } from "./process.ts";

type Random = () => number;

export class SimulatedDisk implements Medium {
  readonly root: string;
  readonly #shadow: string;
  /** What each name refers to now, and what after a power cut. */
  readonly #names = new Map<string, number>();
  readonly #durable = new Map<string, number>();
  /** Files whose content would survive. */
  readonly #synced = new Set<number>();
  #ids = 0;

  constructor(dir: string) {
    this.root = join(dir, "data");
    this.#shadow = join(dir, "shadow");
    mkdirSync(this.#shadow, { recursive: true });
  }

  async process(): Promise<{ faults: SimulatedProcess; store: Store }> {
    const faults = new SimulatedProcess();
    return { faults, store: await FolderStore.open(this.root, { disk: this.#of(faults) }) };
  }

  #of(faults: SimulatedProcess): Disk {
    return {
      write: (path, content) => faults.call(() => this.write(path, content)),
      link: (path, name) => faults.call(() => this.link(path, name)),
      rename: (path, name) => faults.call(() => this.rename(path, name)),
      unlink: (path) => faults.call(() => this.unlink(path)),
      remove: (path) => faults.call(() => this.remove(path)),
      makeFolder: (path) => faults.call(() => this.makeFolder(path)),
      syncFile: (path) => faults.call(() => this.syncFile(path)),
      syncFolder: (path) => faults.call(() => this.syncFolder(path)),
    };
  }

  write(path: string, content: string): void {
    writeFileSync(path, content);
    this.#name(path, this.#fresh(path));
  }

  link(path: string, name: string): void {
    linkSync(path, name);
    this.#name(name, this.#idOf(path));
  }

  rename(path: string, name: string): void {
    const id = existsSync(path) ? this.#idOf(path) : -1;
    renameSync(path, name);
    this.#names.delete(path);
    this.#name(name, id);
  }

  unlink(path: string): void {
    unlinkSync(path);
    this.#names.delete(path);
  }

  remove(path: string): void {
    rmSync(path, { recursive: true, force: true });
    for (const name of [...this.#names.keys()])
      if (name === path || name.startsWith(`${path}/`)) this.#names.delete(name);
  }

  makeFolder(path: string): string | undefined {
    return mkdirSync(path, { recursive: true });
  }

  syncFile(path: string): void {
    this.#synced.add(this.#idOf(path));
  }

  syncFolder(path: string): void {
    for (const name of new Set([...this.#names.keys(), ...this.#durable.keys()])) {
      if (dirname(name) !== path) continue;
      const id = this.#names.get(name);
      if (id === undefined) this.#durable.delete(name);
      else this.#durable.set(name, id);
    }
  }

  /**
   * Whatever was not synced is there or not, whole, cut off, zeroed or empty. @returns how many names and files
   * came back otherwise
   */
  powerCut(random: Random): number {
    let lost = 0;
    const after = new Map<string, number>();
    for (const name of new Set([...this.#names.keys(), ...this.#durable.keys()])) {
      const [now, kept] = [this.#names.get(name), this.#durable.get(name)];
      const id = now === kept || random() < 0.5 ? now : kept;
      if (id !== now) lost++;
      if (id !== undefined) after.set(name, id);
    }
    const torn = new Map<number, Buffer>();
    for (const id of new Set(after.values())) {
      if (this.#synced.has(id) || random() < 0.5) continue;
      const bytes = readFileSync(this.#copy(id));
      const length = Math.floor(random() * bytes.length);
      const how = Math.floor(random() * 3);
      if (how === 0) bytes.fill(0, length);
      torn.set(id, how === 2 ? Buffer.alloc(0) : how === 1 ? bytes.subarray(0, length) : bytes);
      lost++;
    }
    rmSync(this.root, { recursive: true, force: true });
    mkdirSync(join(this.root, "scratch"), { recursive: true });
    for (const [id, bytes] of torn) {
      rmSync(this.#copy(id));
      writeFileSync(this.#copy(id), bytes);
    }
    this.#names.clear();
    this.#durable.clear();
    for (const [name, id] of after) {
      mkdirSync(dirname(name), { recursive: true });
      linkSync(this.#copy(id), name);
      this.#names.set(name, id);
      this.#durable.set(name, id);
      this.#synced.add(id);
    }
    return lost;
  }

  /** One bit, the end, or all of a file goes bad, under this name alone. */
  damage(path: string, random: Random): string {
    const bytes = readFileSync(path);
    rmSync(path);
    this.#names.delete(path);
    const how = Math.floor(random() * 4);
    if (how === 0) return "removed";
    if (how === 1) bytes[Math.floor(random() * bytes.length)]! ^= 1 << Math.floor(random() * 8);
    if (how === 2) bytes.fill(0, bytes.length >> 1);
    writeFileSync(path, bytes);
    if (how === 3) truncateSync(path, Math.floor(random() * bytes.length));
    this.#name(path, this.#fresh(path));
    return ["removed", "flipped", "zeroed", "cut off"][how]!;
  }

  files(folder: string): string[] {
    const path = join(this.root, folder);
    if (!existsSync(path)) return [];
    return readdirSync(path, { recursive: true })
      .map((name) => join(path, String(name)))
      .filter((name) => statSync(name).isFile());
  }

  #name(path: string, id: number): void {
    this.#names.set(path, id);
  }

  #idOf(path: string): number {
    return this.#names.get(path) ?? this.#fresh(path);
  }

  /** A file of its own from here on, its content kept aside. */
  #fresh(path: string): number {
    const id = this.#ids++;
    linkSync(path, this.#copy(id));
    this.#names.set(path, id);
    return id;
  }

  #copy(id: number): string {
    return join(this.#shadow, String(id));
  }
}
