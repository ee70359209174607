import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { TestContext } from "vitest";

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when standard error holds this text. */
  said(text: string): Promise<void>;
}

const root = new URL("../../", import.meta.url);

/** Runs a TypeScript file of ours in a process of its own, from the sources. It ends with the test at the latest. */
export function start(
  context: Pick<TestContext, "onTestFinished">,
  file: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Started {
  const jiti = fileURLToPath(new URL("node_modules/jiti/lib/jiti-cli.mjs", root));
  const { LOG_LEVEL: _level, ...ours } = process.env;
  const child = spawn(process.execPath, [jiti, fileURLToPath(new URL(file, root)), ...args], {
    env: { ...ours, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  context.onTestFinished(() => {
    child.kill("SIGKILL");
  });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  const ended = new Promise<Ended>((done, fail) => {
    child.on("error", fail);
    child.on("close", (code) => done({ code, out, err }));
  });
  const said = (text: string) =>
    new Promise<void>((done, fail) => {
      const check = () => {
        if (err.includes(text)) done();
      };
      child.stderr.on("data", check);
      child.on("close", () => fail(new Error(`ended without saying ${text}: ${err}`)));
      check();
    });
  return { child, ended, said };
}
