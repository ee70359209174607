/** Which features of the grammar have met in one view: of every two that can, how many did. */

export interface Exclusions {
  /** Of each list, a view has at most one. */
  readonly alternatives: readonly (readonly string[])[];
  /** Each feature with those that it can't be together with. */
  readonly never: Readonly<Record<string, readonly string[]>>;
}

export class Pairs {
  readonly features: readonly string[];
  readonly #index: ReadonlyMap<string, number>;
  /** 0: can't meet; 1: did not meet yet; 2: met. */
  readonly #state: Uint8Array;
  readonly possible: number;
  #met = 0;

  constructor(features: readonly string[], { alternatives, never }: Exclusions) {
    this.features = [...new Set(features)];
    this.#index = new Map(this.features.map((name, at) => [name, at]));
    const size = this.features.length;
    this.#state = new Uint8Array(size * size).fill(1);
    const exclude = (a: string, b: string) => {
      const [x, y] = [this.#at(a), this.#at(b)];
      this.#state[x * size + y] = this.#state[y * size + x] = 0;
    };
    for (const name of this.features) exclude(name, name);
    for (const list of alternatives) for (const a of list) for (const b of list) exclude(a, b);
    for (const [a, others] of Object.entries(never)) for (const b of others) exclude(a, b);
    this.possible = this.#state.reduce((sum, each) => sum + each, 0) / 2;
  }

  #at(feature: string): number {
    const found = this.#index.get(feature);
    if (found === undefined) throw new RangeError(`the grammar has no feature "${feature}"`);
    return found;
  }

  get met(): number {
    return this.#met;
  }

  /** Notes a view. */
  add(features: Iterable<string>): void {
    const size = this.features.length;
    const all = [...features].map((each) => this.#at(each));
    for (const a of all)
      for (const b of all) {
        if (a === b || this.#state[a * size + b] === 2) continue;
        // what was thought impossible stays out of the count, on both sides
        if (this.#state[a * size + b] === 1 && a < b) this.#met++;
        if (this.#state[a * size + b] === 1) this.#state[a * size + b] = 2;
      }
  }

  /** How many of `others` a feature has still to meet. */
  unmetWith(feature: string, others: Iterable<string>): number {
    const row = this.#at(feature) * this.features.length;
    let count = 0;
    for (const other of others) if (this.#state[row + this.#at(other)] === 1) count++;
    return count;
  }

  /** A pair that has not met, if there is one: the first from a random place on. */
  wanted(random: number): readonly [string, string] | null {
    const size = this.features.length;
    const start = Math.floor(random * size * size);
    const found = this.#state.indexOf(1, start);
    const at = found >= 0 ? found : this.#state.indexOf(1);
    return at < 0 ? null : [this.features[Math.floor(at / size)]!, this.features[at % size]!];
  }

  unmet(): string[] {
    const size = this.features.length;
    const list: string[] = [];
    for (let a = 0; a < size; a++)
      for (let b = a + 1; b < size; b++)
        if (this.#state[a * size + b] === 1) list.push(`${this.features[a]} × ${this.features[b]}`);
    return list;
  }
}
