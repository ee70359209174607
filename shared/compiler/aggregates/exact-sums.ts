/**
 * Sums of doubles without any rounding but the last. Every double is a whole number of units of some power of
 * two: each group keeps a row for each stretch of 32 powers that its values lie in, with the whole number of
 * its units, which adds up exactly, in whatever order and however cut.
 */
import { call, sumTolerance, wholePart } from "./part.ts";
import type { Aggregate, Argument, ValueRows, ValuesPlan } from "./plan.ts";

const asDouble = ({ sql }: Argument) => `CAST(${sql} AS DOUBLE)`;

type Finish = (sum: string, count: string) => string;

/** The sum of rows that each lie in a stretch and have a number of its units. */
function summed(stretch: string, units: string, kept: string): string {
  const even = `sum(CASE WHEN ${stretch} % 2 = 0 THEN ${units} END) ${kept}`;
  const odd = `sum(CASE WHEN ${stretch} % 2 <> 0 THEN ${units} END) ${kept}`;
  const all = `list({b: ${stretch}, s: ${units}}) ${kept}`;
  return `tidemark_sum_of_stretches(min(${stretch}) ${kept}, max(${stretch}) ${kept}, ${even}, ${odd}, ${all})`;
}

/** From rows of stretches and units. */
function overStretches(finish: Finish, { value, more, count, where }: ValueRows): string {
  const kept = `FILTER (WHERE ${where})`;
  return finish(summed(value, more, kept), `sum(${count}) ${kept}`);
}

/** From rows of the values, each once. */
function overValues(finish: Finish, { value, where }: ValueRows): string {
  const kept = `FILTER (WHERE ${where})`;
  return finish(summed(`tidemark_stretch(${value})`, `tidemark_units(${value})`, kept), `count(*) ${kept}`);
}

function exact(names: readonly string[], finish: Finish): Aggregate {
  return {
    names,
    class: "values",
    arity: [1],
    plan: ([argument]): ValuesPlan => {
      const x = asDouble(argument!);
      return {
        value: `tidemark_stretch(${x})`,
        type: "INTEGER",
        storage: "INTEGER",
        more: wholePart(call("sum", `tidemark_units(${x})`)),
        aggregate: (rows) => overStretches(finish, rows),
        // DuckDB's own is off by two units in the last place of the sum of all sizes, whichever way its order goes
        tolerance: sumTolerance,
        size: (value) => `tidemark_stretch_end(${value})`,
      };
    },
    ofEach: (rows) => overValues(finish, rows),
  };
}

export const exactSums: readonly Aggregate[] = [
  exact(["fsum", "sumkahan", "kahan_sum"], (sum) => sum),
  exact(["favg"], (sum, count) => `(${sum} / nullif(${count}, 0))`),
];
