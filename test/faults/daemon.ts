import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const main = join(fileURLToPath(new URL("../../", import.meta.url)), "dist", "cli", "main.js");
const textMax = 200_000;

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
}

interface ProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** A command that runs it. */
  readonly under?: readonly string[];
  /** Called with its number once it runs. */
  readonly started?: (pid: number) => void;
}

/** One process of the built program; it is gone with this one at the latest. */
class Process {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  out = "";
  err = "";

  constructor(args: readonly string[], { env: more = {}, under = [], started }: ProcessOptions) {
    const { LOG_LEVEL: _level, KAFKA_BROKERS: _brokers, TIDEMARK_DATA: _data, ...env } = process.env;
    const [command, ...rest] = [...under, process.execPath, main, ...args];
    this.child = spawn(command!, rest, {
      env: { ...env, ...more },
      stdio: ["ignore", "pipe", "pipe"],
    });
    started?.(this.child.pid ?? 0);
    const kill = () => void this.child.kill("SIGKILL");
    process.once("exit", kill);
    this.child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      this.out = (this.out + text).slice(-textMax);
    });
    this.child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.err = (this.err + text).slice(-textMax);
    });
    this.ended = once(this.child, "close").then(([code, signal]) => {
      process.removeListener("exit", kill);
      return { code: code as number | null, signal: signal as string | null, out: this.out, err: this.err };
    });
  }
}

/** A verb that ends by itself; killed after `msMax`, which shows as a code of null. */
export async function runVerb(args: readonly string[], msMax: number, options: ProcessOptions = {}): Promise<Ended> {
  const process = new Process(args, options);
  const timer = setTimeout(() => process.child.kill("SIGKILL"), msMax);
  try {
    return await process.ended;
  } finally {
    clearTimeout(timer);
  }
}

interface DaemonOptions extends ProcessOptions {
  /** Started again where it ends by itself. Default true. */
  readonly again?: boolean;
}

/** A role that should never end by itself; where it does that is counted. */
export class Daemon {
  readonly #args: readonly string[];
  readonly #options: DaemonOptions;
  #process: Process;
  #stopping = false;
  /** How it ended by itself, last. */
  ended: Ended | null = null;
  /** How it ended each time without being asked to: the last lines of its standard error. */
  readonly ends: string[] = [];

  constructor(args: readonly string[], options: DaemonOptions = {}) {
    this.#args = args;
    this.#options = options;
    this.#process = this.#start();
  }

  /** Its process now; it may just have ended. */
  get pid(): number {
    return this.#process.child.pid ?? 0;
  }

  /** SIGKILL; it is started again. */
  kill(): void {
    this.#process.child.kill("SIGKILL");
  }

  /** SIGSTOP, and after a while SIGCONT. Nothing where it has just been killed. */
  async halt(ms: number): Promise<void> {
    const { child } = this.#process;
    child.kill("SIGSTOP");
    await sleep(ms);
    child.kill("SIGCONT");
  }

  /** What it wrote to standard error. */
  get err(): string {
    return this.#process.err;
  }

  get lastLines(): string {
    return lastLines(this.#process.err);
  }

  /** Where it listens. @throws Error when it does not say so in time */
  async url(msMax: number): Promise<string> {
    for (const until = performance.now() + msMax; performance.now() < until; await sleep(20)) {
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(this.#process.out + this.#process.err);
      if (found) return found[0];
    }
    throw new Error(`tidemark ${this.#args[0]} did not listen within ${msMax} ms: ${lastLines(this.#process.err)}`);
  }

  /** SIGTERM, then how it ended; SIGKILL after ten seconds. */
  async stop(): Promise<Ended> {
    this.#stopping = true;
    const { child, ended } = this.#process;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
    const how = await ended;
    clearTimeout(timer);
    return how;
  }

  #start(): Process {
    const started = new Process(this.#args, this.#options);
    void started.ended.then(async (ended) => {
      if (this.#stopping) return;
      const { code, err } = ended;
      this.ended = ended;
      if (this.#options.again === false) return;
      this.ends.push(`tidemark ${this.#args[0]} ended with ${code}: ${lastLines(err)}`);
      await sleep(500);
      if (!this.#stopping) this.#process = this.#start();
    });
    return started;
  }
}

export function lastLines(text: string): string {
  return text.trimEnd().split("\n").slice(-3).join(" | ");
}
