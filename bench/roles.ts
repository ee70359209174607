/** The roles as processes of their own, as a user runs them, and what they weigh. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Node's arguments for Tidemark's command line, from the built files and from the sources alike. */
function commandLine(): string[] {
  const here = dirname(fileURLToPath(import.meta.url));
  if (import.meta.url.endsWith(".js")) return [join(here, "../cli/main.js")];
  const jiti = createRequire(import.meta.url).resolve("jiti/package.json");
  return [join(dirname(jiti), "lib/jiti-cli.mjs"), join(here, "../cli/main.ts")];
}

export class Role {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #waiting = new Set<() => void>();
  /** Resident memory of the process's own by the second, MB: what the system can't take back. */
  readonly weights: number[] = [];
  /** Pages of mapped files, the embedded log's above all, which the system takes back when it needs them. */
  readonly mapped: number[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(name: string, args: readonly string[]) {
    this.name = name;
    this.#child = spawn(process.execPath, [...commandLine(), ...args], { stdio: ["ignore", "ignore", "pipe"] });
    createInterface({ input: this.#child.stderr! }).on("line", (line) => {
      this.#lines.push(line);
      for (const wake of this.#waiting) wake();
    });
    this.#child.once("exit", () => {
      for (const wake of this.#waiting) wake();
    });
    this.#timer = setInterval(() => this.#weigh(), 1000);
    process.once("exit", () => this.#child.kill("SIGKILL"));
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The first match in what it says. @throws when it ends before */
  async said(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      for (const line of this.#lines) {
        const match = pattern.exec(line);
        if (match) return match;
      }
      if (!this.running) throw new Error(`${this.name} ended: ${this.#lines.slice(-3).join(" | ")}`);
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    if (!this.running) return;
    const ended = new Promise<void>((resolve) => this.#child.once("exit", () => resolve()));
    this.#child.kill("SIGTERM");
    await ended;
  }

  #weigh(): void {
    try {
      const status = readFileSync(`/proc/${this.#child.pid}/status`, "utf8");
      const megabytes = (name: string) => Number(new RegExp(`${name}:\\s*(\\d+)`).exec(status)![1]) / 1024;
      this.weights.push(megabytes("RssAnon"));
      this.mapped.push(megabytes("RssFile"));
    } catch {
      // gone, or a system without /proc
    }
  }
}

/** Least squares over the second half, when everything has warmed up: MB a minute. */
export function slopeOf(weights: readonly number[]): number {
  const half = weights.slice(weights.length >> 1);
  const middle = (half.length - 1) / 2;
  const mean = half.reduce((sum, each) => sum + each, 0) / half.length;
  let over = 0;
  let under = 0;
  half.forEach((each, i) => {
    over += (i - middle) * (each - mean);
    under += (i - middle) ** 2;
  });
  return under === 0 ? 0 : (over / under) * 60;
}
