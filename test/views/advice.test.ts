/**
 * What each refusal says to write instead is written, and compiles. Where that promises the same rows they are
 * those of plain DuckDB for what was refused, put together from both layers. A refusal that no line here covers
 * for fails the test.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aggregateNames } from "../../shared/compiler/aggregates/table.ts";
import { partialOf, rowsOf } from "../../shared/compiler/texts.ts";
import { quoteName } from "../../shared/duckdb/duck.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { compareRows } from "../../shared/proof/compare.ts";
import { refusalsInSource } from "../support/refusals-in-source.ts";
import { stream, ViewBench } from "../support/view-case.ts";
import { lines, nets } from "./advised.ts";

const events = [
  { g: "a", i: 1, f: 1.5, d: 1.25, ts: "2024-01-02 03:04:05", day: "2024-01-01", l: [1, 2], b: true },
  { g: "a", i: 3, f: 2.5, d: 2.5, ts: "2024-01-03 01:00:00", day: "2024-01-01", l: [3], b: true },
  { g: "b", i: 3, f: 2.5, d: 0.5, ts: "2024-01-02 13:00:00", day: "2024-01-02", l: [], b: true },
  { g: "b", i: -2, f: -0.5, d: -1, ts: "2024-02-01 00:00:01", day: "2024-01-31", l: [1, 2], b: false },
  { g: "c", i: 7, f: 4, d: 7.125, ts: "2023-12-31 23:00:00", day: "2023-12-31", l: [5], b: false },
  { g: "c", i: 7, f: 4, d: 8, ts: "2023-12-31 22:00:00", day: "2023-12-31", l: [5], b: false },
  { g: "c", i: null, f: null, d: 3, ts: "2024-01-09 09:09:09", day: "2024-01-09", l: [4], b: true },
];

let bench: ViewBench;
beforeAll(async () => {
  const fields = {
    ...{ g: "VARCHAR", i: "BIGINT?", f: "DOUBLE?", d: "DECIMAL(18,3)", ts: "TIMESTAMP", day: "DATE" },
    ...{ l: "BIGINT[]", b: "BOOLEAN" },
  };
  bench = await ViewBench.open({
    streams: [stream("events", fields)],
    events: events.map((event) => ({ stream: "events", json: JSON.stringify(event) })),
    references: new Map([["codes", "SELECT * FROM (VALUES ('a', 'Ann'), ('b', 'Ben'), ('x', 'Nobody')) v(g, name)"]]),
  });
  await bench.session.run("SET threads = 1");
});
afterAll(() => bench.close());

async function refusal(sql: string): Promise<TidemarkError> {
  const thrown = await bench.compile(sql).catch((error: unknown) => error);
  if (thrown instanceof TidemarkError) return thrown;
  throw new Error(`not refused: ${sql}`, { cause: thrown });
}

/** Rows of a view, of which each layer knows a part. */
async function servedRows(sql: string): Promise<string> {
  const view = await bench.compile(sql);
  const middle = Math.floor(events.length / 2);
  const layers = [bench.inputs(view, 0, middle), bench.inputs(view, middle, events.length)];
  return rowsOf(view, layers.map((inputs) => `(${partialOf(view, inputs)})`).join(" UNION ALL "));
}

/** What plain DuckDB makes of a SELECT. */
function plainRows(sql: string): string {
  const inputs = [...bench.inputs({ ordered: false }, 0, events.length)].map(
    ([name, rows]) => `${quoteName(name)} AS (${rows})`,
  );
  return `WITH ${inputs.join(", ")} FROM (${sql})`;
}

/** With columns by place, as texts but for doubles and what can be written in many ways. */
async function alike(rows: string): Promise<{ sql: string; doubles: string[] }> {
  const columns = await bench.session.describe(rows);
  const names = columns.map((_, i) => `c${i}`);
  const thrown: Readonly<Record<string, (name: string) => string>> = {
    DOUBLE: (name) => name,
    INTERVAL: (name) => `epoch(${name})`,
  };
  const list = columns.map(({ type }, i) => `${thrown[type]?.(`c${i}`) ?? `CAST(c${i} AS VARCHAR)`} AS c${i}`);
  const doubles = names.filter((_, i) => columns[i]!.type === "DOUBLE");
  return { sql: `SELECT ${list.join(", ")} FROM (${rows}) AS r(${names.join(", ")})`, doubles };
}

describe("what a refusal says to write instead", () => {
  for (const [sql, instead, promised] of lines) {
    it(`${sql} → ${typeof instead === "string" ? instead : Object.values(instead).join("; ")}`, async () => {
      const thrown = await refusal(sql);
      const views = typeof instead === "string" ? { v: instead } : instead;
      const rows = await Promise.all(Object.values(views).map(servedRows));
      const names = Object.keys(views);
      const asked = typeof promised === "object" ? promised.query : `FROM ${names[0]}`;
      const query = `WITH ${names.map((name, i) => `${name} AS (${rows[i]})`).join(", ")} ${asked}`;
      if (promised === "other") {
        for (const each of rows)
          expect((await bench.session.read(each)).currentRowCount, thrown.line).toBeGreaterThan(0);
        return;
      }
      const [left, right] = [await alike(query), await alike(plainRows(sql))];
      const options = { inexact: left.doubles, tolerance: 1e-12 };
      const compared = await compareRows(bench.session, left.sql, right.sql, options);
      expect(compared.differences, thrown.line).toEqual([]);
      expect(compared.rows).toBeGreaterThan(0);
    });
  }
});

it("has a line for every refusal of the compiler", async () => {
  const thrown = await Promise.all(lines.map(([sql]) => refusal(sql)));
  const all = thrown.map((each) => ({ why: each.message.replace(/^views\/v\.sql[\d:]*: /, ""), instead: each.todo }));
  const missing: string[] = [];
  for (const { place, whys, insteads } of refusalsInSource()) {
    if (whys.some((why) => nets.some((net) => net.test(why.source.replaceAll("\\", ""))))) continue;
    const own = all.filter(({ why }) => whys.some((pattern) => pattern.test(why)));
    for (const pattern of whys) if (!all.some(({ why }) => pattern.test(why))) missing.push(`${place}: ${pattern}`);
    for (const pattern of insteads)
      if (!own.some(({ instead }) => pattern.test(instead))) missing.push(`${place}: → ${pattern}`);
  }
  expect(missing).toEqual([]);
});

it("is right where it says that an order inside makes no difference", async () => {
  const argument: Readonly<Record<string, string>> = {
    ...{ bool_and: "b", bool_or: "b", count_if: "b", countif: "b" },
    ...{ corr: "f, i", covar_pop: "f, i", covar_samp: "f, i", approx_quantile: "f, 0.5", approx_top_k: "i, 2" },
  };
  let asked = 0;
  for (const name of aggregateNames) {
    const args = argument[name] ?? (name.startsWith("regr_") ? "f, i" : "i");
    for (const order of ["ORDER BY i DESC", "ORDER BY ts"]) {
      const sql = `SELECT b, ${name}(${args} ${order}) AS v FROM events GROUP BY b`;
      const thrown = await bench.compile(sql).catch((error: unknown) => error as TidemarkError);
      if (!(thrown instanceof TidemarkError) || !/result does not depend/.test(thrown.todo)) continue;
      if (!(await bench.works(plainRows(sql)))) continue;
      asked++;
      const [left, right] = [await alike(plainRows(sql)), await alike(plainRows(sql.replace(` ${order}`, "")))];
      const { differences } = await compareRows(bench.session, left.sql, right.sql, {
        inexact: left.doubles,
        tolerance: 1e-12,
      });
      expect(differences, sql).toEqual([]);
    }
  }
  expect(asked).toBeGreaterThan(50);
});
