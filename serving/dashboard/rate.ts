/** How fast a count grows, by polls of it. */
export class Rate {
  #seen: { readonly at: number; readonly count: number }[] = [];

  /** @param at of the poll, ms since the epoch */
  note(at: number, count: number): void {
    // a rebuilt version may have a lower count
    if ((this.#seen.at(-1)?.count ?? 0) > count) this.#seen = [];
    this.#seen.push({ at, count });
    this.#seen = this.#seen.filter((each) => at - each.at <= 10_000);
  }

  /** Null: not known yet. */
  get perSecond(): number | null {
    const [first, last] = [this.#seen[0], this.#seen.at(-1)];
    if (!first || !last || last.at - first.at < 900) return null;
    return ((last.count - first.count) * 1000) / (last.at - first.at);
  }
}

/** A rate for each name. */
export class Rates {
  readonly #rates = new Map<string, Rate>();

  note(at: number, counts: ReadonlyMap<string, number>): void {
    for (const [name, count] of counts) {
      const rate = this.#rates.get(name) ?? new Rate();
      this.#rates.set(name, rate);
      rate.note(at, count);
    }
  }

  /** Null: not known yet. */
  perSecond(name: string): number | null {
    return this.#rates.get(name)?.perSecond ?? null;
  }
}
