/**
 * The one table of aggregates. To add an aggregate, add one entry here and its cases in test/views/cases; nothing else in
 * the system knows what an aggregate is.
 *
 * An entry turns one use, e.g. `avg(delay)` over BIGINT, into parts that merge and one expression over the merged parts.
 * The compiler adds FILTER to each part, shares equal parts between aggregates, and moves values between their own type
 * (`type`) and the one files keep (`storage`).
 */
import { decimalOf, hidesFloat, isDecimal, isFloat, isInteger, isSmall, storageOf } from "./types.ts";

/** An argument of an aggregate: its SQL over the events, and its type. */
export interface Argument {
  readonly sql: string;
  readonly type: string;
}

/** One partial aggregate: over events `call`, over parts `combine`; both give `type`. */
export interface Part {
  /** A single aggregate call over the events, e.g. `sum(delay)`. */
  readonly call: string;
  readonly type: string;
  /** The type that files and tables keep, without loss. */
  readonly storage: string;
  /** The aggregate that merges parts: commutative and associative. */
  readonly combine: "sum" | "min" | "max";
  /** A sum of doubles: equal only up to rounding, whatever the order. */
  readonly inexact?: true;
}

export interface Plan {
  readonly parts: readonly Part[];
  /** The aggregate's value from its merged parts, given the parts' names. */
  readonly finalize: (parts: readonly string[]) => string;
}

export interface Aggregate {
  readonly names: readonly string[];
  /** group: parts can be subtracted again; semigroup: they only merge. */
  readonly class: "group" | "semigroup";
  /** Number of arguments it takes. */
  readonly arity: number;
  /** The plan for these arguments, or why there is none and what to write instead. */
  readonly plan: (args: readonly Argument[]) => Plan | Refused;
}

export interface Refused {
  readonly why: string;
  readonly instead: string;
}

const refused = (why: string, instead: string): Refused => ({ why, instead });

const countPart = (call: string): Part => ({ call, type: "BIGINT", storage: "BIGINT", combine: "sum" });

/** A sum as DuckDB types it: HUGEINT of integers, DECIMAL(38,s) of decimals, DOUBLE of floats. Null: no exact carrier. */
function sumPart({ sql, type }: Argument): Part | null {
  const call = `sum(${sql})`;
  // 64-bit inputs reach 38 digits only after 10^19 events
  if (isInteger(type) || type === "BOOLEAN") return { call, type: "HUGEINT", storage: "DECIMAL(38,0)", combine: "sum" };
  if (type === "HUGEINT") return { call, type: "HUGEINT", storage: "VARCHAR", combine: "sum" };
  if (isDecimal(type)) {
    const storage = `DECIMAL(38,${decimalOf(type).scale})`;
    return { call, type: storage, storage, combine: "sum" };
  }
  if (isFloat(type)) return { call, type: "DOUBLE", storage: "DOUBLE", combine: "sum", inexact: true };
  return null;
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

function extreme(combine: "min" | "max"): Aggregate["plan"] {
  return ([x]) => {
    const storage = storageOf(x!.type);
    if (!storage)
      return refused(
        `${combine} of ${x!.type} can't be kept in files without loss`,
        `cast it to a type such as VARCHAR or BIGINT`,
      );
    if (hidesFloat(x!.type))
      return refused(
        `${combine} of ${x!.type}: -0.0 and 0.0 inside it are equal, and which is shown depends on order`,
        "take it of the doubles themselves",
      );
    // for doubles one zero, whichever came first
    const value = isFloat(x!.type) ? `(${x!.sql} + CAST(0 AS ${x!.type}))` : x!.sql;
    return { parts: [{ call: `${combine}(${value})`, type: x!.type, storage, combine }], finalize: ([part]) => part! };
  };
}

function average([x]: readonly Argument[]): Plan | Refused {
  const count = countPart(`count(${x!.sql})`);
  const micros = microsOf(x!);
  if (micros) {
    const total = sumPart({ sql: micros.sql, type: "BIGINT" })!;
    return { parts: [total, count], finalize: ([s, n]) => micros.back(`tidemark_avg_micros(${s}, ${n})`) };
  }
  const total = sumPart(x!);
  if (!total || x!.type === "BOOLEAN") {
    return refused(`avg of ${x!.type} is not available`, "cast the argument to BIGINT, DECIMAL or DOUBLE");
  }
  if (isFloat(x!.type)) return { parts: [total, count], finalize: ([s, n]) => `(${s} / nullif(${n}, 0))` };
  const scale = isDecimal(x!.type) ? decimalOf(x!.type).scale : 0;
  if (scale > 22)
    return refused(
      `avg of ${x!.type}: beyond scale 22 the division is not exact`,
      `cast the argument to DECIMAL(38,${22}) or less`,
    );
  const unscaled = (s: string) => (scale === 0 ? s : `CAST(replace(CAST(${s} AS VARCHAR), '.', '') AS HUGEINT)`);
  if (isSmall(x!.type)) {
    return {
      parts: [total, count],
      finalize: ([s, n]) => `(CAST(${unscaled(s!)} AS DOUBLE) / (nullif(${n}, 0)::DOUBLE * 1e${scale}))`,
    };
  }
  // 10^scale is 5^scale moved by scale bits, which are exact in a double. An average over a divisor of up to 2^60 is the
  // cheaper one to plan: at scale 10, groups of 10^11 events.
  const divide = scale <= 10 ? "tidemark_avg" : "tidemark_avg_wide";
  const divisor = (n: string) => (scale === 0 ? n : `(${n}::UHUGEINT * ${5n ** BigInt(scale)}::UHUGEINT)`);
  const unit = scale === 0 ? "" : ` * ${1 / 2 ** scale}::DOUBLE`;
  return { parts: [total, count], finalize: ([s, n]) => `(${divide}(${unscaled(s!)}, ${divisor(n!)})${unit})` };
}

const table: readonly Aggregate[] = [
  {
    names: ["count_star"],
    class: "group",
    arity: 0,
    plan: () => ({ parts: [countPart("count(*)")], finalize: ([n]) => `coalesce(${n}, 0)` }),
  },
  {
    names: ["count"],
    class: "group",
    arity: 1,
    plan: ([x]) => ({ parts: [countPart(`count(${x!.sql})`)], finalize: ([n]) => `coalesce(${n}, 0)` }),
  },
  {
    names: ["count_if", "countif"],
    class: "group",
    arity: 1,
    // unlike count, NULL over no rows
    plan: ([x]) => ({ parts: [countPart(`count_if(${x!.sql})`)], finalize: ([n]) => n! }),
  },
  {
    names: ["sum"],
    class: "group",
    arity: 1,
    plan: ([x]) => {
      const part = sumPart(x!);
      if (!part)
        return refused(`sum of ${x!.type} is not available`, "cast the argument to an integer, DECIMAL or DOUBLE");
      return { parts: [part], finalize: ([s]) => s! };
    },
  },
  { names: ["avg", "mean"], class: "group", arity: 1, plan: average },
  { names: ["min"], class: "semigroup", arity: 1, plan: extreme("min") },
  { names: ["max"], class: "semigroup", arity: 1, plan: extreme("max") },
];

const byName = new Map(table.flatMap((entry) => entry.names.map((name) => [name, entry] as const)));

export function aggregateNamed(name: string): Aggregate | undefined {
  return byName.get(name);
}

/** The names a view may use, for messages. */
export const aggregateNames: readonly string[] = table
  .flatMap((entry) => entry.names)
  .filter((name) => name !== "count_star");
