/** What a run takes of the machine, and how numbers are summed up. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

const pageBytes = 4096;

/**
 * Memory that is a process's own, bytes: mapped pages of files are the system's to take back. Null where the
 * process is gone.
 */
export function ownMemory(pid: number): number | null {
  try {
    const found = /RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return found === undefined ? null : Number(found) * 1024;
  } catch {
    return null;
  }
}

/**
 * What a process and those it has started keep in memory, mapped pages of files and all, bytes. Null where it
 * is gone, or /proc does not show it.
 */
export function residentOf(pid: number): number | null {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
    return childrenOf(pid).reduce((sum, child) => sum + (residentOf(child) ?? 0), pages * pageBytes);
  } catch {
    return null;
  }
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
}

/** File descriptors of a process; 0: it is gone. */
export function openFilesOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

/** Files of a data folder that are neither the archive's nor the log's. */
export function filesOf(data: string): number {
  let count = 0;
  for (const folder of readdirSync(data)) {
    if (folder === "archive" || folder === "log") continue;
    const path = join(data, folder);
    count += statSync(path).isDirectory() ? readdirSync(path, { recursive: true }).length : 1;
  }
  return count;
}

export function bytesOf(file: string): number {
  return existsSync(file) ? statSync(file).blocks * 512 : 0;
}

/** @param part 0 to 1 */
export function percentile(numbers: readonly number[], part: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
}
