/**
 * Folders that belong to a process, for what it needs no longer than it lives: no other process reads them, they
 * are removed when it ends, and where it was killed any other may remove them. Age is no sign of death: a process
 * that sleeps or waits for days is alive. On the owner's own machine its death is known for certain; elsewhere (a
 * shared folder, another container) an owner without a heartbeat for a day counts as dead.
 */
import { readFileSync, readlinkSync, rmSync, statSync, utimes } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

export interface Owner {
  /** Where `pid` means something: this boot of this machine, and this container. */
  readonly where: string;
  readonly pid: number;
  /** When it started, in the machine's own count: numbers of processes are used again. Null where that is not known. */
  readonly started: string | null;
}

const ownerFile = "OWNER";
const beatMs = 60_000;
const silentMs = 24 * 60 * 60 * 1000;

const where = placeOf();
const mine = new Set<string>();
let beating: NodeJS.Timeout | null = null;

/** Makes a folder that is this process's own: 0700, removed when the process ends. Its parent has to be there. */
export async function makeOwned(folder: string): Promise<void> {
  await mkdir(folder, { mode: 0o700 });
  await writeFile(join(folder, ownerFile), JSON.stringify(thisProcess()), { mode: 0o600 });
  mine.add(folder);
  if (beating) return;
  process.once("exit", removeMine);
  beating = setInterval(beat, beatMs);
  beating.unref();
}

export function thisProcess(): Owner {
  return { where, pid: process.pid, started: startOf(process.pid) };
}

/** Null where that can't be known from here: it is a process of another machine or container, or of another boot. */
export function isAlive(owner: Owner): boolean | null {
  return owner.where === where ? lives(owner) : null;
}

/** True where the folder's owner is dead. A folder without an owner (yet) is abandoned after a day. */
export async function isAbandoned(path: string): Promise<boolean> {
  const file = join(path, ownerFile);
  const owner = await readFile(file, "utf8").then(parse, () => null);
  if (owner?.where === where) return !lives(owner);
  const found = await stat(owner ? file : path).catch(() => null);
  // gone meanwhile: by its owner, or another's sweep
  return found !== null && Date.now() - found.mtimeMs > silentMs;
}

/** Removes from a folder what its owners have left. */
export async function sweep(parent: string, pattern = /./): Promise<string[]> {
  const removed: string[] = [];
  for (const name of await readdir(parent).catch(() => [])) {
    const path = join(parent, name);
    if (!pattern.test(name) || mine.has(path) || !(await isAbandoned(path))) continue;
    await rm(path, { recursive: true, force: true });
    removed.push(name);
  }
  return removed;
}

function removeMine(): void {
  for (const folder of mine) {
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // the next sweep does
    }
  }
}

function beat(): void {
  const now = new Date();
  for (const folder of mine) {
    utimes(join(folder, ownerFile), now, now, (error) => {
      if (error?.code === "ENOENT") mine.delete(folder);
    });
  }
}

function lives({ pid, started }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return started === null || startOf(pid) === started;
}

/** Null where the system does not say; "" for a zombie: the process is dead, and its parent has not reaped it. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // the name in brackets may hold anything
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return /[ZX]/.test(fields[0]!) ? "" : fields[19]!;
  } catch {
    return statSync("/proc/self", { throwIfNoEntry: false }) ? "" : null;
  }
}

function placeOf(): string {
  try {
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
}

function parse(text: string): Owner | null {
  try {
    return JSON.parse(text) as Owner;
  } catch {
    return null;
  }
}
