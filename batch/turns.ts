/** Serializes runs. A failed run is an incident until a run of the same kind succeeds. */
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

  /** The damaged files that made runs fail. */
  get damaged(): Iterable<TidemarkError> {
    return this.#damaged.values();
  }

  /** Runs `work` after the runs queued before it. */
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

  /** Waits for the current run, at most `patienceMs`; the files of an unfinished run are cleaned up later. */
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
