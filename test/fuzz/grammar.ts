/** The grammar's features, which of them can meet in one view, and view after view of a seed. */
import { aggregateFeatures, orderFeatures } from "./aggregates.ts";
import { aroundFeatures } from "./around.ts";
import { Draw } from "./draw.ts";
import { Pairs } from "./pairs.ts";
import { scalarFeatures } from "./scalars.ts";
import { numbersOf } from "./seeds.ts";
import { typeFeatures } from "./stream.ts";
import {
  drawView,
  extraFeatures,
  groupingFeatures,
  havingFeatures,
  inputFeatures,
  keyFeatures,
  setFeatures,
  severalFeatures,
  type View,
  viewFeatures,
  write,
} from "./view.ts";

const features = [...typeFeatures, ...scalarFeatures, ...aggregateFeatures, ...aroundFeatures, ...viewFeatures];

const noSets = groupingFeatures.filter((each) => !setFeatures.includes(each));

/** Pairs of the grammar, none of which has met. */
export function newPairs(): Pairs {
  return new Pairs(features, {
    alternatives: [inputFeatures, groupingFeatures, havingFeatures, extraFeatures.map(([extra]) => extra)],
    never: {
      "no GROUP BY": keyFeatures,
      "GROUP BY ALL": ["hidden key", "key by expression", "key by alias", "key by position"],
      "key by position": setFeatures,
      "constant key": setFeatures,
      ...Object.fromEntries(severalFeatures.map((each) => [each, orderFeatures] as const)),
      "grouping()": [...noSets, "key by position", "constant key"],
      ...Object.fromEntries(
        extraFeatures.map(([extra, own]) => {
          const others = inputFeatures.filter((each) => each !== own);
          return [extra, severalFeatures.includes(own) ? [...others, ...orderFeatures] : others] as const;
        }),
      ),
    },
  });
}

export interface Drawn {
  readonly number: number;
  readonly view: View;
  readonly features: ReadonlySet<string>;
  readonly applied: ReadonlySet<string>;
}

/** Views 0, 1, 2 … of a seed. Each leans towards pairs that those before it did not have, so they come in order. */
export function* viewsOf(seed: number): Generator<Drawn, never> {
  const pairs = newPairs();
  for (let number = 0; ; number++) {
    const draw = new Draw(numbersOf(seed, "view", number), pairs);
    const view = drawView(draw);
    pairs.add(draw.features);
    yield { number, view, features: draw.features, applied: draw.applied };
  }
}

/**
 * Whether a view's rows and partials are exact. The batch compares partials of doubles by a share of their
 * values, and where those cancel out the rounding may be more than that: views of such are left to the quick
 * runs, which know what was added up.
 */
export function isExact(view: View, applied: ReadonlySet<string>): boolean {
  const rounds = [...applied].some((use) => /\(real\)$|^regr_count|^approx_/.test(use));
  return !rounds && write(view).rounded.length === 0;
}

/** The text of one view, without regard to others, whose every value is exact. */
export function exactView(random: () => number): string {
  for (;;) {
    const draw = new Draw(random, null);
    const view = drawView(draw);
    if (isExact(view, draw.applied)) return write(view).sql;
  }
}
