import { afterAll, beforeAll, expect, test } from "vitest";
import { compareServed } from "../../shared/proof/answers.ts";
import { stream, ViewBench } from "../support/view-case.ts";

let bench: ViewBench;
beforeAll(async () => {
  bench = await ViewBench.open({ streams: [stream("events", { g: "VARCHAR", x: "DOUBLE" })], events: [] });
});
afterAll(() => bench.close());

/** What plain DuckDB has in place of what is served. */
test.each([
  ["fsum(x)", "NaN", "Infinity", false],
  ["fsum(x)", "NaN", "1", true],
  ["fsum(x)", "1", "NaN", true],
  ["fsum(x)", "1", "2", false],
  ["sum(x)", "NaN", "Infinity", true],
])("%s: %s served for %s is a difference by itself: %s", async (call, served, plain, differs) => {
  const view = await bench.compile(`SELECT g, ${call} AS s FROM events GROUP BY g`);
  const rows = (value: string) => `SELECT 'a' AS g, '${value}'::DOUBLE AS s`;
  const small = async () => false;
  const compared = await compareServed(bench.session, view, [rows(served), rows(plain)], view.columns, small);
  expect(compared.differences.length > 0).toBe(differs);
  // else their partials decide
  expect(compared.rounding).toBe(!differs);
});
