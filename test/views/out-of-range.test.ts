/**
 * Values whose squares overflow, and NaN: DuckDB raises on two of them; here they give NaN, the same for every
 * split.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stream, ViewBench } from "../support/view-case.ts";

const events = [
  { g: "a", x: 1, y: 2 },
  { g: "a", x: "NaN", y: 3 },
  { g: "a", x: 3, y: 5 },
  { g: "b", x: 1e200, y: 1 },
  { g: "b", x: -1e200, y: 2 },
  { g: "c", x: "Infinity", y: 1 },
  { g: "d", x: 1, y: 1 },
  { g: "d", x: 3, y: 4 },
];

describe("variance and its kin over values out of range", () => {
  let bench: ViewBench;
  beforeAll(async () => {
    bench = await ViewBench.open({
      streams: [stream("events", { g: "VARCHAR", x: "DOUBLE", y: "DOUBLE" })],
      events: events.map((event) => ({ stream: "events", json: JSON.stringify(event) })),
    });
  });
  afterAll(() => bench.close());

  const numbers = events.map((_, i) => i);
  const splits = [
    [numbers],
    numbers.map((i) => [i]),
    [
      [0, 2, 4, 6],
      [1, 3, 5, 7],
    ],
    [
      [1, 3],
      [0, 2, 4, 5],
      [6, 7],
    ],
  ];

  test.each([
    ["var_pop(x)", [Number.NaN, Number.NaN, 0, 1]],
    ["var_samp(x)", [Number.NaN, Number.NaN, null, 2]],
    ["stddev(x)", [Number.NaN, Number.NaN, null, Math.SQRT2]],
    ["covar_pop(y, x)", [Number.NaN, Number.NaN, Number.NaN, 1.5]],
    ["corr(y, x)", [Number.NaN, Number.NaN, Number.NaN, 1]],
    ["regr_slope(y, x)", [Number.NaN, Number.NaN, Number.NaN, 1.5]],
    ["regr_count(y, x)::DOUBLE", [3, 2, 1, 2]],
    ["regr_avgy(y, x)", [10 / 3, 1.5, 1, 2.5]],
  ])("%s", async (call, expected) => {
    const view = await bench.compile(`SELECT g, ${call} AS v FROM events GROUP BY g`);
    for (const split of splits) {
      const rows = await bench.session.read(`SELECT v FROM (${await bench.seenAs(view, split)}) ORDER BY g`);
      const found = rows.getRows().map((row) => row[0] as number | null);
      for (const [i, value] of expected.entries()) {
        if (value === null || Number.isNaN(value))
          expect(found[i], `${call} of ${JSON.stringify(split)}`).toEqual(value);
        else expect(found[i]).toBeCloseTo(value, 9);
      }
    }
  });
});
