/**
 * Random choices that remember which features they chose, and lean towards features that have not met those
 * chosen before.
 */
import type { Pairs } from "./pairs.ts";

export interface Option {
  readonly feature?: string;
}

export class Draw {
  readonly #random: () => number;
  readonly #pairs: Pairs | null;
  readonly #wanted: ReadonlySet<string>;
  readonly features = new Set<string>();
  /** Uses of an aggregate over an argument of a type or expression, e.g. "sum(BIGINT)". */
  readonly applied = new Set<string>();

  /** @param pairs what has met so far; null: no leaning */
  constructor(random: () => number, pairs: Pairs | null) {
    this.#random = random;
    this.#pairs = pairs;
    const pair = pairs && this.chance(0.7) ? pairs.wanted(random()) : null;
    this.#wanted = new Set(pair ?? []);
  }

  int(below: number): number {
    return Math.floor(this.#random() * below);
  }

  chance(p: number): boolean {
    return this.#random() < p;
  }

  /** One of some values that make no feature. */
  of<T>(...list: readonly T[]): T {
    return list[this.int(list.length)]!;
  }

  note(feature: string): void {
    this.features.add(feature);
  }

  /** One of the options, whose feature is noted. */
  pick<T extends Option>(options: readonly T[]): T {
    const chosen = this.#choose(options);
    if (chosen.feature !== undefined) this.note(chosen.feature);
    return chosen;
  }

  #choose<T extends Option>(options: readonly T[]): T {
    const wanted = options.filter(({ feature }) => feature !== undefined && this.#isWanted(feature));
    if (wanted.length > 0 && this.chance(0.8)) return this.of(...wanted);
    if (!this.#pairs || this.chance(0.5)) return this.of(...options);
    const scores = options.map(({ feature }) => (feature ? this.#pairs!.unmetWith(feature, this.features) : 0));
    const sums = scores.map((_, upto) => scores.slice(0, upto + 1).reduce((sum, each) => sum + each, 0));
    const place = this.#random() * sums.at(-1)!;
    const at = sums.findIndex((sum) => sum > place);
    return at < 0 ? this.of(...options) : options[at]!;
  }

  #isWanted(feature: string): boolean {
    return this.#wanted.has(feature) && !this.features.has(feature);
  }

  /** Whether a view has this feature; it is noted if so. */
  maybe(feature: string, p: number): boolean {
    const has = this.chance(this.#isWanted(feature) ? 0.9 : p);
    if (has) this.note(feature);
    return has;
  }
}
