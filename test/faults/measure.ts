/** What a run takes of the machine, and how numbers are summed up. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Memory that is a process's own, bytes: mapped pages of files are the system's to take back. Null where the process is gone. */
export function ownMemory(pid: number): number | null {
  try {
    const found = /RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return found === undefined ? null : Number(found) * 1024;
  } catch {
    return null;
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
