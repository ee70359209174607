import { type Asker, Waiting } from "../../shared/waiting.ts";

/** How long a request waits for its turn. */
const msMax = 60_000;

/**
 * Runs slow work one at a time, so that quick answers have their share of the machine. A caller that
 * waits must not hold anything that others need.
 */
export class HistoryTurns {
  readonly #waiting: Waiting<void>;
  #runs = false;

  constructor(waitingMax: number) {
    this.#waiting = new Waiting({ max: waitingMax, msMax, what: "questions about history" });
  }

  /** @throws SERVE_BUSY where too many wait; the reason why the asker is gone, if it leaves before its turn */
  async run<T>(asker: Asker, work: () => Promise<T>): Promise<T> {
    if (this.#runs) await this.#waiting.wait(asker);
    else asker.gone.throwIfAborted();
    this.#runs = true;
    try {
      return await work();
    } finally {
      const next = this.#waiting.next();
      if (next) next.go();
      else this.#runs = false;
    }
  }
}
