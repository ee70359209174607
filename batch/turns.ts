/** Runs take turns: never two at once. What one fails by is an incident until a run of its kind goes well again. */
import { isCode, messageOf, TidemarkError } from "../shared/errors.ts";
import type { Batch } from "./batch.ts";

export class Turns {
  readonly #batch: Pick<Batch, "say" | "incidents">;
  readonly #signal: AbortSignal;
  #running: Promise<void> | null = null;
  readonly #damaged = new Map<string, TidemarkError>();

  constructor(batch: Pick<Batch, "say" | "incidents">, signal: AbortSignal) {
    this.#batch = batch;
    this.#signal = signal;
  }

  get areTaken(): boolean {
    return this.#running !== null;
  }

  /** Damaged files that runs have failed by. */
  get damaged(): Iterable<TidemarkError> {
    return this.#damaged.values();
  }

  /** Runs after those that were asked for before. */
  take(what: string, work: () => Promise<void>): Promise<void> {
    const { incidents } = this.#batch;
    const turn = (this.#running ?? Promise.resolve())
      .then(() => (this.#signal.aborted ? undefined : work()))
      .then(async () => {
        this.#damaged.delete(what);
        await incidents.clear("role-failed", what);
      })
      .catch((error: unknown) => this.#report(what, error))
      .finally(() => {
        if (this.#running === turn) this.#running = null;
      });
    this.#running = turn;
    return turn;
  }

  /** Waits for the run that is under way, so long at most: what it leaves behind is cleaned later. */
  async end(patienceMs: number): Promise<void> {
    await Promise.race([this.#running, new Promise((resolve) => setTimeout(resolve, patienceMs).unref())]);
  }

  async #report(what: string, error: unknown): Promise<void> {
    if (this.#signal.aborted) return;
    const { say, incidents } = this.#batch;
    say(`${what} FAILED: ${error instanceof TidemarkError ? error.line : messageOf(error)}`);
    if (isCode(error, "STORE_CORRUPT", "STORE_MISSING") && error.facts.file) this.#damaged.set(what, error);
    await incidents.raiseError("role-failed", what, error);
  }
}
