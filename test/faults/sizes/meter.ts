import { setTimeout as sleep } from "node:timers/promises";
import { openFilesOf, residentOf } from "../measure.ts";

type Role = "speed" | "serve" | "batch";

const everyMs = 100;
/**
 * What a role and its children may take at most, bytes: DuckDB's own limits (1 GB, and 512 MB of a child; of
 * batch 4 GB), and as much again for what is under way.
 */
const bytesMax: Readonly<Record<Role, number>> = { speed: 2 * 2 ** 30, serve: 3 * 2 ** 30, batch: 6 * 2 ** 30 };
const leftMsMax = 30_000;

/** Memory and file descriptors of roles, at their most. */
export class Meter {
  readonly #pids = new Map<Role, () => number>();
  readonly #most = new Map<Role, { bytes: number; files: number }>();
  readonly #timer = setInterval(() => this.#sample(), everyMs);

  /** @param pid of its process now */
  watch(role: Role, pid: () => number): void {
    this.#pids.set(role, pid);
  }

  /** File descriptors of each role now. */
  get openFiles(): ReadonlyMap<Role, number> {
    return new Map([...this.#pids].map(([role, pid]) => [role, openFilesOf(pid())]));
  }

  /**
   * A line for each role that keeps holding this many more files than before; what is still being closed has a
   * while for it.
   */
  async left(before: ReadonlyMap<Role, number>, more: number): Promise<string[]> {
    const grown = () =>
      [...this.openFiles].filter(([role, files]) => role !== "batch" && files > (before.get(role) ?? 0) + more);
    for (const until = performance.now() + leftMsMax; performance.now() < until; await sleep(200)) {
      if (grown().length === 0) return [];
    }
    return grown().map(([role, files]) => `${role} has ${files} files open after ${before.get(role)}`);
  }

  tooMuch(): string[] {
    return [...this.#most].flatMap(([role, { bytes }]) =>
      bytes > bytesMax[role] ? `${role} took ${mb(bytes)} MB` : [],
    );
  }

  seen(): string[] {
    return [...this.#most].map(([role, { bytes, files }]) => `${role} ${mb(bytes)} MB and ${files} files at most`);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    for (const [role, pid] of this.#pids) {
      const { bytes, files } = this.#most.get(role) ?? { bytes: 0, files: 0 };
      this.#most.set(role, {
        bytes: Math.max(bytes, residentOf(pid()) ?? 0),
        files: Math.max(files, openFilesOf(pid())),
      });
    }
  }
}

function mb(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
