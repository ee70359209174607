/** Bytes of memory that several share. Where they get too many, whoever holds the most gives up all that it holds. */
export interface BudgetUser {
  /** What it holds is not counted any more. */
  giveUp(): void;
}

export class MemoryBudget {
  readonly #bytesMax: number;
  readonly #held = new Map<BudgetUser, number>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** All in all. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The holder holds so many more; or fewer. */
  count(holder: BudgetUser, by: number): void {
    this.#held.set(holder, (this.#held.get(holder) ?? 0) + by);
    this.#bytes += by;
    while (this.#bytes > this.#bytesMax) {
      const [largest] = [...this.#held].reduce((most, each) => (each[1] > most[1] ? each : most));
      this.release(largest);
      largest.giveUp();
    }
  }

  /** The holder holds nothing any more. */
  release(holder: BudgetUser): void {
    this.#bytes -= this.#held.get(holder) ?? 0;
    this.#held.delete(holder);
  }
}
