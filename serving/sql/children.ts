/** A few warm child processes. One client's queries run one at a time, so that it occupies at most one child. */
import { messageOf } from "../../shared/errors.ts";
import { type Asker, Waiting } from "../../shared/waiting.ts";
import { type ChildLimits, QueryChild } from "./child-process.ts";

export interface ChildrenOptions extends ChildLimits {
  readonly size: number;
  readonly say: (line: string) => void;
}

/** How many queries may wait; how many of one client; and for how long. */
const waitingMax = 64;
const clientMax = 8;
const waitMsMax = 30_000;
/** How long to wait before a child that can't be started is tried again. */
const restartMs = 1000;

export class Children {
  readonly #options: ChildrenOptions;
  readonly #free: QueryChild[] = [];
  readonly #all = new Set<QueryChild>();
  readonly #running = new Set<string>();
  readonly #waiting = new Waiting<QueryChild>({ max: waitingMax, clientMax, msMax: waitMsMax, what: "queries" });
  #closed = false;

  constructor(options: ChildrenOptions) {
    this.#options = options;
    for (let i = 0; i < options.size; i++) void this.#start();
  }

  /**
   * Lends a child to `work`. The caller should hold nothing while it waits.
   * @throws SERVE_BUSY; the reason why the asker is gone; what `work` throws
   */
  async lend<T>(asker: Asker, work: (child: QueryChild) => Promise<T>): Promise<T> {
    const turn = this.#waiting.wait(asker);
    this.#next();
    const child = await turn;
    try {
      return await work(child);
    } finally {
      await child.rest();
      this.#running.delete(asker.client);
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

  #next(): void {
    for (let child = this.#free.at(-1); child; child = this.#free.at(-1)) {
      const next = this.#waiting.next((client) => !this.#running.has(client));
      if (!next) return;
      this.#free.pop();
      if (!child.alive) continue;
      this.#running.add(next.client);
      next.go(child);
    }
  }

  async #start(): Promise<void> {
    let child: QueryChild;
    try {
      child = new QueryChild(this.#options);
    } catch (error) {
      // out of processes or file descriptors: there may be some later
      this.#options.say(`serve: can't start a process for SQL: ${messageOf(error)}`);
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
      // without a pause, a child that ends as soon as it starts would be restarted in a tight loop
      const soon = performance.now() - began < restartMs;
      if (soon) this.#options.say("serve: a process for SQL ended as soon as it started");
      setTimeout(() => this.#closed || void this.#start(), soon ? restartMs : 0);
    });
    try {
      await child.ready;
      this.#free.push(child);
      this.#next();
    } catch {
      // the handler of `ended` restarts it
    }
  }
}
