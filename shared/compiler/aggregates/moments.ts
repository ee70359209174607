/**
 * Variance, covariance and regression: number, means and co-moments about the means, merged by Chan's formula.
 * Raw sums of squares would cancel: at values around 10^9 they give 0 for a variance of 2.
 */
import { isDecimal, isFloat, isInteger } from "../types.ts";
import { sumOf, sumParts } from "./doubles.ts";
import {
  type Call,
  call,
  castCountPart,
  countPart,
  momentTolerance,
  type Part,
  type Rounding,
  type Semigroup,
  wholePart,
} from "./part.ts";
import { type Aggregate, type Argument, type PartsPlan, type UnsupportedCall, unsupported } from "./plan.ts";

function isNumber(type: string): boolean {
  return isInteger(type) || isFloat(type) || isDecimal(type) || type === "HUGEINT";
}

const moment = (made: Call, combine: Semigroup["combine"], of?: Rounding["of"]): Part => ({
  calls: [made],
  type: "DOUBLE",
  storage: "DOUBLE",
  merge: { law: "semigroup", combine, rounding: { share: momentTolerance, ...(of ? { of } : {}) } },
});

/** A sum of squares about zero, from the one about the mean: what rounding is a share of. */
const squares = (n: string, mean: string, about: string) => `(${about} + ${n} * ${mean} * ${mean})`;
const rootMean = (n: string, mean: string, about: string) => `sqrt(${squares(n, mean, about)} / nullif(${n}, 0))`;

const nan = "CAST('NaN' AS DOUBLE)";

/**
 * Squares of what is larger overflow, or sums of many of them. DuckDB raises on such values, and on NaN, once
 * there are two of them: one event would stop a view for good. Here the result is NaN for every split.
 */
const most = "1e140::DOUBLE";
const within = (value: string) => `CASE WHEN abs(${value}) < ${most} THEN ${value} END`;

/** How many events have a value beyond that; only doubles can. */
const beyondPart = (condition: string): Part => wholePart(call("count_if", condition));

/**
 * A sum about the mean that is NaN where it leaves out `beyond` events; of a single event it is 0 whatever its
 * value.
 */
const guardedSum = (n: string, beyond: string, sum: string) =>
  `(CASE WHEN coalesce(${beyond}, 0) = 0 THEN ${sum} WHEN ${n} + ${beyond} = 1 THEN 0.0::DOUBLE ELSE ${nan} END)`;

/** The mean of all from the parts' numbers and means. */
const meanOf = (n: string, mean: string) => `sum(${n} * ${mean}) / nullif(sum(${n}), 0)`;

/** The co-moment about the means of all from the parts' own. */
const comoment = (n: string, x: string, y: string, own: string) =>
  `tidemark_comoment(list({n: ${n}, x: ${x}, y: ${y}, s: ${own}}) FILTER (WHERE ${n} > 0))`;

/** Finalize gets n and the sum of squares about the mean. */
function spread(finalize: (n: string, s: string) => string): Aggregate["plan"] {
  return ([x]): PartsPlan | UnsupportedCall => {
    if (!isNumber(x!.type)) return unsupported(`variance takes numbers, not ${x!.type}`, "cast the argument to DOUBLE");
    return spreadOf(`CAST(${x!.sql} AS DOUBLE)`, isFloat(x!.type), finalize);
  };
}

/** Of one side of pairs where both are there: the other's size does not matter. */
function side(own: 0 | 1): Aggregate["plan"] {
  return (args): PartsPlan | UnsupportedCall => {
    const wrong = args.find(({ type }) => !isNumber(type));
    if (wrong) return unsupported(`regression takes numbers, not ${wrong.type}`, "cast the argument to DOUBLE");
    const value = `CASE WHEN (${args[1 - own]!.sql}) IS NOT NULL THEN CAST(${args[own]!.sql} AS DOUBLE) END`;
    return spreadOf(value, isFloat(args[own]!.type), (_, s) => s);
  };
}

function spreadOf(whole: string, float: boolean, finalize: (n: string, s: string) => string): PartsPlan {
  const value = float ? within(whole) : whole;
  const parts: Part[] = [
    countPart(call("count", value)),
    moment(
      call("avg", value),
      ([n, mean]) => meanOf(n!, mean!),
      ([n, mean, s]) => rootMean(n!, mean!, s!),
    ),
    {
      ...moment(
        call("var_pop", value),
        ([n, mean, s]) => comoment(n!, mean!, mean!, s!),
        ([n, mean, s]) => squares(n!, mean!, s!),
      ),
      calls: [call("var_pop", value), call("count", value)],
      of: ([variance, n]) => `(${variance} * ${n})`,
    },
  ];
  if (!float) return { parts, finalize: ([n, , s]) => finalize(n!, s!) };
  return {
    parts: [...parts, beyondPart(`NOT abs(${whole}) < ${most}`)],
    finalize: ([n, , s, beyond]) => finalize(`(${n} + coalesce(${beyond}, 0))`, guardedSum(n!, beyond!, s!)),
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
  return ([y, x]): PartsPlan | UnsupportedCall => {
    const wrong = [y!, x!].find((each: Argument) => !isNumber(each.type));
    if (wrong)
      return unsupported(`covariance and regression take numbers, not ${wrong.type}`, "cast the argument to DOUBLE");
    const [wy, wx] = [y!, x!].map((each) => `CAST(${each.sql} AS DOUBLE)`) as [string, string];
    const float = isFloat(y!.type) || isFloat(x!.type);
    const both = [float ? `CASE WHEN abs(${wy}) < ${most} AND abs(${wx}) < ${most} THEN ${wy} END` : wy, wx];
    const parts = [
      castCountPart(call("regr_count", ...both)),
      moment(
        call("regr_avgx", ...both),
        ([n, mx]) => meanOf(n!, mx!),
        ([n, mx, , xx]) => rootMean(n!, mx!, xx!),
      ),
      moment(
        call("regr_avgy", ...both),
        ([n, , my]) => meanOf(n!, my!),
        ([n, , my, , yy]) => rootMean(n!, my!, yy!),
      ),
      moment(
        call("regr_sxx", ...both),
        ([n, mx, , xx]) => comoment(n!, mx!, mx!, xx!),
        ([n, mx, , xx]) => squares(n!, mx!, xx!),
      ),
      moment(
        call("regr_syy", ...both),
        ([n, , my, , yy]) => comoment(n!, my!, my!, yy!),
        ([n, , my, , yy]) => squares(n!, my!, yy!),
      ),
      moment(
        call("regr_sxy", ...both),
        ([n, mx, my, , , xy]) => comoment(n!, mx!, my!, xy!),
        ([n, mx, my, xx, yy]) => `(sqrt(${squares(n!, mx!, xx!)}) * sqrt(${squares(n!, my!, yy!)}))`,
      ),
    ];
    const pairOf = ([n, x, y, xx, yy, xy]: readonly string[]): Pair => ({
      n: n!,
      x: x!,
      y: y!,
      xx: xx!,
      yy: yy!,
      xy: xy!,
    });
    if (!float) return { parts, finalize: (all) => finalize(pairOf(all)) };
    const beyond = `NOT (abs(${wy}) < ${most} AND abs(${wx}) < ${most})`;
    return {
      parts: [...parts, beyondPart(beyond), beyondPart(`NOT (isfinite(${wy}) AND isfinite(${wx}))`)],
      finalize: (all) => {
        const { n, x, y, xx, yy, xy } = pairOf(all);
        const over = all[6]!;
        const [sx, sy] = [xx, yy].map((sum) => guardedSum(n, over, sum)) as [string, string];
        // the product of a difference that is 0 with what is not finite
        const sxy = `(CASE WHEN coalesce(${all[7]}, 0) > 0 THEN ${nan} ELSE ${guardedSum(n, over, xy)} END)`;
        return finalize({ n: `(${n} + coalesce(${over}, 0))`, x, y, xx: sx, yy: sy, xy: sxy });
      },
    };
  };
}

/** The mean of one side of pairs. */
function mean(name: "regr_avgx" | "regr_avgy"): Aggregate["plan"] {
  return (args): PartsPlan => {
    const [y, x] = args.map(({ sql }) => `CAST(${sql} AS DOUBLE)`) as [string, string];
    const [own, other] = name === "regr_avgx" ? [x, y] : [y, x];
    const parts = [
      ...sumParts(`CASE WHEN ${other} IS NOT NULL THEN ${own} END`),
      castCountPart(call("regr_count", y, x)),
    ];
    return { parts, finalize: (all) => `(${sumOf(all)} / nullif(${all.at(-1)}, 0))` };
  };
}

const sample = (n: string, s: string) => `(CASE WHEN ${n} > 1 THEN ${s} / (${n} - 1) END)`;
const population = (n: string, s: string) => `(${s} / nullif(${n}, 0))`;

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
        `(CASE WHEN ${n} > 0 THEN CASE WHEN ${xx} = 0 OR ${yy} = 0 THEN ${nan} ELSE ${xy} / (sqrt(${xx}) * sqrt(${yy})) END END)`,
    ),
  ),
  {
    names: ["regr_count"],
    class: "group",
    arity: [2],
    plan: ([y, x]) => ({
      parts: [castCountPart(call("regr_count", y!.sql, x!.sql))],
      finalize: ([n]) => `coalesce(${n}, 0)`,
    }),
  },
  entry(["regr_avgx"], 2, mean("regr_avgx")),
  entry(["regr_avgy"], 2, mean("regr_avgy")),
  entry(["regr_sxx"], 2, side(1)),
  entry(["regr_syy"], 2, side(0)),
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
        `(CASE WHEN ${n} > 0 AND ${xx} <> 0 THEN CASE WHEN ${yy} = 0 THEN 1 ELSE (${xy} / ${xx}) * (${xy} / ${yy}) END END)`,
    ),
  ),
];
