/**
 * A disk that several simulated processes share: it crashes a process at its k-th call, stalls it there until it is released, fails a
 * call, and in a power cut gives back only what was synced, the rest in any state.
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

/** The process is dead: every call of it ends so from here on. */
export class Crash extends Error {}

type Random = () => number;

export class SimulatedDisk {
  readonly root: string;
  readonly #shadow: string;
  /** What each name stands for now, and what it stands for after a power cut. */
  readonly #names = new Map<string, number>();
  readonly #durable = new Map<string, number>();
  /** Files whose content would survive. */
  readonly #synced = new Set<number>();
  #ids = 0;
  calls = 0;

  constructor(dir: string) {
    this.root = join(dir, "data");
    this.#shadow = join(dir, "shadow");
    mkdirSync(this.#shadow, { recursive: true });
  }

  process(): SimulatedProcess {
    return new SimulatedProcess(this);
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

  /** Whatever was not synced is there or not, whole, cut off, zeroed or empty. @returns how many names and files came back otherwise */
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

/** One process's way to the disk. */
export class SimulatedProcess implements Disk {
  readonly #disk: SimulatedDisk;
  #calls = 0;
  #dead = false;
  #crashAt = Number.POSITIVE_INFINITY;
  #stallAt = Number.POSITIVE_INFINITY;
  #failAt = Number.POSITIVE_INFINITY;
  #stalled: { release: () => void } | null = null;
  #onStall: (() => void) | null = null;

  constructor(disk: SimulatedDisk) {
    this.#disk = disk;
  }

  get isDead(): boolean {
    return this.#dead;
  }

  /** Dies at its k-th call from now, before or after it takes effect. */
  crashIn(calls: number): void {
    this.#crashAt = this.#calls + calls;
  }

  /** The k-th call from now finds the disk full. */
  failIn(calls: number): void {
    this.#failAt = this.#calls + calls;
  }

  kill(): void {
    this.#dead = true;
    this.release();
  }

  /** Stops at its k-th call from now, until it is released. Resolves when it stands there. */
  stallIn(calls: number): Promise<void> {
    this.#stallAt = this.#calls + calls;
    return new Promise((resolve) => {
      this.#onStall = resolve;
    });
  }

  release(): void {
    this.#stallAt = Number.POSITIVE_INFINITY;
    this.#stalled?.release();
    this.#stalled = null;
  }

  write = (path: string, content: string) => this.#call(() => this.#disk.write(path, content));
  link = (path: string, name: string) => this.#call(() => this.#disk.link(path, name));
  rename = (path: string, name: string) => this.#call(() => this.#disk.rename(path, name));
  unlink = (path: string) => this.#call(() => this.#disk.unlink(path));
  remove = (path: string) => this.#call(() => this.#disk.remove(path));
  makeFolder = (path: string) => this.#call(() => this.#disk.makeFolder(path));
  syncFile = (path: string) => this.#call(() => this.#disk.syncFile(path));
  syncFolder = (path: string) => this.#call(() => this.#disk.syncFolder(path));

  async #call<T>(work: () => T): Promise<T> {
    if (this.#dead) throw new Crash("dead");
    const call = this.#calls++;
    this.#disk.calls++;
    if (call >= this.#stallAt) {
      this.#stallAt = Number.POSITIVE_INFINITY;
      await new Promise<void>((release) => {
        this.#stalled = { release };
        this.#onStall?.();
      });
      if (this.#dead) throw new Crash("dead");
    }
    if (call >= this.#failAt) {
      this.#failAt = Number.POSITIVE_INFINITY;
      throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    }
    if (call >= this.#crashAt) {
      this.#dead = true;
      // the last call may still have reached the disk
      if (call % 2 === 0) work();
      throw new Crash("crashed");
    }
    return work();
  }
}
