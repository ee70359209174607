/**
 * Aggregates over rows that go as well as come. What is a group subtracts what went; what only merges is kept as rows
 * of values, which are gone when as many went as came; what asks for an order is refused.
 */
import { isFloat } from "../types.ts";
import { weightColumn } from "../weights.ts";
import { type Call, call, countPart, momentTolerance, type Part, sumTolerance, wholePart } from "./part.ts";
import {
  type Aggregate,
  type AggregateClass,
  type Argument,
  classOf,
  type PartsPlan,
  type Plan,
  type UnsupportedCall,
  unsupported,
  type ValueRows,
  type ValuesPlan,
} from "./plan.ts";
import { valuesOf } from "./values.ts";

/** An entry of the table as it is over a changelog. @param name as it is written */
export function weightedOf(entry: Aggregate, name: string): Aggregate {
  return {
    ...entry,
    class: (args) => weightedClass(entry, args),
    plan: (args, written) => {
      const other = merged.get(name);
      if (other && classOf(entry, args) === "semigroup") return other(entry, args, written);
      const plan = entry.plan(args, written);
      if ("why" in plan) return plan;
      if ("value" in plan) return signedValues(entry, plan);
      if (plan.parts.every(({ merge }) => merge.law === "group")) return subtracted(plan);
      return unsupported(`${name} can't take back the rows of a changelog that went`, "use avg, var_pop or max");
    },
  };
}

function weightedClass(entry: Aggregate, args: readonly Argument[]): AggregateClass {
  const own = classOf(entry, args);
  return own === "semigroup" ? "values" : own;
}

/** Of rows that came, less the same of rows that went. */
function signed(part: Part): Part {
  const { calls, merge } = part;
  if (merge.law !== "group") throw new Error("only a group can be subtracted");
  // what is taken twice cancels
  if (merge.combine === "bit_xor") return part;
  const of = part.of ?? (([value]) => value!);
  const only = (sign: ">" | "<") => calls.map((each) => conditional(each, `${weightColumn} ${sign} 0`));
  const zero = `CAST(${merge.zero} AS ${part.type})`;
  return {
    ...part,
    calls: [...only(">"), ...only("<")],
    of: (all) => {
      const [came, went] = [of(all.slice(0, calls.length)), of(all.slice(calls.length))];
      return `CAST(coalesce(${came}, ${zero}) + coalesce(${merge.inverse(went)}, ${zero}) AS ${part.type})`;
    },
  };
}

/** The call over rows for which a condition holds: NULL is what these aggregates leave out. */
function conditional({ args, ...rest }: Call, condition: string): Call {
  const [first = "1", ...more] = args;
  return { ...rest, args: [`CASE WHEN ${condition} THEN ${first} END`, ...more] };
}

/** A part that is NULL again when no value is left; a count is 0 then, as over no rows. */
function subtracted({ parts, finalize }: PartsPlan): PartsPlan {
  const present = parts.map(({ calls: [first] }) => presenceOf(first!));
  const counts = present.filter((each) => each !== null);
  return {
    parts: [...parts.map(signed), ...counts.map(signed)],
    finalize: (names) => {
      const left = names.slice(parts.length);
      const own = present.map((each, i) =>
        each === null ? names[i]! : `(CASE WHEN ${left.shift()!} > 0 THEN ${names[i]!} END)`,
      );
      return finalize(own);
    },
  };
}

function presenceOf({ fn, args }: Call): Part | null {
  if (fn === "count" || fn === "regr_count") return null;
  return countPart(call("count", args[0]!));
}

/** Rows of values subtract by their counts. */
function signedValues(entry: Aggregate, plan: ValuesPlan): Plan | UnsupportedCall {
  if (!plan.more) return plan;
  if (plan.more.merge.law === "group") return { ...plan, more: signed(plan.more) };
  const [name] = entry.names;
  return unsupported(
    `${name} can't take back the rows of a changelog that went`,
    "use count(DISTINCT …), which is exact",
  );
}

type Planning = (entry: Aggregate, ...given: Parameters<Aggregate["plan"]>) => Plan | UnsupportedCall;

/** DuckDB's own over each value once, where that makes no difference. */
function ofEach(name: string): Planning {
  return (entry, args, written) => {
    const own = entry.plan(args, written);
    return "why" in own ? own : valuesOf(args[0]!, ({ value, where }) => `${name}(${value}) FILTER (WHERE ${where})`);
  };
}

function extreme(which: "min" | "max"): Planning {
  return (entry, args, written) => {
    const [x, n] = args;
    const own = entry.plan(args, written);
    if ("why" in own || !n) return "why" in own ? own : ofEach(which)(entry, args, written);
    const sorted = which === "min" ? "list_sort" : "list_reverse_sort";
    const most = n.constant![0]!;
    return valuesOf(x!, ({ value, count, where }) => {
      const times = `CAST(least(${count}, ${most}) AS BIGINT)`;
      return `${sorted}(flatten(list(repeat([${value}], ${times})) FILTER (WHERE ${where})))[1:${most}]`;
    });
  };
}

/** Stretches of what is not finite. */
const [plus, minus, nan] = [97, 98, 99];

/**
 * A sum of doubles, as `fsum` keeps it: whole numbers of units, which subtract without rounding. What is not finite is
 * counted apart, so that it can go again.
 */
function doubles(x: Argument, finish: (sum: string, count: string) => string): ValuesPlan {
  const value = `CAST(${x.sql} AS DOUBLE)`;
  const odd = `CASE WHEN isnan(${value}) THEN ${nan} WHEN ${value} > 0 THEN ${plus} ELSE ${minus} END`;
  return {
    value: `(CASE WHEN ${value} IS NULL OR isfinite(${value}) THEN tidemark_stretch(${value}) ELSE ${odd} END)`,
    type: "INTEGER",
    storage: "INTEGER",
    more: signed(wholePart(call("sum", `tidemark_units(${value})`))),
    aggregate: (rows) => finish(sumOfStretches(rows), `sum(${rows.count}) FILTER (WHERE ${rows.where})`),
    tolerance: sumTolerance,
    size: (stretch) => `tidemark_stretch_end(${stretch})`,
  };
}

function sumOfStretches({ value, more, where }: ValueRows): string {
  const kept = (condition: string) => `FILTER (WHERE ${where} AND ${condition})`;
  const finite = kept(`${value} < ${plus}`);
  const has = (stretch: number) => `count(*) ${kept(`${value} = ${stretch}`)} > 0`;
  const half = (rest: 0 | 1) => `sum(CASE WHEN abs(${value}) % 2 = ${rest} THEN ${more} END) ${finite}`;
  const all = `list({b: ${value}, s: ${more}}) ${finite}`;
  const bounds = `min(${value}) ${finite}, max(${value}) ${finite}`;
  return (
    `CASE WHEN ${has(nan)} OR (${has(plus)} AND ${has(minus)}) THEN CAST('NaN' AS DOUBLE) ` +
    `WHEN ${has(plus)} THEN CAST('Infinity' AS DOUBLE) WHEN ${has(minus)} THEN CAST('-Infinity' AS DOUBLE) ` +
    `ELSE tidemark_sum_of_stretches(${bounds}, ${half(0)}, ${half(1)}, ${all}) END`
  );
}

const averaged: Planning = (_, [x]) => doubles(x!, (sum, count) => `((${sum}) / nullif(${count}, 0))`);

/** Each value with its count is a part of its own: a mean without any spread. */
const spread: Planning = (entry, args, written) => {
  const own = entry.plan(args, written);
  if ("why" in own || "value" in own) return own;
  const x = { ...args[0]!, sql: `CAST(${args[0]!.sql} AS DOUBLE)`, type: "DOUBLE" };
  return valuesOf(
    x,
    ({ value, count, where }) => {
      const within = isFloat(args[0]!.type) ? `abs(${value}) < 1e140::DOUBLE` : "true";
      const filter = (condition: string) => `FILTER (WHERE ${where} AND ${condition})`;
      const number = (condition: string) => `CAST(coalesce(sum(${count}) ${filter(condition)}, 0) AS BIGINT)`;
      const each = `{n: ${count}, x: ${value}, y: ${value}, s: 0.0::DOUBLE}`;
      const about = `tidemark_comoment(list(${each}) ${filter(within)})`;
      return own.finalize([number(within), "NULL", about, number(`NOT ${within}`)]);
    },
    momentTolerance,
  );
};

/** What only merges, over rows of values. */
const merged = new Map<string, Planning>([
  ...["min", "max"].map((name) => [name, extreme(name as "min" | "max")] as const),
  ...["bool_and", "bool_or", "bit_and", "bit_or"].map((name) => [name, ofEach(name)] as const),
  ["sum", (_, [x]) => doubles(x!, (sum) => sum)],
  ...["avg", "mean"].map((name) => [name, averaged] as const),
  ...["var_pop", "var_samp", "variance", "stddev_pop", "stddev_samp", "stddev", "sem"].map(
    (name) => [name, spread] as const,
  ),
]);

/** How many rows there are, as a part. */
export const rowsPart: Part = signed(countPart(call("count")));
