/**
 * Sketches: a bounded number of rows for each group, however many values it has, at a stated error. They are
 * kept as rows of values (a register, a bucket), so that merging adds no error: the rows of two parts together
 * are those of one sketch over all events.
 */
import { isDecimal, isFloat, isInteger, isList, oneZero } from "../types.ts";
import { call, mergedPart } from "./part.ts";
import { type Aggregate, type UnsupportedCall, unsupported, type ValuesPlan } from "./plan.ts";
import { discrete, listed, sharesOf, valuesOf } from "./values.ts";

/** HyperLogLog over 2^12 registers: 1.04 / sqrt(2^12). */
const distinctError = 0.0163;
/** DDSketch: of any quantile that is not NULL, infinite or NaN. */
const quantileError = 0.01;

/** By md5, since DuckDB's own hash may change with its version; as hexadecimal digits, which is its quickest form. */
const hashOf = (sql: string, type: string) => `md5(CAST(${oneZero(sql, type)} AS VARCHAR))`;

const distinct: Aggregate = {
  names: ["approx_count_distinct"],
  class: "sketch",
  arity: [1],
  idempotent: true,
  monotone: "up",
  sketch: { error: distinctError, says: "standard error 1.63 %", exact: ([x]) => `count(DISTINCT ${x!.sql})` },
  plan: ([x]): ValuesPlan => {
    const hash = hashOf(x!.sql, x!.type);
    return {
      // 12 bits choose the register; of the next 52 the least number has the most zeros before its first one
      value: `left(${hash}, 3)`,
      type: "VARCHAR",
      storage: "VARCHAR",
      more: mergedPart(call("min", `substr(${hash}, 4, 13)`), "VARCHAR", "VARCHAR", "min"),
      aggregate: ({ more, where }) => {
        const inverse = `CAST(pow(2, 53 - tidemark_rank(CAST('0x' || ${more} AS UBIGINT))) AS BIGINT)`;
        return `tidemark_cardinality(count(*) FILTER (WHERE ${where}), sum(${inverse}) FILTER (WHERE ${where}))`;
      },
    };
  },
};

const quantile: Aggregate = {
  names: ["approx_quantile"],
  class: "sketch",
  arity: [2],
  sketch: {
    error: quantileError,
    says: "within 1 % of quantile_disc",
    exact: ([x, q]) => `quantile_disc(${x!.sql}, ${q!.sql})`,
  },
  plan: ([x, q]): ValuesPlan | UnsupportedCall => {
    const { type } = x!;
    if (!isInteger(type) && !isFloat(type) && !isDecimal(type) && type !== "HUGEINT") {
      return unsupported(`a relative error is meaningless for ${type}`, "use quantile_disc, which is exact");
    }
    const shares = sharesOf(q!);
    if ("why" in shares) return shares;
    const middle = (bucket: string) => {
      const value = `tidemark_bucket_middle(${bucket})`;
      if (isFloat(type)) return value;
      // the middle of the outermost bucket may lie beyond the type, but never the values in it; and a cast of
      // 255.6 gives 0
      const whole = (sql: string) => `TRY_CAST(${isDecimal(type) ? sql : `round(${sql})`} AS ${type})`;
      return `coalesce(${whole(value)}, ${whole(`${value} * 0.995`)})`;
    };
    return {
      value: `tidemark_bucket(CAST(${x!.sql} AS DOUBLE))`,
      type: "INTEGER",
      storage: "INTEGER",
      aggregate: (rows) => {
        const all = shares.map((share) => middle(discrete(share, rows)));
        return listed(all, isList(q!.type), rows);
      },
    };
  },
};

const topK: Aggregate = {
  names: ["approx_top_k"],
  class: "values",
  arity: [2],
  // DuckDB's own is another sketch: this one counts every value
  sketch: { error: 0, says: "exact counts; of equally frequent values the smaller", exact: null },
  plan: ([x, k]) => {
    const most = k!.constant?.[0];
    if (most === undefined || !/^[1-9]\d{0,3}$/.test(most) || k!.constant!.length > 1)
      return unsupported(
        "the number of values of approx_top_k is not a constant from 1 to 9999",
        "write it as a number",
      );
    return valuesOf(x!, ({ value, count, where }) => {
      return `list(${value} ORDER BY ${count} DESC, ${value}) FILTER (WHERE ${where})[1:${most}]`;
    });
  },
};

export const sketches: readonly Aggregate[] = [distinct, quantile, topK];
