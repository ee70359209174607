import { type ChildProcess, spawn } from "node:child_process";

/** What must not outlive us. */
export interface Charge {
  readonly pid: number;
  /** What ends it at once. */
  readonly signal: "SIGKILL" | "SIGQUIT";
  /** Removed after it has ended; null: none is. */
  readonly folder: string | null;
}

/**
 * A process that ends `charge` when this one ends for any reason, which closes its end of the pipe. It is killed
 * where it is of no more use.
 */
export function watchOver(charge: Charge): ChildProcess {
  const watcher = spawn(process.execPath, ["-e", script, JSON.stringify(charge)], {
    stdio: ["pipe", "ignore", "ignore"],
    // not of our group, which a terminal interrupts as a whole
    detached: true,
  });
  watcher.unref();
  return watcher;
}

const script = `
  const { pid, signal, folder } = JSON.parse(process.argv[1]);
  const sends = (signal) => {
    try {
      return process.kill(pid, signal);
    } catch {
      return false;
    }
  };
  const remove = () => {
    if (sends(0)) return setTimeout(remove, 50);
    if (folder !== null) require("node:fs").rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  process.stdin.resume().on("end", () => {
    sends(signal);
    remove();
  });`;
