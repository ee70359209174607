/** Aggregates that have to know every value of a group, exactly: over one row for each value, with its count. */
import { decimalOf, hidesFloat, isDecimal, isFloat, isInteger, isList, oneZero, storageOf } from "../types.ts";
import { momentTolerance, partText, sumTolerance, toleranceOf } from "./part.ts";
import {
  type Aggregate,
  type Argument,
  type PartsPlan,
  type UnsupportedCall,
  unsupported,
  type ValueRows,
  type ValuesPlan,
} from "./plan.ts";
import { isWide } from "./wide-sums.ts";

export function valuesOf(x: Argument, aggregate: ValuesPlan["aggregate"], tolerance = 0): ValuesPlan | UnsupportedCall {
  const storage = storageOf(x.type);
  if (!storage) {
    const row = x.type.startsWith("STRUCT(");
    return unsupported(
      `single values of ${x.type} can't be kept without loss`,
      row ? "name its fields: {a: …, b: …}" : "cast it, e.g. to VARCHAR",
    );
  }
  if (hidesFloat(x.type)) {
    return unsupported(
      `single values of ${x.type}: -0.0 and 0.0 inside it are equal, and which is shown depends on order`,
      "use the doubles themselves",
    );
  }
  return {
    value: oneZero(x.sql, x.type),
    type: x.type,
    storage,
    aggregate,
    ...(tolerance > 0 ? { tolerance } : {}),
  };
}

const filtered = (call: string, { where }: ValueRows) => `${call} FILTER (WHERE ${where})`;

/** Any aggregate of one argument with DISTINCT: DuckDB's own, over each value once; of a quantile with its share. */
export function distinctOf(entry: Aggregate, name: string): Aggregate {
  return {
    names: entry.names,
    class: "values",
    arity: /^quantile/.test(name) ? entry.arity : entry.arity.filter((count) => count === 1),
    ...(entry.monotone ? { monotone: entry.monotone } : {}),
    plan: ([argument, ...more]) => {
      const x = ofDoubles.test(name)
        ? { ...argument!, sql: `CAST(${argument!.sql} AS DOUBLE)`, type: "DOUBLE" }
        : argument!;
      if (entry.ofEach) return { ...valuesOf(x, entry.ofEach, sumTolerance), size: sizeOf };
      // DuckDB takes the values in whatever order, and overflows on the way in some
      if (computed.test(name) && (isFloat(x.type) || isWide(x.type))) return computedOf(entry, x);
      const rounds = /^(var|std|sem)/.test(name) ? momentTolerance : 0;
      return valuesOf(
        x,
        (rows) => filtered(`${name}(${[rows.value, ...more.map(({ sql }) => sql)].join(", ")})`, rows),
        rounds,
      );
    },
  };
}

/** Aggregates that DuckDB computes of doubles alone: what is one value as a double counts once. */
const ofDoubles = /^(fsum|sumkahan|kahan_sum|favg|product|var|std|sem)/;

/** Aggregates that compute with the values themselves. */
const computed = /^(sum|avg|mean|product|geomean|geometric_mean|var|std|sem)/;

const sizeOf = (value: string) => `abs(${value})`;

/** By its own parts, each value once. */
function computedOf(entry: Aggregate, x: Argument): ValuesPlan | UnsupportedCall {
  const written = { distinct: true, order: null };
  const planned = (value: string) => entry.plan([{ ...x, sql: value }], written);
  const own = planned(x.sql);
  if ("why" in own || "value" in own) return own;
  const tolerance = Math.max(0, ...own.parts.map(toleranceOf));
  const plan = valuesOf(
    x,
    (rows) => {
      const { parts, finalize } = planned(rows.value) as PartsPlan;
      return finalize(parts.map((part) => partText(part, rows.where)));
    },
    tolerance,
  );
  return "why" in plan || tolerance === 0 ? plan : { ...plan, size: sizeOf };
}

/** The smallest value at or beyond a place among all events of the group, counted from 0. */
const valueAt = (place: string, rows: ValueRows) =>
  `min(${rows.value}) FILTER (WHERE ${rows.where} AND ${rows.upto} > ${place})`;

/** DuckDB's own places: exact for decimal shares, which literals are. */
export function discrete(share: string, rows: ValueRows): string {
  const [, whole = "0", fraction = ""] = /^(\d*)\.?(\d*)$/.exec(share) ?? [];
  const unit = 10n ** BigInt(fraction.length);
  const scaled = BigInt(whole + fraction);
  return valueAt(`(greatest(1, (${rows.total} * ${scaled} + ${unit - 1n}) // ${unit}) - 1)`, rows);
}

/** Between the two neighbours of a place, as DuckDB interpolates each type. */
function continuous(share: string, type: string, rows: ValueRows): string {
  const place = `(CAST(${rows.total} - 1 AS DOUBLE) * CAST(${share} AS DOUBLE))`;
  const [low, high] = [valueAt(`floor(${place})`, rows), valueAt(`ceil(${place})`, rows)];
  const part = `max(${place} - floor(${place})) FILTER (WHERE ${rows.where})`;
  if (isDecimal(type)) {
    const unscaled = (value: string) => `CAST(replace(CAST(${value} AS VARCHAR), '.', '') AS BIGINT)`;
    const { scale } = decimalOf(type);
    const unit = scale === 0 ? "1" : `0.${"0".repeat(scale - 1)}1`;
    const between = `tidemark_between_unscaled(${unscaled(low)}, ${unscaled(high)}, ${part})`;
    return `CAST(CAST(${between} AS DECIMAL(18,0)) * CAST(${unit} AS DECIMAL(${scale + 1},${scale})) AS ${type})`;
  }
  if (type === "FLOAT") return `tidemark_between_float(${low}, ${high}, ${part})`;
  if (!/^(DATE|TIMESTAMP)/.test(type)) return `tidemark_between_number(${low}, ${high}, ${part})`;
  const zoned = type === "TIMESTAMP WITH TIME ZONE";
  const micros = (value: string) => (zoned ? `epoch_us(${value})` : `epoch_us(CAST(${value} AS TIMESTAMP))`);
  return `make_timestamp${zoned ? "tz" : ""}(tidemark_between_micros(${micros(low)}, ${micros(high)}, ${part}))`;
}

/** The median and quantiles between values, where the interpolation is exact, so that it equals DuckDB's. */
function interpolated(x: Argument, shares: readonly string[], many: boolean): ValuesPlan | UnsupportedCall {
  const { type } = x;
  const numeric =
    isInteger(type) || isFloat(type) || type === "HUGEINT" || (isDecimal(type) && decimalOf(type).precision <= 18);
  if (!numeric && !/^(DATE|TIMESTAMP|TIMESTAMP WITH TIME ZONE)$/.test(type)) {
    const instead =
      type === "INTERVAL"
        ? "take it of the seconds: quantile_disc(epoch(x), 0.5)"
        : type === "TIME"
          ? "use quantile_disc"
          : "use quantile_disc, or cast the argument to DOUBLE";
    return unsupported(`there is no exact interpolation of ${type}`, instead);
  }
  return valuesOf(
    x,
    (rows) =>
      listed(
        shares.map((share) => continuous(share, type, rows)),
        many,
        rows,
      ),
    isFloat(type) ? sumTolerance : 0,
  );
}

/** One value, or a list of them that is NULL where there is none. */
export function listed(values: readonly string[], many: boolean, { where }: ValueRows): string {
  return many ? `CASE WHEN count(*) FILTER (WHERE ${where}) > 0 THEN [${values.join(", ")}] END` : values[0]!;
}

const share = /^(0?\.\d+|0|1|1\.0*|0\.)$/;

function quantile(kind: "continuous" | "discrete"): Aggregate["plan"] {
  return ([x, q]) => {
    const shares = sharesOf(q!);
    if ("why" in shares) return shares;
    const many = isList(q!.type);
    if (kind === "continuous") return interpolated(x!, shares, many);
    return valuesOf(x!, (rows) =>
      listed(
        shares.map((each) => discrete(each, rows)),
        many,
        rows,
      ),
    );
  };
}

/** The constant shares of a quantile, each from 0 to 1. */
export function sharesOf({ constant }: Argument): readonly string[] | UnsupportedCall {
  if (!constant)
    return unsupported("the share of a quantile is not a constant", "write a number from 0 to 1, or a list of them");
  const wrong = constant.find((each) => !share.test(each));
  if (wrong === undefined) return constant;
  return unsupported(`a share of ${wrong} is not from 0 to 1`, "write it as a number such as 0.5");
}

/** DuckDB counts each NaN as a value of its own there, and loses values beside one. */
function refusedFloat(name: string, { type }: Argument): UnsupportedCall | null {
  if (!isFloat(type)) return null;
  return unsupported(`${name} of ${type} has no unique result with NaN`, "round it to a DECIMAL or an integer");
}

function entry(names: readonly string[], arity: readonly number[], plan: Aggregate["plan"]): Aggregate {
  return { names, class: "values", arity, plan };
}

export const values: readonly Aggregate[] = [
  entry(["median"], [1], ([x]) => {
    // texts and the like have no middle: DuckDB takes the lower one
    if (/^(VARCHAR|UUID|BLOB|BOOLEAN)$/.test(x!.type)) return valuesOf(x!, (rows) => discrete("0.5", rows));
    return interpolated(x!, ["0.5"], false);
  }),
  {
    ...entry(["quantile_cont"], [2], quantile("continuous")),
    orderAdvice: "write quantile_cont(x, 1 - share) for a descending order",
  },
  {
    ...entry(["quantile_disc", "quantile"], [2], quantile("discrete")),
    orderAdvice: "take quantile_disc(x, share) of x in its own order, or of another expression of it, such as -x",
  },
  entry(
    ["entropy"],
    [1],
    ([x]) =>
      refusedFloat("entropy", x!) ??
      valuesOf(
        x!,
        (rows) =>
          // not the sum's negative, which is -0.0 where it is 0
          `coalesce(CAST(0 AS DOUBLE) - sum((${rows.count} / ${rows.total}) * log2(${rows.count} / ${rows.total})) FILTER (WHERE ${rows.where}), 0.0)`,
        sumTolerance,
      ),
  ),
  {
    ...entry(["string_agg", "group_concat", "listagg"], [1, 2], ([x, separator], { distinct, order: written }) => {
      if (separator && !separator.fixed)
        return unsupported("the separator differs from event to event", "write it as a text");
      return valuesOf(x!, ({ value, count, where }) => {
        const order = `ORDER BY ${value}${written?.descending ? " DESC" : ""}`;
        const text = `CAST(${value} AS VARCHAR)`;
        const each = distinct ? `[${text}]` : `repeat([${text}], CAST(${count} AS BIGINT))`;
        return `array_to_string(flatten(list(${each} ${order}) FILTER (WHERE ${where})), ${separator?.sql ?? "','"})`;
      });
    }),
    sorted: true,
  },
  entry(
    ["histogram"],
    [1],
    ([x]) =>
      refusedFloat("histogram", x!) ??
      valuesOf(
        x!,
        (rows) =>
          `map_from_entries(list({k: ${rows.value}, v: CAST(${rows.count} AS UBIGINT)} ORDER BY ${rows.value}) FILTER (WHERE ${rows.where}))`,
      ),
  ),
];
