import { TidemarkError } from "../shared/errors.ts";

/** For what may take long: one at a time, so that quick answers have their share of the machine. */
export class OneAtATime {
  readonly #waitingMax: number;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax;
  }

  /** @throws SERVE_BUSY where too many wait; the signal's reason when its turn comes too late */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= this.#waitingMax) {
      throw new TidemarkError("SERVE_BUSY", `${this.#waiting} questions about history wait already`, "try again later");
    }
    this.#waiting++;
    const turn = this.#last.then(() => {
      signal.throwIfAborted();
      return work();
    });
    this.#last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#waiting--;
    }
  }
}
