/** Counts, sums, averages and extremes: aggregates of one or two parts. */
import { decimalOf, hidesFloat, isDecimal, isFloat, isInteger, isSmall, oneZero, storageOf } from "../types.ts";
import { productPlan, sumOf, sumParts } from "./doubles.ts";
import {
  call,
  castCountPart,
  countPart,
  exactPart,
  mergedPart,
  type Part,
  roundedPart,
  type Semigroup,
  wholePart,
} from "./part.ts";
import { type Aggregate, type Argument, type PartsPlan, type UnsupportedCall, unsupported } from "./plan.ts";
import { isWide, wideParts, wideSum, wideUnits } from "./wide-sums.ts";

/**
 * A sum as DuckDB types it: HUGEINT of integers, DECIMAL(38,s) of decimals, DOUBLE of floats. Null: no exact
 * carrier.
 */
function sumPart({ sql, type }: Pick<Argument, "sql" | "type">): Part | null {
  const summed = call("sum", sql);
  // 64-bit inputs reach 38 digits only after 10^19 events
  if (isInteger(type) || type === "BOOLEAN") return wholePart(summed);
  if (isDecimal(type)) return exactPart(summed, `DECIMAL(38,${decimalOf(type).scale})`);
  // of 32 bits: no number of them leaves the range of a double
  if (type === "FLOAT") return doubleSum(sql);
  return null;
}

/** A sum of doubles that are far from the ends of their range. */
function doubleSum(sql: string): Part {
  return roundedPart(call("sum", sql), { size: call("sum", `abs(CAST(${sql} AS DOUBLE))`) });
}

/** Microseconds since the epoch (or midnight) of a time-like argument, and the way back to avg's result type. */
function microsOf({ sql, type }: Argument): { sql: string; back: (micros: string) => string } | null {
  switch (type) {
    case "DATE":
    case "TIMESTAMP_S":
    case "TIMESTAMP_MS":
    case "TIMESTAMP_NS":
    case "TIMESTAMP":
      return { sql: `epoch_us(CAST(${sql} AS TIMESTAMP))`, back: (micros) => `make_timestamp(${micros})` };
    case "TIMESTAMP WITH TIME ZONE":
      return { sql: `epoch_us(${sql})`, back: (micros) => `make_timestamptz(${micros})` };
    case "TIME":
      return { sql: `epoch_us(${sql})`, back: (micros) => `(TIME '00:00:00' + to_microseconds(${micros}))` };
    default:
      return null;
  }
}

function extreme(combine: "min" | "max", { sql, type }: Argument): PartsPlan | UnsupportedCall {
  const storage = storageOf(type);
  if (!storage) {
    const instead =
      type === "INTERVAL"
        ? `take it of the seconds: ${combine}(epoch(x))`
        : "cast it to a type such as VARCHAR or BIGINT";
    return unsupported(`${combine} of ${type} can't be kept in files without loss`, instead);
  }
  if (hidesFloat(type)) {
    return unsupported(
      `${combine} of ${type}: -0.0 and 0.0 inside it are equal, and which is shown depends on order`,
      "take it of the doubles themselves",
    );
  }
  return {
    parts: [mergedPart(call(combine, oneZero(sql, type)), type, storage, combine)],
    finalize: ([part]) => part!,
  };
}

/** The n least or greatest values, as a list. */
function extremes(combine: "min" | "max", x: Argument, n: Argument): PartsPlan | UnsupportedCall {
  const one = extreme(combine, x);
  if ("why" in one) return one;
  const most = n.constant?.length === 1 ? n.constant[0]! : "";
  if (!/^[1-9]\d{0,5}$/.test(most))
    return unsupported(`how many values ${combine} keeps is not a constant from 1 to 999999`, "write it as a number");
  const type = `${x.type}[]`;
  if (storageOf(type) !== type)
    return unsupported(`a list of ${x.type} can't be kept in files without loss`, "cast the argument");
  const sorted = combine === "min" ? "list_sort" : "list_reverse_sort";
  const merge: Semigroup["combine"] = ([part]) =>
    `${sorted}(flatten(list(${part}) FILTER (WHERE ${part} IS NOT NULL)))[1:${most}]`;
  const kept = call(combine, oneZero(x.sql, x.type), most);
  return { parts: [mergedPart(kept, type, type, merge)], finalize: ([part]) => part! };
}

function average(x: Argument): PartsPlan | UnsupportedCall {
  const count = countPart(call("count", x.sql));
  const micros = microsOf(x);
  if (micros) {
    const total = sumPart({ sql: micros.sql, type: "BIGINT" })!;
    return { parts: [total, count], finalize: ([s, n]) => micros.back(`tidemark_avg_micros(${s}, ${n})`) };
  }
  if (x.type === "DOUBLE") {
    const parts = [...sumParts(x.sql), count];
    return { parts, finalize: (all) => `(${sumOf(all)} / nullif(${all.at(-1)}, 0))` };
  }
  const totals = isWide(x.type) ? wideParts(x) : [sumPart(x)].filter((part) => part !== null);
  if (totals.length === 0 || x.type === "BOOLEAN") {
    const instead =
      x.type === "INTERVAL"
        ? "take it of the seconds: avg(epoch(x))"
        : "cast the argument to BIGINT, DECIMAL or DOUBLE";
    return unsupported(`avg of ${x.type} is not available`, instead);
  }
  if (isFloat(x.type)) return { parts: [...totals, count], finalize: ([s, n]) => `(${s} / nullif(${n}, 0))` };
  const scale = isDecimal(x.type) ? decimalOf(x.type).scale : 0;
  if (scale > 22)
    return unsupported(
      `avg of ${x.type}: beyond scale 22 the division is not exact`,
      `cast the argument to DECIMAL(38,${22}) or less`,
    );
  const unscaled = (s: string) => (scale === 0 ? s : `CAST(replace(CAST(${s} AS VARCHAR), '.', '') AS HUGEINT)`);
  const units = (parts: readonly string[]) => (isWide(x.type) ? wideUnits(parts, x.type) : unscaled(parts[0]!));
  if (isSmall(x.type)) {
    return {
      parts: [...totals, count],
      finalize: ([s, n]) => `(CAST(${unscaled(s!)} AS DOUBLE) / (nullif(${n}, 0)::DOUBLE * 1e${scale}))`,
    };
  }
  // 10^scale is 5^scale moved by scale bits, which are exact in a double. An average over a divisor of up to
  // 2^60 is the cheaper one to plan: at scale 10, groups of 10^11 events.
  const divide = scale <= 10 ? "tidemark_avg" : "tidemark_avg_wide";
  const divisor = (n: string) => (scale === 0 ? n : `(${n}::UHUGEINT * ${5n ** BigInt(scale)}::UHUGEINT)`);
  const unit = scale === 0 ? "" : ` * ${1 / 2 ** scale}::DOUBLE`;
  return { parts: [...totals, count], finalize: (all) => `(${divide}(${units(all)}, ${divisor(all.at(-1)!)})${unit})` };
}

/** What DuckDB computes in doubles, whatever the argument. */
const asDouble = ({ sql }: Argument) => `CAST(${sql} AS DOUBLE)`;

/** Sums of integers and decimals can be subtracted again, those of doubles can't. */
const groupUnlessRounded: Aggregate["class"] = ([x]) => (isFloat(x!.type) ? "semigroup" : "group");

export const sums: readonly Aggregate[] = [
  {
    names: ["count_star"],
    class: "group",
    monotone: "up",
    arity: [0],
    plan: () => ({ parts: [countPart(call("count"))], finalize: ([n]) => `coalesce(${n}, 0)` }),
  },
  {
    names: ["count"],
    class: "group",
    monotone: "up",
    arity: [1],
    plan: ([x]) => ({ parts: [countPart(call("count", x!.sql))], finalize: ([n]) => `coalesce(${n}, 0)` }),
  },
  {
    names: ["count_if", "countif"],
    class: "group",
    monotone: "up",
    arity: [1],
    // unlike count, NULL over no rows
    plan: ([x]) => ({
      parts: [castCountPart(call("count_if", x!.sql))],
      finalize: ([n]) => n!,
    }),
  },
  {
    names: ["sum"],
    class: groupUnlessRounded,
    arity: [1],
    plan: ([x]) => {
      if (x!.type === "DOUBLE") return { parts: sumParts(x!.sql), finalize: sumOf };
      if (isWide(x!.type)) return { parts: wideParts(x!), finalize: (parts) => wideSum(parts, x!.type) };
      const part = sumPart(x!);
      if (!part)
        return unsupported(`sum of ${x!.type} is not available`, "cast the argument to an integer, DECIMAL or DOUBLE");
      return { parts: [part], finalize: ([s]) => s! };
    },
  },
  { names: ["avg", "mean"], class: groupUnlessRounded, arity: [1], plan: ([x]) => average(x!) },
  { names: ["product"], class: "semigroup", arity: [1], plan: ([x]) => productPlan(asDouble(x!)) },
  {
    names: ["geomean", "geometric_mean"],
    class: "semigroup",
    arity: [1],
    plan: ([x]) => {
      const logs = `ln(${x!.sql})`;
      const parts = [doubleSum(logs), countPart(call("count", logs))];
      return { parts, finalize: ([s, n]) => `exp(${s} / nullif(${n}, 0))` };
    },
  },
  {
    names: ["min"],
    class: "semigroup",
    arity: [1, 2],
    plan: ([x, n]) => (n ? extremes("min", x!, n) : extreme("min", x!)),
    idempotent: true,
    monotone: "down",
  },
  {
    names: ["max"],
    class: "semigroup",
    arity: [1, 2],
    plan: ([x, n]) => (n ? extremes("max", x!, n) : extreme("max", x!)),
    idempotent: true,
    monotone: "up",
  },
];
