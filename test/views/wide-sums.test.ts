/**
 * Sums of integers and decimals of up to 38 digits: what a part of the events would overflow with, the whole
 * need not.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Compiler } from "../../shared/compiler/compile.ts";
import { combineOf, partialOf, rowsOf } from "../../shared/compiler/texts.ts";
import { Duck, type Session } from "../../shared/duckdb/duck.ts";
import { stream } from "../support/view-case.ts";
import { seededNumbers } from "./seeded.ts";

const seed = Number(process.env.SEED ?? 38_191);
const random = seededNumbers(seed);
const int = (below: number) => Math.floor(random() * below);

/** Digits of each type, and how many of them are behind the point. */
const types: readonly (readonly [type: string, digits: number, scale: number])[] = [
  ["HUGEINT", 38, 0],
  ...[0, 2, 18, 19, 20, 28, 38].map((scale) => [`DECIMAL(38,${scale})`, 38, scale] as const),
  ["DECIMAL(28,0)", 28, 0],
  ["DECIMAL(30,20)", 30, 20],
  ["DECIMAL(27,3)", 27, 3],
];

/** Units as a number with this many digits behind the point. */
function written(units: bigint, scale: number): string {
  const digits = `${units < 0n ? -units : units}`.padStart(scale + 1, "0");
  const point = digits.length - scale;
  return `${units < 0n ? "-" : ""}${digits.slice(0, point)}${scale > 0 ? `.${digits.slice(point)}` : ""}`;
}

function drawValue(digits: number): bigint {
  const length = [digits, digits, 28, 27, 20, 19, 18, 5, 1][int(9)]!;
  const text = Array.from({ length: Math.min(length, digits) }, () => [9, 9, 0, int(10)][int(4)]).join("");
  return BigInt(text) * (random() < 0.5 ? -1n : 1n);
}

/** Different values whose sum has no more than 38 digits, though that of the positive ones alone may have. */
function drawGroup(digits: number): bigint[] {
  const most = 10n ** 38n - 1n;
  const values = [...new Set(Array.from({ length: 1 + int(8) }, () => drawValue(digits)))];
  let sum = values.reduce((all, each) => all + each, 0n);
  while (sum > most || sum < -most) {
    const back = (sum > 0n ? -1n : 1n) * (10n ** BigInt(digits) - BigInt(values.length));
    values.push(back);
    sum += back;
  }
  return values;
}

const groups = 30;
const drawn = types.map(([, digits]) => Array.from({ length: groups }, () => drawGroup(digits)));
let duck: Duck;
let session: Session;
let compiler: Compiler;

beforeAll(async () => {
  duck = await Duck.open({ threads: 1 });
  session = await duck.session();
  const fields = Object.fromEntries(types.map(([type], i) => [`x${i}`, `${type}?`]));
  compiler = await Compiler.open(session, [stream("events", { g: "INTEGER", ...fields })]);
});
afterAll(() => {
  session.close();
  duck.close();
});

describe(`seed ${seed}`, () => {
  it.each(types.map(([type, , scale], i) => [type, scale, i] as const))("%s", async (type, scale, i) => {
    const x = `x${i}`;
    const sql = `SELECT g, sum(${x}) AS s, sum(DISTINCT ${x}) AS d, count(${x}) AS n${scale > 22 ? "" : `, avg(${x}) AS a`} FROM events GROUP BY g`;
    const view = await compiler.compile({ name: "v", file: "views/v.sql", sql, description: "" });
    const rows = drawn[i]!.flatMap((values, g) =>
      values.map((each) => `(${g}, '${written(each, scale)}'::${type}, ${each > 0n}, ${int(3)})`),
    );
    await session.run(
      `CREATE OR REPLACE TEMP TABLE drawn AS FROM (VALUES ${rows.join(", ")}) v(g, ${x}, positive, part)`,
    );
    const partials = (where: string) =>
      `(${partialOf(view, new Map([["events", `SELECT g, ${x} FROM drawn WHERE ${where}`]]))})`;
    const cuts = [["positive", "NOT positive"], ["part = 0", "part = 1", "part = 2"], ["true"]];
    for (const cut of cuts) {
      const parts = `(${combineOf(view, cut.map(partials).join(" UNION ALL "))})`;
      const found = (await session.read(rowsOf(view, parts))).getRowsJson();
      expect(found).toHaveLength(groups);
      for (const [g, sum, distinct] of found) {
        const values = drawn[i]![Number(g)]!;
        const of = (some: readonly bigint[]) => some.reduce((all, each) => all + each, 0n);
        expect(sum, `${values}`).toBe(written(of(values), scale));
        expect(distinct, `${values}`).toBe(written(of([...new Set(values)]), scale));
      }
    }
    // where plain DuckDB does not overflow on the way, it has the same
    await session.run(`CREATE OR REPLACE TEMP TABLE ours AS ${rowsOf(view, partials("true"))}`);
    let compared = 0;
    for (let g = 0; g < groups; g++) {
      const plain = await session.read(`WITH events AS (FROM drawn WHERE g = ${g}) ${sql}`).catch(() => null);
      if (!plain) continue;
      compared++;
      expect((await session.read(`FROM ours WHERE g = ${g}`)).getRowsJson()).toEqual(plain.getRowsJson());
    }
    expect(compared).toBeGreaterThan(groups / 3);
  });

  it("fails at the group where the whole has more digits", async () => {
    const sql = "SELECT g, sum(x1) AS s FROM events GROUP BY g";
    const view = await compiler.compile({ name: "v", file: "views/v.sql", sql, description: "" });
    const nines = `'${"9".repeat(38)}'::DECIMAL(38,0)`;
    const events = `SELECT * FROM (VALUES (1, ${nines}), (1, ${nines}), (2, ${nines})) v(g, x1)`;
    const partials = `(${partialOf(view, new Map([["events", events]]))})`;
    await expect(session.read(rowsOf(view, partials))).rejects.toThrow(/Overflow|out of range|Could not/i);
    const good = rowsOf(view, `FROM ${partials} WHERE k0 = 2`);
    expect((await session.read(good)).getRowsJson()).toEqual([[2, "9".repeat(38)]]);
  });
});
