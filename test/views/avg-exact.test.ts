/** An average merged from parts is DuckDB's own, bit for bit: whole numbers, decimals and times, however large. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Compiler } from "../../shared/compiler/compile.ts";
import { partialOf, rowsOf } from "../../shared/compiler/texts.ts";
import { Duck, type Session } from "../../shared/duckdb/duck.ts";
import { isFull } from "../support/share.ts";
import { stream } from "../support/view-case.ts";
import { seededNumbers } from "./seeded.ts";

/** Values by type, from a random BIGINT `x`, a random shift and the row's number. */
const columns: Readonly<Record<string, { type: string; value: string }>> = {
  tiny: { type: "TINYINT", value: "(x % 128)" },
  small: { type: "SMALLINT", value: "(x % 32768)" },
  integer: { type: "INTEGER", value: "(x % 2147483648)" },
  big: { type: "BIGINT", value: "(x >> shift)" },
  unsigned: { type: "UBIGINT", value: "((x::HUGEINT + 9223372036854775808) >> shift)" },
  huge: { type: "HUGEINT", value: "(x::HUGEINT * 1000000007 >> shift)" },
  d4: { type: "DECIMAL(4,1)", value: "(x % 10000)::DECIMAL(18,0) / 10" },
  d9: { type: "DECIMAL(9,2)", value: "(x % 1000000000)::DECIMAL(18,0) / 100" },
  d18: { type: "DECIMAL(18,3)", value: "(x % 1000000000000000) / 1000" },
  d18_10: { type: "DECIMAL(18,10)", value: "(x % 100000000) + (x % 9973)::DECIMAL(18,10) / 9973" },
  d38: { type: "DECIMAL(38,0)", value: "(x::HUGEINT * 1000000000000) >> shift" },
  d38_12: { type: "DECIMAL(38,12)", value: "(x >> shift) + (x % 9973)::DECIMAL(38,12) / 9973" },
  d38_18: { type: "DECIMAL(38,18)", value: "(x % 1000000000) + (x % 9973)::DECIMAL(38,18) / 9973" },
  d38_22: { type: "DECIMAL(38,22)", value: "(x % 10000) + (x % 9973)::DECIMAL(38,22) / 9973" },
  ts: { type: "TIMESTAMP", value: "make_timestamp(x % 10000000000000000)" },
  tz: { type: "TIMESTAMP WITH TIME ZONE", value: "make_timestamptz(x % 10000000000000000)" },
  day: { type: "DATE", value: "DATE '1970-01-01' + (x % 1000000)::INTEGER" },
  tod: { type: "TIME", value: "TIME '00:00:00' + to_microseconds(abs(x % 86400000000))" },
};

const rows = isFull ? { few: 12_000, many: 40, divided: 30_000 } : { few: 3000, many: 16, divided: 8000 };

let duck: Duck;
let session: Session;
let groups = 0;
const all = stream("events", {
  g: "BIGINT",
  ...Object.fromEntries(Object.entries(columns).map(([name, { type }]) => [name, `${type}?`])),
});

beforeAll(async () => {
  duck = await Duck.open({ threads: 1 });
  session = await duck.session();
  // for each type groups of 1 to 4 rows, half of them shifted to small values, and some of 2,048 to 6,000 rows
  await session.run(`CREATE TEMP TABLE sizes AS SELECT range AS g, 1 + hash(range) % 4 AS size FROM range(${rows.few})
    UNION ALL SELECT ${rows.few} + range, 2048 + hash(range) % 3953 FROM range(${rows.many})`);
  await session.run(`CREATE TEMP TABLE drawn AS SELECT g, (hash(g, unnest)::HUGEINT - 9223372036854775808)::BIGINT AS x,
    CASE WHEN g % 2 = 0 THEN 0 ELSE hash(g) % 60 END::INTEGER AS shift, unnest % 2 AS part FROM sizes, unnest(range(size::BIGINT))`);
  const list = Object.entries(columns).map(
    ([name, { type, value }]) => `CASE WHEN x % 41 = 0 THEN NULL ELSE (${value})::${type} END AS ${name}`,
  );
  await session.run(`CREATE TEMP TABLE typed AS SELECT g, part, ${list.join(", ")} FROM drawn`);
  groups = Number(await session.value("SELECT count(*) FROM sizes"));
}, 240_000);

afterAll(() => {
  session.close();
  duck.close();
});

describe("avg from two parts equals DuckDB's avg", () => {
  for (const name of Object.keys(columns)) {
    test(columns[name]!.type, async () => {
      using own = await duck.session();
      const compiler = await Compiler.open(own, [all]);
      const sql = `SELECT g, avg(${name}) AS a, avg(${name}) FILTER (WHERE g % 3 = 0) AS f FROM events GROUP BY g`;
      const view = await compiler.compile({ name, file: `views/${name}.sql`, sql, description: "" });
      for (const part of [0, 1]) {
        await session.run(
          `CREATE OR REPLACE TEMP TABLE part${part} AS ${partialOf(view, new Map([["events", `SELECT * FROM typed WHERE part = ${part}`]]))}`,
        );
      }
      const [row] = await session.rows(
        `SELECT count(*) AS same FROM (${rowsOf(view, "FROM part0 UNION ALL FROM part1")}) m
         JOIN (WITH events AS (FROM typed) ${sql}) p ON m.g = p.g AND m.a IS NOT DISTINCT FROM p.a AND m.f IS NOT DISTINCT FROM p.f`,
      );
      expect(Number(row!.same)).toBe(groups);
    }, 240_000);
  }
});

/** u / 2^drop, rounded half to even. */
function roundAt(u: bigint, drop: number): bigint {
  if (drop <= 0) return u << BigInt(-drop);
  const [unit, low] = [1n << BigInt(drop), u & ((1n << BigInt(drop)) - 1n)];
  const q = u >> BigInt(drop);
  return low * 2n > unit || (low * 2n === unit && q % 2n === 1n) ? q + 1n : q;
}

const bits = (u: bigint) => u.toString(2).length;
const longDouble = (u: bigint) => roundAt(u, Math.max(bits(u) - 64, 0)) << BigInt(Math.max(bits(u) - 64, 0));

/** total / n in long doubles, then as a double, in exact arithmetic. */
function reference(total: bigint, n: bigint): number {
  const sign = total < 0n ? -1 : 1;
  const [a, b] = [longDouble(total < 0n ? -total : total) << 200n, longDouble(n)];
  const q = ((a / b) << 1n) | (a % b === 0n ? 0n : 1n);
  // Number() rounds a bigint half to even
  return sign * (Number(longDouble(q)) / 2 ** 201);
}

describe("the division behind it equals exact arithmetic", () => {
  for (const [macro, width] of [
    ["tidemark_avg", 60],
    ["tidemark_avg_wide", 126],
  ] as const) {
    test(macro, async () => {
      const random = seededNumbers(width);
      const wide = (most: number) => {
        const size = 1 + Math.floor(random() * most);
        const kind = random();
        // all ones, a power of two, and few ones are where rounding carries or ties
        if (kind < 0.1) return (1n << BigInt(size)) - 1n;
        if (kind < 0.2) return 1n << BigInt(size - 1);
        let value = 1n;
        for (let i = 1; i < size; i++) value = (value << 1n) | (random() < (kind < 0.5 ? 0.05 : 0.5) ? 1n : 0n);
        return value;
      };
      const pairs = Array.from(
        { length: rows.divided },
        () => [wide(126) * (random() < 0.5 ? -1n : 1n), wide(width)] as const,
      );
      pairs.push([0n, 1n], [0n, 5000n], [-1n, 2048n], [10n ** 38n - 1n, 1n], [1n - 10n ** 38n, 3n]);
      const values = pairs.map(([total, n]) => `('${total}', '${n}')`).join(", ");
      const found = await session.rows(
        `SELECT t, n, ${macro}(t::HUGEINT, n::HUGEINT) AS a FROM (VALUES ${values}) v(t, n)`,
      );
      const wrong = found.filter(
        (row) => !Object.is(row.a, reference(BigInt(String(row.t)), BigInt(String(row.n))) + 0),
      );
      expect(found).toHaveLength(pairs.length);
      expect(wrong.slice(0, 3)).toEqual([]);
    }, 240_000);
  }

  test("nothing to divide is NULL", async () => {
    for (const macro of ["tidemark_avg", "tidemark_avg_wide", "tidemark_avg_micros"]) {
      expect(await session.value(`SELECT ${macro}(NULL::HUGEINT, 0::BIGINT)`)).toBeNull();
    }
  });
});
