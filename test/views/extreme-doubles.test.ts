/**
 * Doubles at the ends of their range: however events are cut, an aggregate's partials are the same, and so is
 * its value. Where plain DuckDB gives one finite value in whatever order, it is that.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aggregateNames } from "../../shared/compiler/aggregates/table.ts";
import { Compiler } from "../../shared/compiler/compile.ts";
import { combineOf, partialOf, rowsOf } from "../../shared/compiler/texts.ts";
import type { ViewDefinition } from "../../shared/definition.ts";
import { Duck, type Session } from "../../shared/duckdb/duck.ts";
import { comparePartials } from "../../shared/proof/compare.ts";
import { randomOf } from "../faults/fault.ts";
import { stream } from "../support/view-case.ts";

/** What its rounding is a share of: the largest value, its square, the value itself; or only partials show it. */
type Size = "value" | "x" | "x²" | "partials";
const calls: Readonly<Record<string, Size>> = {
  "sum(x)": "x",
  "avg(x)": "x",
  "fsum(x)": "x",
  "favg(x)": "x",
  "product(x)": "value",
  "geomean(abs(x) + 1e-300)": "value",
  "sum(DISTINCT x)": "x",
  "avg(DISTINCT x)": "x",
  "favg(DISTINCT x)": "x",
  "product(DISTINCT x)": "value",
  "var_samp(DISTINCT x)": "x²",
  "min(x)": "value",
  "max(x)": "value",
  "median(x)": "x",
  "quantile_cont(x, 0.3)": "x",
  "quantile_disc(x, 0.3)": "value",
  "var_pop(x)": "x²",
  "var_samp(x)": "x²",
  "stddev_pop(x)": "partials",
  "stddev_samp(x)": "partials",
  "sem(x)": "partials",
  "covar_pop(x, y)": "partials",
  "covar_samp(x, y)": "partials",
  "corr(x, y)": "partials",
  "regr_count(x, y)": "value",
  "regr_avgx(x, y)": "partials",
  "regr_avgy(x, y)": "x",
  "regr_sxx(x, y)": "partials",
  "regr_syy(x, y)": "x²",
  "regr_sxy(x, y)": "partials",
  "regr_slope(x, y)": "partials",
  "regr_intercept(x, y)": "partials",
  "regr_r2(x, y)": "partials",
  "count(x)": "value",
  "count_if(x > 0)": "value",
  "count(DISTINCT x)": "value",
  "approx_quantile(x, 0.5)": "value",
  "approx_count_distinct(x)": "value",
  "sum(r)": "x",
  "avg(r)": "x",
};
/** They hold one value as it is, a truth or a bit. */
const others =
  /^(bool_|bit_|first|last|any_value|arbitrary|arg|m(in|ax)_by|mode|entropy|histogram|string_agg|group_concat|listagg|approx_top_k)/;
/** Other names of the same. */
const twins = /^(mean|sumkahan|kahan_sum|geometric_mean|variance|stddev|quantile|countif)$/;

const edges = [
  1.5e308,
  1.7e308,
  1e300,
  2 ** 900,
  1e200,
  1e154,
  1e140,
  9e139,
  1e100,
  3e38,
  1e10,
  2,
  1,
  0.5,
  1e-10,
  1e-160,
  1e-308,
  5e-324,
  0,
];
const groups = 90;
const seed = Number(process.env.SEED ?? 20_261);
const random = randomOf(seed);
const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;

let duck: Duck;
let session: Session;
let compiler: Compiler;

beforeAll(async () => {
  duck = await Duck.open({ threads: 1 });
  session = await duck.session();
  compiler = await Compiler.open(session, [
    stream("events", { g: "INTEGER", x: "DOUBLE?", y: "DOUBLE?", r: "FLOAT?" }),
  ]);
  await session.run(
    "CREATE TEMP TABLE all_events (g INTEGER, x DOUBLE, y DOUBLE, r FLOAT, cut INTEGER[], place DOUBLE[])",
  );
  const rows: string[] = [];
  for (let g = 0; g < groups; g++) {
    // most groups hold finite values of one size or the other only
    const own = [pick(edges), pick(edges), pick(edges)];
    const value = () => {
      if (g % 10 === 0 && random() < 0.3) return pick(["'Infinity'", "'-Infinity'", "'NaN'", "NULL"]);
      return `'${(random() < 0.5 ? -1 : 1) * pick(own)}'`;
    };
    for (let i = 0, many = 2 + Math.floor(random() * 6); i < many; i++) {
      const [x, y] = [value(), value()];
      const cut = Array.from({ length: 3 }, () => Math.floor(random() * 4));
      const place = Array.from({ length: 6 }, () => random());
      const single = x === "NULL" || Math.abs(Number(x.slice(1, -1))) < 3.4e38 || !/\d/.test(x) ? x : "'3e38'";
      rows.push(`(${g}, ${x}, ${y}, ${single}, [${cut}], [${place}])`);
    }
  }
  await session.run(`INSERT INTO all_events VALUES ${rows.join(", ")}`);
});
afterAll(() => {
  session.close();
  duck.close();
});

const kindOf = (value: unknown) =>
  value === null ? "null" : Number.isFinite(Number(value)) ? "finite" : String(value);

/** A group's values, in the order of the calls. */
async function valuesOf(select: string): Promise<Map<number, unknown[]>> {
  const rows = (await session.read(select)).getRowsJson();
  return new Map(rows.map(([g, ...values]) => [Number(g), values]));
}

const inputsOf = (where: string, order = "1") =>
  new Map([["events", `SELECT g, x, y, r FROM all_events WHERE ${where} ORDER BY ${order}`]]);

async function partials(view: ViewDefinition, where: string): Promise<string> {
  return `(${partialOf(view, inputsOf(where))})`;
}

describe(`seed ${seed}`, () => {
  it("has each aggregate of the table", () => {
    const known = Object.keys(calls).map((call) => call.replace(/\(.*$/, ""));
    expect(aggregateNames.filter((name) => !known.includes(name) && !others.test(name) && !twins.test(name))).toEqual(
      [],
    );
  });

  it.each(["value", "x", "x²", "partials"] as const)("values of which rounding is a share of: %s", async (size) => {
    const own = Object.keys(calls).filter((call) => calls[call] === size);
    const exact = own.map((call) => !call.startsWith("approx"));
    const sql = `SELECT g, ${own.map((call, i) => `${call} AS v${i}`).join(", ")} FROM events GROUP BY g`;
    const view = await compiler.compile({ name: "v", file: "views/v.sql", sql, description: "" });
    const whole = await partials(view, "true");
    const values = await valuesOf(rowsOf(view, whole));
    const sizes = await valuesOf(
      "SELECT g, coalesce(max(abs(x)) FILTER (WHERE isfinite(x)), 0) FROM all_events GROUP BY g",
    );
    const near = (g: number, a: unknown, b: unknown) => {
      const [left, right] = [Number(a), Number(b)];
      const x = Number(sizes.get(g)![0]);
      const scale = size === "x" ? x * 8 : size === "x²" ? Math.min(x * x * 8, Number.MAX_VALUE) : 0;
      const most = Math.max(Math.abs(left), Math.abs(right), scale);
      // below are few digits
      return Math.abs(left / 4 - right / 4) <= Math.min(most, Number.MAX_VALUE) * 1e-6 + 1e-310;
    };
    for (const cut of [1, 2, 3]) {
      const parts = [];
      for (const part of [0, 1, 2, 3]) parts.push(await partials(view, `cut[${cut}] = ${part}`));
      const twice = `(${combineOf(view, `${parts[3]} UNION ALL ${parts[1]}`)}) UNION ALL ${parts[2]} UNION ALL ${parts[0]}`;
      const { differences } = await comparePartials(session, view, combineOf(view, whole), combineOf(view, twice));
      expect(differences, sql).toEqual([]);
      for (const [g, row] of await valuesOf(rowsOf(view, twice))) {
        for (const [i, value] of row.entries()) {
          const before = values.get(g)![i];
          const what = `${own[i]} of group ${g}: ${value} and ${before}`;
          expect(kindOf(value), what).toBe(kindOf(before));
          if (kindOf(value) === "finite" && size !== "partials") expect(near(g, value, before), what).toBe(true);
        }
      }
    }
    if (size === "partials") return;
    // what DuckDB gives in each order; its squares raise beyond the bound
    const bound =
      size === "x²" ? "g NOT IN (SELECT g FROM all_events WHERE NOT (abs(x) < 1e140 AND abs(y) < 1e140))" : "true";
    const orders: Map<number, unknown[]>[] = [];
    for (const order of [1, 2, 3, 4, 5, 6]) {
      const events = inputsOf(bound, `place[${order}]`).get("events")!;
      orders.push(await valuesOf(`WITH events AS MATERIALIZED (${events}) ${sql}`));
    }
    const counted = own.map(() => 0);
    for (const [g, row] of orders[0]!) {
      for (const [i, first] of row.entries()) {
        const all = orders.map((each) => each.get(g)![i]);
        if (!exact[i] || !all.every((value) => kindOf(value) === "finite" && near(g, value, first))) continue;
        counted[i]!++;
        const ours = values.get(g)![i];
        expect(near(g, ours, first), `${own[i]} of group ${g}: ${ours} and plain ${first}`).toBe(true);
      }
    }
    for (const [i, call] of own.entries()) if (exact[i]) expect(counted[i], call).toBeGreaterThan(10);
  });
});
