/** A shared budget of memory. When it is exceeded, the user that holds the most is evicted. */
export interface BudgetUser {
  /** Drops everything that it holds, which is not counted any more. */
  evict(): void;
}

export class MemoryBudget {
  readonly #bytesMax: number;
  readonly #held = new Map<BudgetUser, number>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** In total. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The user holds `by` more bytes, or fewer. */
  count(user: BudgetUser, by: number): void {
    this.#held.set(user, (this.#held.get(user) ?? 0) + by);
    this.#bytes += by;
    while (this.#bytes > this.#bytesMax) {
      const [largest] = [...this.#held].reduce((most, each) => (each[1] > most[1] ? each : most));
      this.release(largest);
      largest.evict();
    }
  }

  /** The user holds nothing any more. */
  release(user: BudgetUser): void {
    this.#bytes -= this.#held.get(user) ?? 0;
    this.#held.delete(user);
  }
}
