/**
 * A simulated process: it crashes at its k-th call to the disk or bucket, stalls there until it is released, or
 * finds it full.
 */

/** The process is dead: every call of it ends so from here on. */
export class Crash extends Error {}

/** One process's way to whatever keeps its files. */
export class SimulatedProcess {
  #calls = 0;
  #dead = false;
  #crashAt = Number.POSITIVE_INFINITY;
  #stallAt = Number.POSITIVE_INFINITY;
  #failAt = Number.POSITIVE_INFINITY;
  #stalled: { release: () => void } | null = null;
  #onStall: (() => void) | null = null;

  get isDead(): boolean {
    return this.#dead;
  }

  /** Dies at its k-th call from now, before or after it takes effect. */
  crashIn(calls: number): void {
    this.#crashAt = this.#calls + calls;
  }

  /** The k-th call from now finds the disk full. */
  failIn(calls: number): void {
    this.#failAt = this.#calls + calls;
  }

  kill(): void {
    this.#dead = true;
    this.release();
  }

  /** Stops at its k-th call from now, until it is released. Resolves when it has stopped there. */
  stallIn(calls: number): Promise<void> {
    this.#stallAt = this.#calls + calls;
    return new Promise((resolve) => {
      this.#onStall = resolve;
    });
  }

  release(): void {
    this.#stallAt = Number.POSITIVE_INFINITY;
    this.#stalled?.release();
    this.#stalled = null;
  }

  /** One call, and what becomes of it. */
  async call<T>(work: () => T | Promise<T>): Promise<T> {
    if (this.#dead) throw new Crash("dead");
    const call = this.#calls++;
    if (call >= this.#stallAt) {
      this.#stallAt = Number.POSITIVE_INFINITY;
      await new Promise<void>((release) => {
        this.#stalled = { release };
        this.#onStall?.();
      });
      if (this.#dead) throw new Crash("dead");
    }
    if (call >= this.#failAt) {
      this.#failAt = Number.POSITIVE_INFINITY;
      throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    }
    if (call >= this.#crashAt) {
      this.#dead = true;
      // the last call may still have reached the disk
      if (call % 2 === 0) await work();
      throw new Crash("crashed");
    }
    return work();
  }
}
