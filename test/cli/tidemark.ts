/** The built program as a user runs it, in processes of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

export interface Done {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  readonly ms: number;
}

export interface Running {
  readonly child: ChildProcess;
  readonly done: Promise<Done>;
  /** Resolves with the first match in what it has written, or fails when it ends without. */
  wrote(pattern: RegExp): Promise<RegExpExecArray>;
  /** SIGTERM, then how it ended. */
  stop(): Promise<Done>;
}

const root = fileURLToPath(new URL("../../", import.meta.url));

/** A folder that is gone when the test is over. */
export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), "tidemark-cli-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }));
  return dir;
}

/** Starts a built file; it ends with the test at the latest. */
export function startBuilt(
  file: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; input?: string } = {},
): Running {
  const { LOG_LEVEL: _level, KAFKA_BROKERS: _brokers, TIDEMARK_DATA: _data, ...ours } = process.env;
  const began = performance.now();
  const child = spawn(process.execPath, [join(root, "dist", file), ...args], {
    cwd: options.cwd ?? root,
    env: { ...ours, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  child.stdin.end(options.input ?? "");
  let out = "";
  let err = "";
  const checks = new Set<() => void>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
    for (const check of [...checks]) check();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
    for (const check of [...checks]) check();
  });
  const done = new Promise<Done>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (/^\(node:\d+\) (?!ExperimentalWarning|DeprecationWarning|\[)\w*Warning/m.test(err))
        reject(new Error(`it was warned: ${err}`));
      resolve({ code, out, err, ms: performance.now() - began });
    });
  });
  return {
    child,
    done,
    wrote: (pattern) =>
      new Promise((resolve, reject) => {
        const check = () => {
          const match = pattern.exec(out) ?? pattern.exec(err);
          if (!match) return;
          checks.delete(check);
          resolve(match);
        };
        checks.add(check);
        void done.then(() => reject(new Error(`ended without ${pattern}:\n${out}\n${err}`)));
        check();
      }),
    stop: () => {
      child.kill("SIGTERM");
      return done;
    },
  };
}

export function start(...args: readonly string[]): Running {
  return startBuilt("cli/main.js", args);
}

export function tidemark(...args: readonly string[]): Promise<Done> {
  return start(...args).done;
}

/** A process that is expected to end well; its standard output. */
export async function outputOf(...args: readonly string[]): Promise<string> {
  const { code, out, err } = await tidemark(...args);
  if (code !== 0) throw new Error(`tidemark ${args.join(" ")} ended with ${code}:\n${out}\n${err}`);
  return out;
}
