/**
 * fsum and favg: the double nearest to the exact sum, the same however events are cut, and never further from
 * plain DuckDB's than that is from the exact one: two units in the last place of the sum of all sizes.
 */
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { Compiler } from "../../shared/compiler/compile.ts";
import { combineOf, partialOf, rowsOf } from "../../shared/compiler/texts.ts";
import type { ViewDefinition } from "../../shared/definition.ts";
import { Duck, type Session } from "../../shared/duckdb/duck.ts";
import { comparePartials, largestScale } from "../../shared/proof/compare.ts";
import { stream } from "../support/view-case.ts";
import { seededNumbers } from "./seeded.ts";

const bits = new DataView(new ArrayBuffer(8));

/** A finite double in units of 2^-1074. */
function unitsOf(x: number): bigint {
  bits.setFloat64(0, x);
  const word = bits.getBigUint64(0);
  const [exponent, fraction] = [(word >> 52n) & 0x7ffn, word & ((1n << 52n) - 1n)];
  const size = exponent === 0n ? fraction : ((1n << 52n) | fraction) << (exponent - 1n);
  return word >> 63n ? -size : size;
}

/** The double nearest to this many units, of two the even one; NaN beyond all. */
function nearest(units: bigint): number {
  const size = units < 0n ? -units : units;
  const drop = BigInt(Math.max(size.toString(2).length - 53, 0));
  const [low, half] = [size & ((1n << drop) - 1n), drop > 0n ? 1n << (drop - 1n) : 1n];
  const kept = size >> drop;
  const mantissa = kept + (low > half || (low === half && (kept & 1n) === 1n) ? 1n : 0n);
  let value = Number(mantissa);
  // halved and doubled in two steps, which rounds nothing here
  const exponent = Number(drop) - 1074;
  value = value * 2 ** Math.trunc(exponent / 2) * 2 ** (exponent - Math.trunc(exponent / 2));
  if (!Number.isFinite(value)) return Number.NaN;
  return units < 0n ? -value : value;
}

const seed = Number(process.env.SEED ?? 81_021);
const random = seededNumbers(seed);
const int = (below: number) => Math.floor(random() * below);
const sign = () => (random() < 0.5 ? -1 : 1);
const spread = (from: number, upto: number) => sign() * (1 + random()) * 2 ** (from + int(upto - from));

/** Kinds of groups: each draws a value. */
const kinds: readonly (() => number)[] = [
  () => sign() * [1e16, 1, 1, 3, 1e-16][int(5)]!,
  () => spread(-1022, 1020),
  () => spread(-40, 40),
  () => sign() * int(1000) * 2 ** -1074,
  () => int(100_000) / 100,
  () => sign() * 1.7e308,
  // halves of the last place, and what tips them
  () => sign() * [1, 2 ** -53, 2 ** -106, 2 ** -300, 2 ** 53, 2 ** 52 + 0.5, 2 ** 64, 2 ** 96][int(8)]!,
  // about where one stretch ends and the next begins
  () => sign() * 2 ** (32 * (int(8) - 4)) * [1, 1 - 2 ** -53, 1 + 2 ** -52][int(3)]!,
];
const groups = 320;

interface Group {
  readonly values: number[];
  readonly exact: number;
  readonly sizes: number;
}

function drawGroup(g: number): Group {
  const kind = kinds[g % kinds.length]!;
  const values = Array.from({ length: 1 + int(12) }, kind);
  // much of it is taken away again
  if (random() < 0.6) for (const each of values.slice(0, 1 + int(values.length))) values.push(-each);
  values.sort(() => random() - 0.5);
  const exact = nearest(values.reduce((sum, each) => sum + unitsOf(each), 0n));
  return { values, exact, sizes: values.reduce((sum, each) => sum + Math.abs(each), 0) };
}

const drawn = Array.from({ length: groups }, (_, g) => drawGroup(g));
let duck: Duck;
let session: Session;
let view: ViewDefinition;
const sql =
  "SELECT g, fsum(x) AS s, favg(x) AS a, fsum(DISTINCT x) AS d, fsum(x) FILTER (WHERE x > 0) AS p FROM events GROUP BY g";

beforeAll(async () => {
  duck = await Duck.open({ threads: 1 });
  session = await duck.session();
  const compiler = await Compiler.open(session, [stream("events", { g: "INTEGER", x: "DOUBLE?" })]);
  view = await compiler.compile({ name: "v", file: "views/v.sql", sql, description: "" });
  const rows = drawn.flatMap(({ values }, g) =>
    values.map((x) => `(${g}, '${x}'::DOUBLE, [${Array.from({ length: 6 }, () => int(4))}])`),
  );
  await session.run(`CREATE TEMP TABLE all_events AS FROM (VALUES ${rows.join(", ")}) v(g, x, cut)`);
});
afterAll(() => {
  session.close();
  duck.close();
});

const partials = (where: string) =>
  `(${partialOf(view, new Map([["events", `SELECT g, x FROM all_events WHERE ${where}`]]))})`;

async function valuesOf(select: string): Promise<Map<number, number[]>> {
  const rows = (await session.read(select)).getRowsJson();
  return new Map(rows.map(([g, ...values]) => [Number(g), values.map((each) => (each === null ? 0 : Number(each)))]));
}

describe(`seed ${seed}`, () => {
  it("is the nearest double, for every cut", async () => {
    const whole = combineOf(view, partials("true"));
    for (const cut of [0, 1, 2, 3, 4, 5, 6]) {
      const parts = [0, 1, 2, 3].map((part) => partials(cut === 0 ? `${part} = 0` : `cut[${cut}] = ${part}`));
      const twice = `(${combineOf(view, `${parts[3]} UNION ALL ${parts[1]}`)}) UNION ALL ${parts[2]} UNION ALL ${parts[0]}`;
      const { differences } = await comparePartials(
        session,
        { ...view, inexact: [], tolerance: 0 },
        whole,
        combineOf(view, twice),
      );
      expect(differences).toEqual([]);
      const rows = await valuesOf(rowsOf(view, twice));
      expect(rows.size).toBe(groups);
      for (const [g, [sum, mean, distinct, positive]] of rows) {
        const { values, exact } = drawn[g]!;
        const of = (some: readonly number[]) => nearest(some.reduce((all, each) => all + unitsOf(each), 0n)) + 0;
        expect(sum, `${values}`).toBe(exact + 0);
        expect(mean, `${values}`).toBe(exact / values.length + 0);
        expect(distinct, `${values}`).toBe(of([...new Set(values)]));
        expect(positive, `${values}`).toBe(of(values.filter((each) => each > 0)));
      }
    }
  });

  it("is what plain DuckDB has, but for two units in the last place of the sum of all sizes", async () => {
    for (const order of [1, 2, 3]) {
      const plain = await valuesOf(
        `SELECT g, fsum(x) FROM (SELECT g, x FROM all_events ORDER BY cut[${order}], hash(x)) GROUP BY g`,
      );
      let compared = 0;
      for (const [g, { exact, sizes }] of drawn.entries()) {
        const [theirs] = plain.get(g)!;
        if (!Number.isFinite(sizes)) continue;
        compared++;
        // two for it, and the half unit of ours
        expect(Math.abs(theirs! - exact)).toBeLessThanOrEqual(3 * 2 ** -53 * sizes);
      }
      expect(compared).toBeGreaterThan(groups / 2);
    }
  });
});

test.each([
  [[1e16, 1, -1e16], 1],
  [[1e16, 1, 1, -1e16], 2],
  [[1e100, 1, -1e100, -1], 0],
  [[1.5e308, 1.5e308, -1.5e308], 1.5e308],
  [[9007199254740992, 1, 1], 9007199254740994],
  [[1.7e308, 1.7e308], Number.NaN],
  [[1, Number.POSITIVE_INFINITY], Number.NaN],
  [[Number.NaN, 1], Number.NaN],
  [[-0, -0], 0],
])("fsum of %j is %d", async (values, expected) => {
  const list = values.map((x) => `SELECT '${x}'::DOUBLE AS x`);
  const each = list.map((one) => `(${partialOf(view, new Map([["events", `SELECT 1 AS g, x FROM (${one})`]]))})`);
  expect((await valuesOf(rowsOf(view, each.join(" UNION ALL ")))).get(1)![0]).toBe(expected);
});

test.each(["fsum(x)", "favg(x)", "sum(DISTINCT x)", "fsum(DISTINCT x)", "avg(DISTINCT x)"])(
  "how large what %s adds up is: where plain DuckDB may overflow on the way",
  async (call) => {
    const compiler = await Compiler.open(await duck.session(), [stream("events", { g: "INTEGER", x: "DOUBLE?" })]);
    const sum = `SELECT g, ${call} AS s FROM events GROUP BY g`;
    const own = await compiler.compile({ name: "v", file: "views/v.sql", sql: sum, description: "" });
    const largest = (value: string) =>
      largestScale(session, own, `(${partialOf(own, new Map([["events", `SELECT 1 AS g, ${value}::DOUBLE AS x`]]))})`);
    expect(await largest("-1.5e308")).toBeGreaterThanOrEqual(1e300);
    expect(await largest("-1e250")).toBeLessThan(1e300);
    expect(await largest("NULL")).toBe(0);
  },
);
