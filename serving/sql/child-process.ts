/** A child process from its parent's side: runs one query at a time, and is killed when it exceeds a limit. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import type { Readable, Writable } from "node:stream";
import { TidemarkError } from "../../shared/errors.ts";
import { fileBeside } from "../background-process.ts";
import { type Ask, answerPipe, type ChildReply, errorFrom } from "./protocol.ts";

export interface ChildLimits {
  /** Of a query, from the moment that the child receives it. */
  readonly secondsMax: number;
  /** Resident memory of the whole process, bytes. */
  readonly residentMax: number;
}

/** How often a running child's memory is polled. */
const pollMs = 20;
const page = 4096;
const script = fileBeside(import.meta.url, "child");

export class QueryChild {
  readonly #process: ChildProcess;
  readonly #limits: ChildLimits;
  readonly #reader: ReplyReader;
  /** Resolves when the child accepts queries; rejects when it has ended before. */
  readonly ready: Promise<unknown>;
  /** Resolves when the process has exited. */
  readonly ended: Promise<void>;
  #alive = true;

  constructor(limits: ChildLimits) {
    this.#limits = limits;
    // the kernel refuses memory beyond the limit at once; polling every few ms alone would be too late
    const kilobytes = String(Math.floor(limits.residentMax / 1024));
    const command = [process.execPath, "--max-old-space-size=256", ...script.loader, script.path];
    this.#process = spawn("/bin/sh", ["-c", 'ulimit -d "$0"; ulimit -c 0; exec "$@"', kilobytes, ...command], {
      stdio: ["pipe", "ignore", "ignore", "pipe"],
      // nothing of the parent's environment: no keys, no tokens
      env: {},
    });
    if (!this.#process.stdin || !this.#process.stdio[answerPipe]) {
      this.#process.once("error", () => undefined);
      throw new Error("the process could not be started");
    }
    this.ended = new Promise((resolve) => {
      const over = () => {
        this.#alive = false;
        resolve();
      };
      this.#process.once("exit", over);
      this.#process.once("error", over);
    });
    this.#stdin.on("error", () => undefined);
    this.#reader = new ReplyReader(this.#process.stdio[answerPipe] as Readable, this.ended);
    this.ready = this.#reader.next();
    this.ready.catch(() => undefined);
  }

  get alive(): boolean {
    return this.#alive;
  }

  get #stdin(): Writable {
    return this.#process.stdin!;
  }

  /**
   * The answer's bytes. A child whose query exceeds a limit is killed.
   * @throws QUERY_LIMIT, and the child's own errors; the signal's reason when it aborts
   */
  async ask(ask: Ask, signal: AbortSignal): Promise<Buffer> {
    const { secondsMax, residentMax } = this.#limits;
    let cut: TidemarkError | null = null;
    const stop = (what: string) => {
      cut ??= new TidemarkError("QUERY_LIMIT", what, "ask for less");
      this.kill();
    };
    const memory = `the query needs more than the ${residentMax >> 20} MB of memory that its process may use`;
    const timer = setTimeout(() => stop(`the query takes longer than ${secondsMax} s`), secondsMax * 1000);
    const poll = setInterval(() => {
      void this.#resident().then((bytes) => bytes > residentMax && stop(memory));
    }, pollMs);
    const leave = () => this.kill();
    signal.addEventListener("abort", leave, { once: true });
    try {
      signal.throwIfAborted();
      this.#stdin.write(`${JSON.stringify(ask)}\n`);
      const { head, body } = await this.#reader.next();
      if ("code" in head) throw errorFrom(head);
      return body;
    } catch (error) {
      signal.throwIfAborted();
      if (cut) throw cut;
      // a child that the kernel refuses memory exits by itself
      if (error instanceof Ended) throw new TidemarkError("QUERY_LIMIT", memory, "ask for less");
      throw error;
    } finally {
      clearTimeout(timer);
      clearInterval(poll);
      signal.removeEventListener("abort", leave);
    }
  }

  kill(): void {
    this.#alive = false;
    this.#process.kill("SIGKILL");
  }

  /** Ends the child where it holds so much memory that the next query would pay for the last one. */
  async rest(): Promise<void> {
    if (this.#alive && (await this.#resident()) > this.#limits.residentMax / 2) this.kill();
  }

  /** Resident bytes; 0 where the system does not say. */
  async #resident(): Promise<number> {
    const text = await readFile(`/proc/${this.#process.pid}/statm`, "utf8").catch(() => "");
    return Number(text.split(" ")[1] ?? 0) * page;
  }
}

class Ended extends Error {}

interface ChildAnswer {
  readonly head: ChildReply;
  readonly body: Buffer;
}

/** Reads a child's answers from its pipe, one after the other. */
class ReplyReader {
  #pieces: Buffer[] = [];
  #bytes = 0;
  #head: ChildReply | null = null;
  #waiting: { readonly resolve: (answered: ChildAnswer) => void; readonly reject: (error: Error) => void } | null =
    null;
  #over = false;

  constructor(pipe: Readable, ended: Promise<void>) {
    pipe.on("error", () => undefined);
    pipe.on("data", (chunk: Buffer) => {
      this.#pieces.push(chunk);
      this.#bytes += chunk.length;
      this.#parse();
    });
    void ended.then(() => {
      this.#over = true;
      this.#waiting?.reject(new Ended("the process has ended"));
    });
  }

  next(): Promise<ChildAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#over) return reject(new Ended("the process has ended"));
      this.#waiting = { resolve, reject };
      this.#parse();
    });
  }

  #parse(): void {
    if (!this.#head) {
      const whole = Buffer.concat(this.#pieces);
      const end = whole.indexOf(10);
      if (end < 0) return;
      this.#head = JSON.parse(whole.subarray(0, end).toString()) as ChildReply;
      this.#pieces = [whole.subarray(end + 1)];
      this.#bytes = whole.length - end - 1;
    }
    const bytes = "bytes" in this.#head ? this.#head.bytes : 0;
    if (this.#bytes < bytes) return;
    const answered = { head: this.#head, body: Buffer.concat(this.#pieces) };
    this.#head = null;
    this.#pieces = [];
    this.#bytes = 0;
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve(answered);
  }
}
