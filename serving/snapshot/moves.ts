import { TidemarkError } from "../../shared/errors.ts";

/** How many requests may wait at a time. */
const waitingMax = 1000;

/** Requests that wait until the served position moves. */
export class Moves {
  readonly #waiting = new Set<() => void>();

  /** Wakes all waiting requests. */
  moved(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** Resolves at the next move, after `timeoutMs`, or when the signal aborts. @throws SERVE_BUSY */
  async next(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const waiting = this.#waiting;
    if (waiting.size >= waitingMax)
      throw new TidemarkError("SERVE_BUSY", `${waitingMax} requests wait for a position already`, "try again later");
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, timeoutMs);
      function done() {
        clearTimeout(timer);
        waiting.delete(done);
        signal?.removeEventListener("abort", done);
        resolve();
      }
      waiting.add(done);
      signal?.addEventListener("abort", done, { once: true });
    });
  }
}
