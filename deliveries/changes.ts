/** A view's changes, as they wait for a target that takes them one after another. */
import type { ChangeEvent, Listener } from "../serving/live/feed.ts";
import type { Position } from "../shared/position.ts";

/** More is derived again, as one change, once the target is ready for it. */
const waitingBytesMax = 16 << 20;

export type NextChange =
  | { readonly kind: "change"; readonly change: ChangeEvent }
  /** No row has changed up to the position. */
  | { readonly kind: "passed"; readonly position: Position }
  | { readonly kind: "nothing" }
  /** What comes next is to be asked for again. */
  | { readonly kind: "ended" };

export class WaitingChanges implements Listener {
  readonly #waiting: ChangeEvent[] = [];
  #bytes = 0;
  /** After all that waits. */
  #passed: Position | null = null;
  #ended = false;
  #wake: (() => void) | null = null;

  send(change: ChangeEvent): boolean {
    if (this.#ended) return false;
    this.#passed = null;
    this.#waiting.push(change);
    this.#bytes += change.bytes.length;
    if (this.#bytes > waitingBytesMax) this.#ended = true;
    this.#wake?.();
    return !this.#ended;
  }

  pass(position: Position): void {
    this.#passed = position;
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** @param msMax how long it waits for a change */
  async next(msMax: number, signal: AbortSignal): Promise<NextChange> {
    if (this.#waiting.length === 0 && !this.#ended && !signal.aborted) await this.#woken(msMax, signal);
    const change = this.#waiting.shift();
    if (change) {
      this.#bytes -= change.bytes.length;
      return { kind: "change", change };
    }
    if (this.#ended) return { kind: "ended" };
    const position = this.#passed;
    this.#passed = null;
    return position ? { kind: "passed", position } : { kind: "nothing" };
  }

  #woken(msMax: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(done, msMax);
      signal.addEventListener("abort", done, { once: true });
      this.#wake = done;
    });
  }
}
