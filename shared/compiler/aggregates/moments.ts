/**
 * Variance, covariance and regression: number, means and co-moments about the means, merged by Chan's formula. Raw sums of squares
 * would cancel: at values around 10^9 they give 0 for a variance of 2.
 */
import { isDecimal, isFloat, isInteger } from "../types.ts";
import {
  type Aggregate,
  type Argument,
  countPart,
  momentTolerance,
  type Part,
  type PartsPlan,
  type Refused,
  refused,
} from "./plan.ts";

function isNumber(type: string): boolean {
  return isInteger(type) || isFloat(type) || isDecimal(type) || type === "HUGEINT";
}

const moment = (call: Part["call"], combine: Part["combine"]): Part => ({
  call,
  type: "DOUBLE",
  storage: "DOUBLE",
  combine,
  tolerance: momentTolerance,
});

/** The mean of all from the parts' numbers and means. */
const meanOf = (n: string, mean: string) => `sum(${n} * ${mean}) / nullif(sum(${n}), 0)`;

/** The co-moment about the means of all from the parts' own. */
const comoment = (n: string, x: string, y: string, own: string) =>
  `tidemark_comoment(list({n: ${n}, x: ${x}, y: ${y}, s: ${own}}) FILTER (WHERE ${n} > 0))`;

/** Finalize gets n, the mean, and the sum of squares about it. */
function spread(finalize: (n: string, s: string) => string): Aggregate["plan"] {
  return ([x]): PartsPlan | Refused => {
    if (!isNumber(x!.type)) return refused(`variance takes numbers, not ${x!.type}`, "cast the argument to DOUBLE");
    const value = `CAST(${x!.sql} AS DOUBLE)`;
    return {
      parts: [
        countPart(`count(${value})`),
        moment(`avg(${value})`, ([n, mean]) => meanOf(n!, mean!)),
        moment(
          (filter) => `(var_pop(${value})${filter} * count(${value})${filter})`,
          ([n, mean, s]) => comoment(n!, mean!, mean!, s!),
        ),
      ],
      finalize: ([n, , s]) => finalize(n!, s!),
    };
  };
}

interface Pair {
  readonly n: string;
  readonly x: string;
  readonly y: string;
  readonly xx: string;
  readonly yy: string;
  readonly xy: string;
}

/** Of pairs where both are there; the dependent variable y comes first, as in SQL. */
function pairs(finalize: (pair: Pair) => string): Aggregate["plan"] {
  return ([y, x]): PartsPlan | Refused => {
    const wrong = [y!, x!].find((each: Argument) => !isNumber(each.type));
    if (wrong)
      return refused(`covariance and regression take numbers, not ${wrong.type}`, "cast the argument to DOUBLE");
    const both = `CAST(${y!.sql} AS DOUBLE), CAST(${x!.sql} AS DOUBLE)`;
    return {
      parts: [
        countPart((filter) => `CAST(regr_count(${both})${filter} AS BIGINT)`),
        moment(`regr_avgx(${both})`, ([n, mx]) => meanOf(n!, mx!)),
        moment(`regr_avgy(${both})`, ([n, , my]) => meanOf(n!, my!)),
        moment(`regr_sxx(${both})`, ([n, mx, , xx]) => comoment(n!, mx!, mx!, xx!)),
        moment(`regr_syy(${both})`, ([n, , my, , yy]) => comoment(n!, my!, my!, yy!)),
        moment(`regr_sxy(${both})`, ([n, mx, my, , , xy]) => comoment(n!, mx!, my!, xy!)),
      ],
      finalize: ([n, x, y, xx, yy, xy]) => finalize({ n: n!, x: x!, y: y!, xx: xx!, yy: yy!, xy: xy! }),
    };
  };
}

const sample = (n: string, s: string) => `(CASE WHEN ${n} > 1 THEN ${s} / (${n} - 1) END)`;
const population = (n: string, s: string) => `(${s} / nullif(${n}, 0))`;
const nan = "CAST('NaN' AS DOUBLE)";

function entry(names: readonly string[], arity: 1 | 2, plan: Aggregate["plan"]): Aggregate {
  return { names, class: "semigroup", arity: [arity], plan };
}

export const moments: readonly Aggregate[] = [
  entry(["var_pop"], 1, spread(population)),
  entry(["var_samp", "variance"], 1, spread(sample)),
  entry(
    ["stddev_pop"],
    1,
    spread((n, s) => `sqrt(${population(n, s)})`),
  ),
  entry(
    ["stddev_samp", "stddev"],
    1,
    spread((n, s) => `sqrt(${sample(n, s)})`),
  ),
  entry(
    ["sem"],
    1,
    spread((n, s) => `(sqrt(${population(n, s)}) / sqrt(${n}))`),
  ),
  entry(
    ["covar_pop"],
    2,
    pairs(({ n, xy }) => population(n, xy)),
  ),
  entry(
    ["covar_samp"],
    2,
    pairs(({ n, xy }) => sample(n, xy)),
  ),
  // as DuckDB has it: NaN where one of them does not vary
  entry(
    ["corr"],
    2,
    pairs(
      ({ n, xx, yy, xy }) =>
        `(CASE WHEN ${n} > 0 THEN CASE WHEN ${xx} = 0 OR ${yy} = 0 THEN ${nan} ELSE ${xy} / sqrt(${xx} * ${yy}) END END)`,
    ),
  ),
  entry(
    ["regr_count"],
    2,
    pairs(({ n }) => `coalesce(${n}, 0)`),
  ),
  entry(
    ["regr_avgx"],
    2,
    pairs(({ x }) => x),
  ),
  entry(
    ["regr_avgy"],
    2,
    pairs(({ y }) => y),
  ),
  entry(
    ["regr_sxx"],
    2,
    pairs(({ xx }) => xx),
  ),
  entry(
    ["regr_syy"],
    2,
    pairs(({ yy }) => yy),
  ),
  entry(
    ["regr_sxy"],
    2,
    pairs(({ xy }) => xy),
  ),
  entry(
    ["regr_slope"],
    2,
    pairs(({ n, xx, xy }) => `(CASE WHEN ${n} > 0 THEN CASE WHEN ${xx} = 0 THEN ${nan} ELSE ${xy} / ${xx} END END)`),
  ),
  entry(
    ["regr_intercept"],
    2,
    pairs(({ n, x, y, xx, xy }) => `(CASE WHEN ${n} > 0 AND ${xx} <> 0 THEN ${y} - ${xy} / ${xx} * ${x} END)`),
  ),
  entry(
    ["regr_r2"],
    2,
    pairs(
      ({ n, xx, yy, xy }) =>
        `(CASE WHEN ${n} > 0 AND ${xx} <> 0 THEN CASE WHEN ${yy} = 0 THEN 1 ELSE ${xy} * ${xy} / (${xx} * ${yy}) END END)`,
    ),
  ),
];
