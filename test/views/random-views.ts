/** Random views and random events for them, from numbers in [0, 1). Doubles are such that their sums are exact in any order. */
import { stream } from "../support/view-case.ts";

export const randomStream = stream("events", {
  g: "VARCHAR?",
  h: "VARCHAR?",
  i: "BIGINT?",
  n: "INTEGER?",
  s: "SMALLINT?",
  u: "UBIGINT?",
  hu: "HUGEINT?",
  d: "DECIMAL(18,3)?",
  w: "DECIMAL(30,10)?",
  f: "DOUBLE?",
  r: "FLOAT?",
  b: "BOOLEAN?",
  ts: "TIMESTAMP?",
  tz: "TIMESTAMP WITH TIME ZONE?",
  day: "DATE?",
  tod: "TIME?",
  l: "BIGINT[]?",
  st: "STRUCT(a BIGINT, b VARCHAR)?",
  j: "JSON?",
  id: "UUID?",
  raw: "BLOB?",
  "a b": "BIGINT?",
  Ünï: "VARCHAR?",
});

type Kind =
  | "int"
  | "huge"
  | "dec"
  | "num"
  | "text"
  | "bool"
  | "ts"
  | "tz"
  | "day"
  | "tod"
  | "list"
  | "struct"
  | "json"
  | "uuid"
  | "blob";

const fields: Readonly<Record<Kind, readonly string[]>> = {
  int: ["i", "n", "s", "u", '"a b"', "st.a", "events.i", "n"],
  huge: ["hu"],
  dec: ["d", "w"],
  num: ["f", "r"],
  text: ["g", "h", "g", '"Ünï"', "st.b", "events.g"],
  bool: ["b"],
  ts: ["ts"],
  tz: ["tz"],
  day: ["day"],
  tod: ["tod"],
  list: ["l"],
  struct: ["st"],
  json: ["j"],
  uuid: ["id"],
  blob: ["raw"],
};

export class RandomViews {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  #int(below: number): number {
    return Math.floor(this.#random() * below);
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#int(list.length)]!;
  }

  #chance(p: number): boolean {
    return this.#random() < p;
  }

  event(): string {
    const texts = ["a", "b", "B", "", "é", "日本", "a'b", 'q"\\', "2001-01-01", "x\u0000y".slice(0, 1), "%", "a\nb"];
    const digits = (count: number) => Array.from({ length: count }, () => this.#int(10)).join("");
    const time = () => `${this.#pick(["00:00:00", "23:59:59.999999", "12:30:00", "01:00:00.5"])}`;
    const day = () => this.#pick(["1969-12-31", "1970-01-01", "2001-02-28", "2000-02-29", "2024-12-31"]);
    const values: Record<string, string> = {
      g: JSON.stringify(this.#pick(["a", "b", "c"])),
      h: JSON.stringify(this.#pick(texts)),
      i: this.#pick([
        "0",
        "1",
        "-1",
        "7",
        "9007199254740993",
        "9223372036854775807",
        "-9223372036854775808",
        `${this.#int(100)}`,
      ]),
      n: `${this.#int(10) - 5}`,
      s: this.#pick(["32767", "-32768", `${this.#int(6)}`]),
      u: this.#pick(["18446744073709551615", "0", `${this.#int(50)}`]),
      hu: this.#pick(["0", "-1", "12345678901234567890123456789", "-99999999999999999999999", `${this.#int(9)}`]),
      d: this.#pick(["0.001", "-0.500", "999999999999999.999", `${this.#int(20)}.${digits(3)}`]),
      w: this.#pick([
        "0.0000000001",
        `-${digits(12).replace(/^0+/, "1")}.5`,
        `"${digits(19).replace(/^0+/, "1")}.${digits(10)}"`,
      ]),
      f: this.#pick([
        "0.0",
        "-0.0",
        '"NaN"',
        '"Infinity"',
        '"-Infinity"',
        "0.125",
        "-2.5",
        "1024",
        `${this.#int(64) / 8}`,
      ]),
      r: this.#pick(["0.5", "-0.0", "3.25", `${this.#int(32) / 4}`]),
      b: this.#pick(["true", "false"]),
      ts: `"${day()} ${time()}"`,
      tz: `"${day()}T${time()}${this.#pick(["Z", "+02:00", "-05:30"])}"`,
      day: `"${day()}"`,
      tod: `"${time()}"`,
      l: this.#pick(["[]", "[1,2,3]", "[null]", "[3,1]", "[1,2,3]"]),
      st: this.#pick(['{"a":1,"b":"x"}', '{"a":null,"b":"y"}', '{"a":2,"b":null}']),
      j: this.#pick(['{"k":1}', '{"k":"x"}', "[1,2]", '"t"', "3"]),
      id: this.#pick(['"11111111-1111-1111-1111-111111111111"', '"ffffffff-1111-1111-1111-111111111111"']),
      raw: this.#pick(['""', '"AAEC"', '"/w=="']),
      "a b": `${this.#int(4)}`,
      Ünï: JSON.stringify(this.#pick(["x", "é", "Ω"])),
    };
    return `{${Object.entries(values)
      .filter(() => !this.#chance(0.12))
      .map(([name, value]) => `${JSON.stringify(name)}:${this.#chance(0.08) ? "null" : value}`)
      .join(",")}}`;
  }

  /** An expression of a kind over one event. */
  scalar(kind: Kind, depth: number): string {
    const field = this.#pick(fields[kind]);
    if (depth <= 0 || this.#chance(0.35)) return field;
    const of = (other: Kind) => this.scalar(other, depth - 1);
    const pick = (...options: (() => string)[]) => this.#pick(options)();
    switch (kind) {
      case "int":
        return pick(
          () => `(${of("int")} % ${1 + this.#int(5)})`,
          () => `(${of("int")} // ${1 + this.#int(3)})`,
          () => `length(${of("text")})`,
          () => `coalesce(${of("int")}, ${this.#pick(["0", "-1", "9223372036854775807", "-9223372036854775808"])})`,
          () => `CASE WHEN ${of("bool")} THEN ${of("int")} ELSE ${this.#pick(["0", "NULL", "2"])} END`,
          () => `extract(${this.#pick(["year", "month", "hour", "dow"])} FROM ${of("ts")})`,
          () => `nullif(n, ${this.#int(3)})`,
          () => `greatest(n, s, ${this.#int(5)})`,
          () => `len(list_filter(l, lambda x: x > ${this.#int(3)}))`,
          () => `list_reduce(list_concat([0], l), lambda x, y: coalesce(x, 0) + coalesce(y, 0))`,
          () => `TRY_CAST(${of("text")} AS INTEGER)`,
          () => `(n * ${this.#int(9)} + "a b")`,
          () => `l[1]`,
          () => `st['a']`,
          () => `(j ->> '$.k')::VARCHAR.length()`,
        );
      case "huge":
        return pick(
          () => `(${of("int")}::HUGEINT * 3)`,
          () => "(hu // 2)",
          () => `coalesce(hu, 170141183460469231731687303715884105)`,
        );
      case "dec":
        return pick(
          () => `(d::DECIMAL(30,3) * ${this.#pick(["2", "0.5", "-1"])})`,
          () => `(n / 4)::DECIMAL(12,4)`,
          () => `coalesce(${field}, 0.05)`,
          () => `d::DECIMAL(38,${this.#pick(["3", "12", "18"])})`,
          () => `round(d, ${this.#int(3)})`,
        );
      case "num":
        return pick(
          () => "(n * 0.25::DOUBLE)",
          () => "coalesce(f, 0.5)",
          () => "(r + n)",
          () => "CASE WHEN isnan(f) THEN NULL ELSE f END",
        );
      case "text":
        return pick(
          () => `upper(${of("text")})`,
          () => `(${of("text")} || '${this.#pick(["-", "''", "é", "\\", "{}"])}')`,
          () => `coalesce(${of("text")}, '${this.#pick(["none", "", "it''s"])}')`,
          () => `left(h, ${this.#int(3)})`,
          () => `CASE g WHEN 'a' THEN 'x' WHEN 'b' THEN h END`,
          () => `(j ->> '$.k')`,
          () => `(j -> 'k')::VARCHAR`,
          () => `strftime(${of("ts")}, '%Y-%m')`,
          () => `regexp_replace(h, '[a-z]', '_')`,
          () => `n::VARCHAR`,
          () => `printf('%d', n)`,
          () => `list_transform(l, lambda x: x + n)::VARCHAR`,
          () => `nullif(g, 'a')`,
        );
      case "bool":
        return pick(
          () =>
            `(${of("int")} ${this.#pick(["<", ">=", "=", "<>"])} ${this.#pick(["0", "1", "3", "9223372036854775808"])})`,
          () => `(${of("text")} IS NOT DISTINCT FROM ${of("text")})`,
          () => `(${of("text")} LIKE '%a%')`,
          () => `(n BETWEEN ${-this.#int(3)} AND ${this.#int(4)})`,
          () => `(${of("text")} IN ('a', 'B', NULL))`,
          () => `(g NOT IN ('a', 'c'))`,
          () => `(${of("bool")} ${this.#pick(["AND", "OR"])} NOT ${of("bool")})`,
          () => `(${of("int")} IS NULL)`,
          () => `regexp_matches(h, '^[ab]')`,
          () => `(f > ${this.#pick(["0.5", "1e300", "-1e20", "0"])})`,
          () => `(d > ${this.#pick(["0.5", "12345678901234567890.5", "1e20"])})`,
          () => `(ts > '2000-01-01')`,
          () => `(day >= DATE '1970-01-01')`,
          () => `list_contains(l, ${this.#int(4)})`,
          () => `isfinite(f)`,
        );
      case "ts":
        return pick(
          () => `date_trunc('${this.#pick(["hour", "day", "month"])}', ts)`,
          () => `time_bucket(INTERVAL '${this.#pick(["1 hour", "7 days", "15 minutes"])}', ts)`,
          () => `(ts + INTERVAL ${this.#int(40)} DAY)`,
          () => `(day + tod)`,
          () => `ts::TIMESTAMP_${this.#pick(["S", "MS", "NS"])}`,
          () => `(tz AT TIME ZONE 'Europe/Berlin')`,
        );
      case "tz":
        return pick(
          () => "date_trunc('day', tz)",
          () => "(tz - INTERVAL 90 MINUTE)",
        );
      case "day":
        return pick(
          () => `ts::DATE`,
          () => `(day + ${this.#int(40)})`,
          () => `last_day(day)`,
        );
      case "list":
        return pick(
          () => "list_transform(l, lambda x: x * 2)",
          () => "[n, s]",
          () => "[x + 1 FOR x IN l IF x > 1]",
          () => "list_sort(l)",
        );
      case "struct":
        return pick(
          () => "{'x': n, 'y': g}",
          () => "struct_pack(a := g)",
        );
      case "json":
        return pick(
          () => "(j -> '$.k')",
          () => "to_json(n)",
        );
      default:
        return field;
    }
  }

  #aggregate(): { kind: Kind | "list" | "map"; sql: string } {
    const filter = this.#chance(0.25) ? ` FILTER (WHERE ${this.scalar("bool", 2)})` : "";
    if (this.#chance(0.4)) return this.#otherAggregate(filter);
    const name = this.#pick(["count(*)", "count", "count_if", "sum", "sum", "avg", "avg", "min", "max"]);
    const pickKind = (...kinds: Kind[]) => this.#pick(kinds);
    if (name === "count(*)") return { kind: "int", sql: `count(*)${filter}` };
    if (name === "count")
      return {
        kind: "int",
        sql: `count(${this.scalar(pickKind("int", "text", "num", "bool", "json", "list"), 2)})${filter}`,
      };
    if (name === "count_if") return { kind: "int", sql: `count_if(${this.scalar("bool", 2)})${filter}` };
    if (name === "sum") {
      const kind = pickKind("int", "dec", "num", "huge", "bool");
      return { kind: kind === "bool" || kind === "int" ? "huge" : kind, sql: `sum(${this.scalar(kind, 2)})${filter}` };
    }
    if (name === "avg") {
      const kind = pickKind("int", "int", "dec", "dec", "num", "huge", "ts", "day", "tz", "tod");
      const result = kind === "day" ? "ts" : ["ts", "tz", "tod"].includes(kind) ? kind : "num";
      return { kind: result, sql: `avg(${this.scalar(kind, 2)})${filter}` };
    }
    const kind = pickKind(
      "int",
      "dec",
      "num",
      "huge",
      "text",
      "bool",
      "ts",
      "tz",
      "day",
      "tod",
      "uuid",
      "blob",
      "list",
      "struct",
      "json",
    );
    return { kind, sql: `${name}(${this.scalar(kind, 2)})${filter}` };
  }

  /** Of every value, of truth values, of bits: all exact. */
  #otherAggregate(filter: string): { kind: Kind | "list" | "map"; sql: string } {
    const pickKind = (...kinds: Kind[]) => this.#pick(kinds);
    const share = () => this.#pick(["0", "0.25", "0.5", "0.75", "0.9", "0.333", "0.99", "1"]);
    const countable = () =>
      pickKind("int", "dec", "num", "huge", "text", "bool", "ts", "tz", "day", "tod", "uuid", "list");
    const name = this.#pick([
      "distinct",
      "distinct",
      "median",
      "disc",
      "discs",
      "cont",
      "histogram",
      "truth",
      "bits",
      "sum",
      "avg",
    ]);
    switch (name) {
      case "distinct":
        return { kind: "int", sql: `count(DISTINCT ${this.scalar(countable(), 2)})${filter}` };
      case "sum": {
        const kind = pickKind("int", "dec");
        return { kind: kind === "int" ? "huge" : kind, sql: `sum(DISTINCT ${this.scalar(kind, 2)})${filter}` };
      }
      case "avg":
        return { kind: "num", sql: `avg(DISTINCT ${this.scalar(pickKind("int", "dec"), 1)})${filter}` };
      case "median": {
        const kind = pickKind("int", "ts", "tz", "text");
        return { kind: kind === "int" ? "num" : kind, sql: `median(${this.scalar(kind, 1)})${filter}` };
      }
      case "cont": {
        const kind = pickKind("int", "ts", "tz");
        return {
          kind: kind === "int" ? "num" : kind,
          sql: `quantile_cont(${this.scalar(kind, 1)}, ${share()})${filter}`,
        };
      }
      case "disc": {
        const kind = countable();
        return { kind, sql: `quantile_disc(${this.scalar(kind, 2)}, ${share()})${filter}` };
      }
      case "discs":
        return {
          kind: "list",
          sql: `quantile_disc(${this.scalar(countable(), 2)}, [${share()}, ${share()}])${filter}`,
        };
      case "histogram":
        return { kind: "map", sql: `histogram(${this.scalar(pickKind("int", "text", "day", "dec"), 2)})${filter}` };
      case "truth":
        return { kind: "bool", sql: `${this.#pick(["bool_and", "bool_or"])}(${this.scalar("bool", 2)})${filter}` };
      default:
        return {
          kind: "int",
          sql: `${this.#pick(["bit_and", "bit_or", "bit_xor"])}(${this.scalar("int", 1)})${filter}`,
        };
    }
  }

  /** An expression over the aggregates in `pool`. */
  #around(pool: readonly { kind: string; sql: string }[], keys: readonly string[]): string {
    const { kind, sql } = this.#pick(pool);
    if (this.#chance(0.3)) return sql;
    const numeric = ["int", "huge", "dec", "num"].includes(kind);
    const other = pool.filter((each) => ["int", "huge"].includes(each.kind));
    const options: (() => string)[] = [
      () => `CASE WHEN count(*) > ${this.#int(4)} THEN ${sql} END`,
      () => `coalesce(${sql}, ${sql})`,
      () => `[${sql}, ${sql}]`,
      () => `{'v': ${sql}, 'n': count(*)}`,
      () => `(${sql}) IS NULL`,
      () => `typeof(${sql})`,
    ];
    if (keys.length > 0) options.push(() => `CASE WHEN ${this.#pick(keys)} IS NULL THEN NULL ELSE ${sql} END`);
    if (numeric && kind !== "num")
      options.push(
        () => `(${sql}) // 2`,
        () => `(${sql}) % 3`,
        () => `round(100.0 * ${sql} / count(*), 1)`,
        () => `(${sql})::VARCHAR`,
      );
    if (kind === "int")
      options.push(
        () => `${sql} + ${this.#pick(["1", "0.5", "1e3"])}`,
        () => `list_transform([${sql}, 1], lambda x: x + 1)`,
      );
    if (kind === "num")
      options.push(
        () => `round(${sql}, 1)`,
        () => `floor(${sql})`,
        () => `${sql} * 2`,
      );
    if (numeric && other.length > 0)
      options.push(
        () => `${sql} / nullif(${this.#pick(other).sql}, 0)`,
        () => `greatest(${sql}, ${this.#pick(other).sql})`,
      );
    if (kind === "ts")
      options.push(
        () => `date_trunc('hour', ${sql})`,
        () => `strftime(${sql}, '%Y-%m-%d %H:%M:%S')`,
        () => `${sql} + INTERVAL 1 DAY`,
      );
    if (kind === "text") options.push(() => `upper(${sql}) || '!'`);
    return this.#pick(options)();
  }

  view(): string {
    const kinds: Kind[] = [
      "int",
      "text",
      "text",
      "bool",
      "num",
      "dec",
      "ts",
      "day",
      "tz",
      "tod",
      "list",
      "struct",
      "json",
      "uuid",
      "blob",
      "huge",
    ];
    const keys = Array.from({ length: this.#pick([0, 1, 1, 1, 2, 2, 3]) }, () => this.scalar(this.#pick(kinds), 2));
    if (keys.length > 0 && this.#chance(0.1)) keys.push(this.#pick(["'const'", "NULL", "DATE '2001-01-01'"]));
    const pool = Array.from({ length: 1 + this.#int(4) }, () => this.#aggregate());
    const twin = pool[0]!;
    if (this.#chance(0.3) && !twin.sql.includes(" FILTER "))
      pool.push({ kind: twin.kind, sql: `${twin.sql} FILTER (WHERE ${this.scalar("bool", 1)})` });
    const all = keys.length > 0 && this.#chance(0.2);
    const items: { sql: string; alias: string }[] = [];
    const groups: string[] = [];
    for (const [at, key] of keys.entries()) {
      const shown = all || this.#chance(0.75);
      if (!shown) groups.push(key);
      else {
        const alias = this.#pick([`k${at}`, `K ${at}`, `Größe${at}`, `a${at}`]);
        items.push({ sql: key, alias });
        groups.push(this.#pick([key, `"${alias}"`, `${items.length}`]));
        if (this.#chance(0.15)) items.push({ sql: `"${alias}" IS NULL`, alias: `n${at}` });
      }
    }
    const shownKeys = [...keys];
    const count = 1 + this.#int(3);
    for (let at = 0; at < count; at++) items.push({ sql: this.#around(pool, shownKeys), alias: `p${at}` });
    if (this.#chance(0.2)) items.push({ sql: `${items.at(-1)!.alias} IS NULL`, alias: "again" });
    const where = this.#chance(0.35) ? ` WHERE ${this.scalar("bool", 3)}` : "";
    const group = keys.length === 0 ? "" : all ? " GROUP BY ALL" : ` GROUP BY ${groups.join(", ")}`;
    const having = this.#chance(0.3)
      ? ` HAVING ${this.#pick([`count(*) > ${this.#int(3)}`, `${this.#pick(pool).sql} IS NOT NULL`, `p0 IS NOT NULL`, `count(*) BETWEEN 1 AND 5 OR p0 IS NULL`])}`
      : "";
    return `SELECT ${items.map(({ sql, alias }) => `${sql} AS "${alias}"`).join(", ")} FROM events${where}${group}${having}`;
  }
}
