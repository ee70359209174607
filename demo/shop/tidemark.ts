/** Tidemark as a user has it: the command line in processes of its own, and HTTP. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { watchOver } from "../watch-over.ts";
import { shopProject } from "./tables.ts";

export interface TidemarkOptions {
  /** The data folder, of this run alone. */
  readonly data: string;
  /** Null: the embedded log. */
  readonly brokers: string | null;
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Written by dev once it answers. */
const livePattern = /is live at (\S+)/;
const errorBytes = 4000;

export class Tidemark {
  readonly #options: TidemarkOptions;
  readonly #dev: ChildProcess;
  readonly #ended: Promise<Ended>;
  #isStopped = false;
  /** Where its API is. */
  readonly url: string;

  private constructor(options: TidemarkOptions, dev: ChildProcess, ended: Promise<Ended>, url: string) {
    this.#options = options;
    this.#dev = dev;
    this.#ended = ended;
    this.url = url;
  }

  /** `tidemark dev`, once it answers. */
  static async start(options: TidemarkOptions): Promise<Tidemark> {
    const { child, ended } = spawned(options, ["dev", "--port", "0"], null);
    const watcher = watchOver({ pid: child.pid!, signal: "SIGKILL", folder: options.data });
    child.once("exit", () => watcher.kill("SIGKILL"));
    const url = await Promise.race([
      new Promise<string>((resolve) => {
        let said = "";
        child.stderr!.on("data", (text: string) => {
          if (said.length > errorBytes) return;
          said += text;
          const live = livePattern.exec(said);
          if (live) resolve(live[1]!);
        });
      }),
      ended.then((how) => endedEarly(how, options.signal)),
    ]);
    return new Tidemark(options, child, ended, url);
  }

  /** Rejects when dev ends before it is stopped. */
  async lives(): Promise<never> {
    const how = await this.#ended;
    return this.#isStopped ? new Promise(() => undefined) : endedEarly(how, this.#options.signal);
  }

  /** What a verb writes. @throws where it could not do what it is for */
  async run(verb: string): Promise<{ readonly verb: string; readonly lines: string[]; readonly isGood: boolean }> {
    const { code, out, err } = await spawned(this.#options, verb.split(" "), this.#options.signal).ended;
    this.#options.signal.throwIfAborted();
    if (code !== 0 && code !== 1) throw new Error(`tidemark ${verb} ended with ${code}: ${lastLine(err)}`);
    return { verb, lines: (code === 0 ? out : out + err).trim().split("\n"), isGood: code === 0 };
  }

  /** @param waitFor a position, or a commit of the database: `shop@0/1A2B3C` */
  async get(path: string, waitFor = "", accept = "application/x-ndjson"): Promise<string> {
    return (await this.#answer(path, waitFor, accept)).text();
  }

  /** All rows of a view, a JSON object each, in any order. */
  async rows(view: string, waitFor = ""): Promise<string[]> {
    return linesOf(await this.get(`/v1/views/${view}`, waitFor));
  }

  /** Of an answer that covers what is waited for. */
  async positionAfter(waitFor: string, view: string): Promise<string> {
    const answer = await this.#answer(`/v1/views/${view}?limit=1`, waitFor, "application/json");
    await answer.text();
    return answer.headers.get("tidemark-position") ?? "";
  }

  async #answer(path: string, waitFor: string, accept: string): Promise<Response> {
    const headers = { accept, ...(waitFor === "" ? {} : { "tidemark-wait-for": waitFor }) };
    for (;;) {
      const response = await fetch(`${this.url}${path}`, { headers, signal: this.#options.signal });
      if (response.ok) return response;
      const said = await response.text();
      // it waits for ten seconds at a time
      if (response.status !== 504) throw new Error(`${path} was answered by ${response.status}: ${said}`);
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    // where all is given up, so is its data folder
    this.#dev.kill(this.#options.signal.aborted ? "SIGKILL" : "SIGTERM");
    await this.#ended;
  }
}

function endedEarly({ code, err }: Ended, signal: AbortSignal): never {
  // a terminal interrupts it, too
  signal.throwIfAborted();
  throw new Error(`tidemark dev ended with ${code}: ${lastLine(err)}`);
}

/** @param signal ends it; null: it is ended by its owner */
function spawned({ data, brokers, env }: TidemarkOptions, args: readonly string[], signal: AbortSignal | null) {
  const program = fileURLToPath(new URL("../../cli/main.js", import.meta.url));
  const all = [...args, "--project", shopProject, "--data", data, ...(brokers === null ? [] : ["--brokers", brokers])];
  const child = spawn(process.execPath, [program, ...all], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(signal ? { signal } : {}),
  });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err = (err + text).slice(-errorBytes);
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, out, err }));
  });
  return { child, ended };
}

export function linesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

function lastLine(text: string): string {
  return linesOf(text).at(-1) ?? "it said nothing";
}
