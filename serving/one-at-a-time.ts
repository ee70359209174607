import { TidemarkError } from "../shared/errors.ts";

/** For what may take long: one at a time, so that quick answers have their share of the machine. Whoever waits must hold nothing that others need. */
export class OneAtATime {
  readonly #waitingMax: number;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax;
  }

  /** @throws SERVE_BUSY where too many wait; the signal's reason as soon as it aborts before its turn */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= this.#waitingMax) {
      throw new TidemarkError("SERVE_BUSY", `${this.#waiting} questions about history wait already`, "try again later");
    }
    this.#waiting++;
    let leave: () => void = () => undefined;
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(signal.reason as Error);
    });
    const turn = this.#last.then(() => {
      signal.removeEventListener("abort", leave);
      signal.throwIfAborted();
      return work();
    });
    this.#last = turn.catch(() => undefined);
    if (signal.aborted) leave();
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([turn, left]);
    } finally {
      this.#waiting--;
      signal.removeEventListener("abort", leave);
    }
  }
}
