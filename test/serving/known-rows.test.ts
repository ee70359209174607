import { afterAll, beforeAll, expect, test } from "vitest";
import { hasKnownRows } from "../../serving/question/group-keys.ts";
import { stream, ViewBench } from "../support/view-case.ts";

let bench: ViewBench;
beforeAll(async () => {
  bench = await ViewBench.open({ streams: [stream("events", { g: "VARCHAR", h: "VARCHAR" })], events: [] });
});
afterAll(() => bench.close());

test.each([
  ["SELECT count(*) AS n FROM events", true],
  ["SELECT count(*) AS n FROM events GROUP BY GROUPING SETS (())", true],
  ["SELECT count(*) AS n FROM events GROUP BY GROUPING SETS ((), ())", false],
  ["SELECT g, h, count(*) AS n FROM events GROUP BY g, h", true],
  ["SELECT g, count(*) AS n FROM events GROUP BY g, h", false],
  ["SELECT g, count(*) AS n FROM events GROUP BY ROLLUP (g)", false],
])("a row is found by its keys: %s: %s", async (sql, known) => {
  expect(hasKnownRows(await bench.compile(sql))).toBe(known);
});
