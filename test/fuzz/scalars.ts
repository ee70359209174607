/** Expressions over one event, as a table: a line for each function or operator. */
import type { Draw } from "./draw.ts";
import type { FieldUse, Kind } from "./stream.ts";
import { type Parts, sql, type Term, term } from "./term.ts";

type Of = (kind: Kind) => Term;

export interface Scalar {
  readonly feature: string;
  readonly kind: Kind;
  readonly build: (of: Of, draw: Draw) => Parts;
}

const entry = (kind: Kind, feature: string, build: Scalar["build"]): Scalar => ({ kind, feature, build });

const scalars: readonly Scalar[] = [
  entry("int", "%", (of, draw) => sql`(${of("int")} % ${1 + draw.int(5)})`),
  entry("int", "//", (of, draw) => sql`(${of("int")} // ${1 + draw.int(3)})`),
  entry("int", "length()", (of) => sql`length(${of("text")})`),
  entry(
    "int",
    "coalesce()",
    (of, draw) => sql`coalesce(${of("int")}, ${draw.of("0", "-1", "9223372036854775807", "-9223372036854775808")})`,
  ),
  entry(
    "int",
    "CASE",
    (of, draw) => sql`CASE WHEN ${of("bool")} THEN ${of("int")} ELSE ${draw.of("0", "NULL", "2")} END`,
  ),
  entry("int", "extract()", (of, draw) => sql`extract(${draw.of("year", "month", "hour", "dow")} FROM ${of("ts")})`),
  entry("int", "nullif()", (_, draw) => sql`nullif(n, ${draw.int(3)})`),
  entry("int", "greatest()", (_, draw) => sql`greatest(n, s, ${draw.int(5)})`),
  entry("int", "list lambda", (_, draw) => sql`len(list_filter(l, lambda e: e > ${draw.int(3)}))`),
  entry(
    "int",
    "list_reduce()",
    () => sql`list_reduce(list_concat([0], l), lambda e, k: coalesce(e, 0) + coalesce(k, 0))`,
  ),
  entry("int", "TRY_CAST", (of) => sql`TRY_CAST(${of("text")} AS INTEGER)`),
  entry("int", "* and +", (_, draw) => sql`(n * ${draw.int(9)} + "a b")`),
  entry("int", "element of a list", () => sql`l[1]`),
  entry("int", "field of a STRUCT", () => sql`st['a']`),
  entry("int", "method call", () => sql`(j ->> '$.k')::VARCHAR.length()`),
  entry("small", "CASE", (of) => sql`CASE WHEN ${of("bool")} THEN ${of("small")} END`),
  entry("small", "* and +", (_, draw) => sql`(n * ${1 + draw.int(3)} + "a b")`),
  entry("small", "nullif()", (_, draw) => sql`nullif(n, ${draw.int(3)})`),
  entry("huge", "::HUGEINT", (of) => sql`(${of("int")}::HUGEINT * 3)`),
  entry("huge", "//", () => sql`(hu // 2)`),
  entry("huge", "coalesce()", (of) => sql`coalesce(${of("huge")}, 170141183460469231731687303715884105)`),
  entry("uhuge", "::UHUGEINT", () => sql`abs(n)::UHUGEINT`),
  entry("dec", "DECIMAL product", (_, draw) => sql`(d::DECIMAL(30,3) * ${draw.of("2", "0.5", "-1")})`),
  entry("dec", "::DECIMAL", () => sql`(n / 4)::DECIMAL(12,4)`),
  entry("dec", "coalesce()", (of) => sql`coalesce(${of("dec")}, 0.05)`),
  entry("dec", "scale of a DECIMAL", (_, draw) => sql`d::DECIMAL(38,${draw.of("3", "12", "18")})`),
  entry("dec", "round()", (_, draw) => sql`round(d, ${draw.int(3)})`),
  entry("num", "::DOUBLE", () => sql`(n * 0.25::DOUBLE)`),
  entry("num", "coalesce()", (of) => sql`coalesce(${of("num")}, 0.5)`),
  entry("num", "FLOAT + INTEGER", () => sql`(r + n)`),
  entry("num", "isnan()", () => sql`CASE WHEN isnan(f) THEN NULL ELSE f END`),
  entry("real", "CASE", (of) => sql`CASE WHEN ${of("bool")} THEN x ELSE 0.3 END`),
  entry("real", "division", () => sql`(x / 3)`),
  entry("text", "upper()", (of) => sql`upper(${of("text")})`),
  entry("text", "||", (of, draw) => sql`(${of("text")} || '${draw.of("-", "''", "é", "\\", "{}")}')`),
  entry("text", "coalesce()", (of, draw) => sql`coalesce(${of("text")}, '${draw.of("none", "", "it''s")}')`),
  entry("text", "left()", (_, draw) => sql`left(h, ${draw.int(3)})`),
  entry("text", "CASE of a value", () => sql`CASE g WHEN 'a' THEN 'x' WHEN 'b' THEN h END`),
  entry("text", "JSON ->>", () => sql`(j ->> '$.k')`),
  entry("text", "JSON ->", () => sql`(j -> 'k')::VARCHAR`),
  entry("text", "strftime()", (of) => sql`strftime(${of("ts")}, '%Y-%m')`),
  entry("text", "regexp_replace()", () => sql`regexp_replace(h, '[a-z]', '_')`),
  entry("text", "::VARCHAR", () => sql`n::VARCHAR`),
  entry("text", "printf()", () => sql`printf('%d', n)`),
  entry("text", "lambda over a field", () => sql`list_transform(l, lambda e: e + n)::VARCHAR`),
  entry("text", "nullif()", () => sql`nullif(g, 'a')`),
  entry(
    "bool",
    "comparison of numbers",
    (of, draw) => sql`(${of("int")} ${draw.of("<", ">=", "=", "<>")} ${draw.of("0", "1", "3", "9223372036854775808")})`,
  ),
  entry("bool", "IS NOT DISTINCT FROM", (of) => sql`(${of("text")} IS NOT DISTINCT FROM ${of("text")})`),
  entry("bool", "LIKE", (of) => sql`(${of("text")} LIKE '%a%')`),
  entry("bool", "BETWEEN", (_, draw) => sql`(n BETWEEN ${-draw.int(3)} AND ${draw.int(4)})`),
  entry("bool", "IN", (of) => sql`(${of("text")} IN ('a', 'B', NULL))`),
  entry("bool", "NOT IN", () => sql`(g NOT IN ('a', 'c'))`),
  entry("bool", "AND, OR, NOT", (of, draw) => sql`(${of("bool")} ${draw.of("AND", "OR")} NOT ${of("bool")})`),
  entry("bool", "IS NULL", (of) => sql`(${of("int")} IS NULL)`),
  entry("bool", "regexp_matches()", () => sql`regexp_matches(h, '^[ab]')`),
  entry("bool", "comparison of doubles", (_, draw) => sql`(f > ${draw.of("0.5", "1e300", "-1e20", "0")})`),
  entry("bool", "comparison of decimals", (_, draw) => sql`(d > ${draw.of("0.5", "12345678901234567890.5", "1e20")})`),
  entry("bool", "comparison of times", () => sql`(ts > '2000-01-01')`),
  entry("bool", "DATE literal", () => sql`(day >= DATE '1970-01-01')`),
  entry("bool", "list_contains()", (_, draw) => sql`list_contains(l, ${draw.int(4)})`),
  entry("bool", "isfinite()", () => sql`isfinite(f)`),
  entry("ts", "date_trunc()", (_, draw) => sql`date_trunc('${draw.of("hour", "day", "month")}', ts)`),
  entry(
    "ts",
    "time_bucket()",
    (_, draw) => sql`time_bucket(INTERVAL '${draw.of("1 hour", "7 days", "15 minutes")}', ts)`,
  ),
  entry("ts", "INTERVAL", (_, draw) => sql`(ts + INTERVAL ${draw.int(40)} DAY)`),
  entry("ts", "DATE + TIME", () => sql`(day + tod)`),
  entry("ts", "AT TIME ZONE", () => sql`(tz AT TIME ZONE 'Europe/Berlin')`),
  entry("tsx", "::TIMESTAMP_…", (_, draw) => sql`ts::TIMESTAMP_${draw.of("S", "MS", "NS")}`),
  entry("tz", "date_trunc()", () => sql`date_trunc('day', tz)`),
  entry("tz", "INTERVAL", () => sql`(tz - INTERVAL 90 MINUTE)`),
  entry("day", "::DATE", () => sql`ts::DATE`),
  entry("day", "DATE + INTEGER", (_, draw) => sql`(day + ${draw.int(40)})`),
  entry("day", "last_day()", () => sql`last_day(day)`),
  entry("list", "list lambda", () => sql`list_transform(l, lambda e: e * 2)`),
  entry("list", "list of fields", () => sql`[n, s]`),
  entry("list", "list comprehension", () => sql`[e + 1 FOR e IN l IF e > 1]`),
  entry("list", "list_sort()", () => sql`list_sort(l)`),
  entry("struct", "STRUCT of fields", () => sql`{'x': n, 'y': g}`),
  entry("struct", "struct_pack()", () => sql`struct_pack(k := g)`),
  entry("json", "JSON ->", () => sql`(j -> '$.k')`),
  entry("json", "to_json()", () => sql`to_json(n)`),
];

export const scalarFeatures: readonly string[] = [...new Set(scalars.map((each) => each.feature))];

/** Expressions over the fields in reach. */
export class Scalars {
  readonly #draw: Draw;
  readonly #fields: readonly FieldUse[];
  readonly #qualifier: string;

  /** @param qualifier the name that a field may be written with */
  constructor(draw: Draw, fields: readonly FieldUse[], qualifier: string) {
    this.#draw = draw;
    this.#fields = fields;
    this.#qualifier = qualifier;
  }

  one(kind: Kind, depth: number): Term {
    return this.termOf(kind, depth).term;
  }

  /** With the feature of its outermost part: a field's type or a function. */
  termOf(kind: Kind, depth: number): { term: Term; feature: string } {
    const draw = this.#draw;
    const functions = depth > 0 && !draw.chance(0.35) ? scalars.filter((each) => each.kind === kind) : [];
    if (functions.length > 0) {
      const { feature, build } = draw.pick(functions);
      return {
        term: term(
          kind,
          build((other) => this.one(other, depth - 1), draw),
        ),
        feature,
      };
    }
    const field = draw.pick(this.#fields.filter((each) => each.kind === kind));
    const qualified = draw.maybe("qualified name", 0.1) ? `${this.#qualifier}.${field.sql}` : field.sql;
    return { term: term(kind, [qualified]), feature: field.feature };
  }
}
