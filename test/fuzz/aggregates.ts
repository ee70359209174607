/** The aggregates of random views, as a table. A new aggregate is one line. */
import type { Draw } from "./draw.ts";
import type { Scalars } from "./scalars.ts";
import type { Kind } from "./stream.ts";
import { type Parts, type Term, term } from "./term.ts";

/** The kind of an aggregate's value; "real": a double that depends on the order of additions; "many": a list or map. */
export type ResultKind = Kind | "many";

export interface AggregateEntry {
  readonly feature: string;
  /** For each argument, what it may be of. */
  readonly args: readonly (readonly Kind[])[];
  /** Its value's kind; left out: the argument's. */
  readonly result?: ResultKind | Readonly<Partial<Record<Kind, ResultKind>>>;
  /** What is written, where it is not `feature(arguments)`. `$1`, `$2` are the arguments. */
  readonly call?: string | ((draw: Draw) => string);
  /** DISTINCT may be written. */
  readonly distinct?: true;
  /** Its value depends on the order of events, so that there must be one row of each. */
  readonly order?: true;
  /** What the rounding of a "real" value may be a share of, over the same events; `$1`, `$2` are the arguments. */
  readonly scale?: string;
}

const whole: readonly Kind[] = ["int", "huge", "uhuge"];
const times: readonly Kind[] = ["ts", "tz", "day", "tod"];
const comparable: readonly Kind[] = [
  ...whole,
  ...times,
  "dec",
  "num",
  "real",
  "text",
  "bool",
  "tsx",
  "uuid",
  "blob",
  "list",
];
const any: readonly Kind[] = [...comparable, "struct", "json"];
const numbers: readonly Kind[] = ["small", "real"];

const squares = "max(CAST($1 AS DOUBLE) * $1)";
const products = "sqrt(max(CAST($1 AS DOUBLE) * $1)) * sqrt(max(CAST($2 AS DOUBLE) * $2))";

const share = (draw: Draw) => draw.of("0", "0.25", "0.5", "0.75", "0.9", "0.333", "0.99", "1");
/** Of one argument, rounded. */
const spread = (feature: string, scale: string): AggregateEntry => ({
  feature,
  args: [numbers],
  result: "real",
  scale,
});
/**
 * Of two arguments, rounded. Quotients of moments are taken of small integers alone, where they are well
 * conditioned.
 */
const pair = (feature: string, args: readonly Kind[], scale: string): AggregateEntry => ({
  feature,
  args: [args, args],
  result: "real",
  scale,
});

export const aggregates: readonly AggregateEntry[] = [
  { feature: "count(*)", args: [], result: "int", call: "count(*)" },
  { feature: "count", args: [any], result: "int", distinct: true },
  { feature: "count_if", args: [["bool"]], result: "int" },
  {
    feature: "sum",
    args: [["int", "dec", "num", "huge", "bool", "real"]],
    result: { int: "huge", bool: "huge" },
    distinct: true,
    scale: "sum(abs(CAST($1 AS DOUBLE)))",
  },
  {
    feature: "avg",
    args: [["int", "dec", "num", "huge", "real", ...times, "tsx"]],
    result: { int: "num", huge: "num", dec: "num", day: "ts", tsx: "ts" },
    distinct: true,
    scale: "max(abs(CAST($1 AS DOUBLE)))",
  },
  { feature: "mean", args: [["int", "dec"]], result: "num" },
  {
    // of infinite values DuckDB makes NaN or an infinity, by whether it merges states
    feature: "fsum",
    args: [["int", "dec", "small", "huge", "real"]],
    result: "real",
    distinct: true,
    scale: "sum(abs(CAST($1 AS DOUBLE)))",
  },
  {
    feature: "favg",
    args: [["int", "dec", "small", "huge", "real"]],
    result: "real",
    distinct: true,
    scale: "max(abs(CAST($1 AS DOUBLE)))",
  },
  spread("product", "abs(product(CAST($1 AS DOUBLE)))"),
  { feature: "min", args: [any], distinct: true },
  { feature: "max", args: [any], distinct: true },
  { feature: "min of n", args: [comparable], result: "many", call: (draw) => `min($1, ${1 + draw.int(3)})` },
  { feature: "max of n", args: [comparable], result: "many", call: (draw) => `max($1, ${1 + draw.int(3)})` },
  { feature: "bool_and", args: [["bool"]], result: "bool", distinct: true },
  { feature: "bool_or", args: [["bool"]], result: "bool", distinct: true },
  { feature: "bit_and", args: [whole] },
  { feature: "bit_or", args: [whole] },
  { feature: "bit_xor", args: [whole], distinct: true },
  spread("var_pop", squares),
  spread("var_samp", `2 * ${squares}`),
  spread("variance", `2 * ${squares}`),
  // the root of what is left of a variance of 0
  spread("stddev_pop", `1e6 * sqrt(${squares})`),
  spread("stddev_samp", `1e6 * sqrt(${squares})`),
  spread("stddev", `1e6 * sqrt(${squares})`),
  spread("sem", `1e6 * sqrt(${squares})`),
  pair("covar_pop", numbers, products),
  pair("covar_samp", numbers, `2 * ${products}`),
  pair("corr", ["small"], "1000.0"),
  { feature: "regr_count", args: [numbers, numbers], result: "int" },
  pair("regr_avgx", numbers, "max(abs(CAST($2 AS DOUBLE)))"),
  pair("regr_avgy", numbers, "max(abs(CAST($1 AS DOUBLE)))"),
  pair("regr_sxx", numbers, "count(*) * max(CAST($2 AS DOUBLE) * $2)"),
  pair("regr_syy", numbers, `count(*) * ${squares}`),
  pair("regr_sxy", numbers, `count(*) * ${products}`),
  pair("regr_slope", ["small"], "1000.0"),
  pair("regr_intercept", ["small"], "1000.0"),
  pair("regr_r2", ["small"], "1000.0"),
  {
    feature: "median",
    args: [["int", "huge", "dec", "num", "real", "ts", "tz", "day", "text", "uuid", "bool", "blob"]],
    result: { int: "num", huge: "num", real: "num", day: "ts" },
  },
  {
    feature: "quantile_cont",
    args: [["int", "huge", "dec", "num", "real", "ts", "tz", "day"]],
    result: { int: "num", huge: "num", real: "num", day: "ts" },
    call: (draw) => `quantile_cont($1, ${share(draw)})`,
  },
  {
    feature: "quantile_cont of several",
    args: [["int", "huge", "dec", "num", "real", "ts", "tz", "day"]],
    result: "many",
    call: (draw) => `quantile_cont($1, [${share(draw)}, ${share(draw)}])`,
  },
  {
    feature: "quantile_cont of DISTINCT",
    args: [["int", "huge", "dec", "num", "real", "ts", "day"]],
    result: { int: "num", huge: "num", real: "num", day: "ts" },
    call: (draw) => `quantile_cont(DISTINCT $1, ${share(draw)})`,
  },
  { feature: "quantile_disc", args: [comparable], call: (draw) => `quantile_disc($1, ${share(draw)})` },
  { feature: "quantile", args: [["int", "text", "dec", "real"]], call: (draw) => `quantile($1, ${share(draw)})` },
  {
    feature: "quantile_disc of several",
    args: [comparable],
    result: "many",
    call: (draw) => `quantile_disc($1, [${share(draw)}, ${share(draw)}])`,
  },
  { feature: "histogram", args: [[...whole, ...times, "text", "dec", "bool", "uuid", "tsx", "blob"]], result: "many" },
  {
    feature: "entropy",
    args: [[...whole, ...times, "text", "dec", "bool", "uuid", "tsx", "blob"]],
    result: "real",
    scale: "10.0",
  },
  {
    feature: "string_agg",
    args: [["int", "huge", "text", "dec", "day", "uuid", "bool"]],
    result: "text",
    call: "string_agg($d$1, ', ' ORDER BY $1)",
    distinct: true,
  },
  // of the order of events
  { feature: "first", args: [any], order: true },
  { feature: "last", args: [any], order: true },
  { feature: "any_value", args: [any], order: true },
  { feature: "arg_min", args: [any, comparable], order: true },
  { feature: "arg_max", args: [any, comparable], order: true },
  { feature: "arg_min_null", args: [any, comparable], order: true },
  { feature: "arg_max_null", args: [any, comparable], order: true },
  { feature: "mode", args: [comparable], order: true },
  // sketches, whose partials are compared instead of their values
  { feature: "approx_count_distinct", args: [comparable], result: "int" },
  {
    feature: "approx_quantile",
    args: [["int", "huge", "num", "real", "dec"]],
    result: "many",
    call: (draw) => `approx_quantile($1, [${share(draw)}])`,
  },
  {
    feature: "approx_top_k",
    args: [comparable],
    result: "many",
    call: (draw) => `approx_top_k($1, ${1 + draw.int(3)})`,
  },
];

/** Every aggregate with every kind of first argument it takes. */
export const applications = aggregates.reduce((sum, { args }) => sum + (args[0]?.length ?? 1), 0);

export const aggregateFeatures: readonly string[] = aggregates.map((each) => each.feature);
export const orderFeatures: readonly string[] = aggregates.flatMap((each) => (each.order ? [each.feature] : []));

/** One use of an aggregate in a view. */
export interface Used {
  readonly entry: AggregateEntry;
  readonly kind: ResultKind;
  readonly term: Term;
}

function resultOf({ result }: AggregateEntry, argument: Kind | undefined): ResultKind {
  if (typeof result === "string") return result;
  return (argument && result?.[argument]) ?? argument ?? "int";
}

/** Parts of a template whose `$1`, `$2` are terms, `$f` the FILTER and `$d` DISTINCT. */
function parted(template: string, terms: Readonly<Record<string, Term>>): Parts {
  return template.split(/(\$\w)/).map((piece) => terms[piece] ?? piece);
}

export function useOf(entry: AggregateEntry, draw: Draw, scalars: Scalars): Used {
  const kinds = entry.args.map((choices) => draw.of(...choices));
  const depth = draw.int(3);
  const args = kinds.map((kind) => scalars.termOf(kind, depth));
  draw.applied.add(`${entry.feature}(${kinds[0] ?? ""})`);
  const kind = resultOf(entry, kinds[0]);
  const distinct = entry.distinct && draw.maybe("DISTINCT", 0.2) ? "DISTINCT " : "";
  const filter = draw.maybe("FILTER", 0.25)
    ? term("filter", [" FILTER (WHERE ", scalars.one("bool", 2), ")"])
    : term("filter", [""]);
  const written = typeof entry.call === "function" ? entry.call(draw) : entry.call;
  const call = written ?? `${entry.feature}($d${entry.args.map((_, at) => `$${at + 1}`).join(", ")})`;
  const terms = {
    ...Object.fromEntries(args.map(({ term: each }, at) => [`$${at + 1}`, each])),
    $d: term("distinct", [distinct]),
    $f: filter,
  };
  const parts = parted(`${call}$f`, terms);
  if (kind !== "real") return { entry, kind, term: term("aggregate", parts) };
  // an extreme of doubles is exact
  if (!entry.scale) return { entry, kind: "num", term: term("aggregate", parts) };
  return { entry, kind, term: term("aggregate", parts, scaleParts(entry.scale, parts, terms)) };
}

/** The scale's text with the numbers of the call's parts, each aggregate of it under the call's FILTER. */
function scaleParts(scale: string, parts: Parts, terms: Readonly<Record<string, Term>>): (string | number)[] {
  const filtered = scale.replace(/(max|sum|count|product)\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)/g, "$1($2)$f");
  return filtered.split(/(\$\w)/).map((piece) => (terms[piece] ? parts.indexOf(terms[piece]) : piece));
}
