/** A few warm children. One client's queries wait for each other, so that it holds one child at most. */
import { messageOf, TidemarkError } from "../../shared/errors.ts";
import { type ChildLimits, QueryChild } from "./child-process.ts";
import type { Ask } from "./protocol.ts";

export interface ChildrenOptions extends ChildLimits {
  readonly size: number;
  readonly say: (line: string) => void;
}

/** Queries of one client that may wait. */
const waitingMax = 8;
/** A child that can't be started is tried again after so long. */
const restartMs = 1000;

interface Waiting {
  readonly client: string;
  readonly go: (child: QueryChild) => void;
}

export class Children {
  readonly #options: ChildrenOptions;
  readonly #free: QueryChild[] = [];
  readonly #all = new Set<QueryChild>();
  readonly #running = new Set<string>();
  #waiting: Waiting[] = [];
  #closed = false;

  constructor(options: ChildrenOptions) {
    this.#options = options;
    for (let i = 0; i < options.size; i++) void this.#start();
  }

  /**
   * @param client who asks
   * @throws SERVE_BUSY where too many of the client's queries wait; what QueryChild.ask throws
   */
  async ask(client: string, ask: Ask, signal: AbortSignal): Promise<Buffer> {
    const child = await this.#take(client, signal);
    try {
      return await child.ask(ask, signal);
    } finally {
      await child.rest();
      this.#running.delete(client);
      if (child.alive) this.#free.push(child);
      this.#next();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#all];
    for (const child of all) child.kill();
    await Promise.all(all.map((child) => child.ended));
  }

  async #take(client: string, signal: AbortSignal): Promise<QueryChild> {
    if (this.#waiting.filter((each) => each.client === client).length >= waitingMax) {
      throw new TidemarkError("SERVE_BUSY", `${waitingMax} of your queries wait already`, "wait for their answers");
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting = this.#waiting.filter((each) => each !== waiting);
        reject(signal.reason as Error);
      };
      const waiting: Waiting = {
        client,
        go: (child) => {
          signal.removeEventListener("abort", leave);
          resolve(child);
        },
      };
      if (signal.aborted) return reject(signal.reason as Error);
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.push(waiting);
      this.#next();
    });
  }

  #next(): void {
    for (let child = this.#free.at(-1); child; child = this.#free.at(-1)) {
      const next = this.#waiting.find(({ client }) => !this.#running.has(client));
      if (!next) return;
      this.#free.pop();
      if (!child.alive) continue;
      this.#waiting = this.#waiting.filter((each) => each !== next);
      this.#running.add(next.client);
      next.go(child);
    }
  }

  async #start(): Promise<void> {
    let child: QueryChild;
    try {
      child = new QueryChild(this.#options);
    } catch (error) {
      // no processes or files left: there may be some later
      this.#options.say(`serve: no process for SQL: ${messageOf(error)}`);
      setTimeout(() => this.#closed || void this.#start(), restartMs);
      return;
    }
    this.#all.add(child);
    const began = performance.now();
    void child.ended.then(() => {
      this.#all.delete(child);
      const at = this.#free.indexOf(child);
      if (at >= 0) this.#free.splice(at, 1);
      if (this.#closed) return;
      // one that ends as soon as it starts would be started for ever
      const soon = performance.now() - began < restartMs;
      if (soon) this.#options.say("serve: a process for SQL ended as soon as it started");
      setTimeout(() => this.#closed || void this.#start(), soon ? restartMs : 0);
    });
    try {
      await child.ready;
      this.#free.push(child);
      this.#next();
    } catch {
      // `ended` has seen to it
    }
  }
}
