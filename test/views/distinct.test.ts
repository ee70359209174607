/** DISTINCT inside every aggregate that there is: exact, or refused. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aggregateNames } from "../../shared/compiler/aggregates/table.ts";
import { stream, ViewBench } from "../support/view-case.ts";

/** By the log's own order, and of pairs. */
const refused =
  /^(first|last|any_value|arbitrary|arg_?m(in|ax)(_null)?|m(in|ax)_by|mode|corr|covar_\w+|regr_\w+|approx_quantile|approx_top_k)$/;
/** Of macros DuckDB takes no DISTINCT. */
const macros = /^(geomean|geometric_mean|countif|arbitrary)$/;

const values = [5, 3, 5, null, 8, 5];
const events = values.map((i) => ({ i, f: i === null ? null : i / 8, b: i === 5, g: `${i}`, wide: `${i ?? 1}5` }));

let bench: ViewBench;
beforeAll(async () => {
  bench = await ViewBench.open({
    streams: [stream("events", { i: "BIGINT?", f: "DOUBLE?", b: "BOOLEAN?", g: "VARCHAR?", wide: "DECIMAL(38,20)?" })],
    events: events.map((event) => ({ stream: "events", json: JSON.stringify(event) })),
  });
});
afterAll(() => bench.close());

function argumentsOf(name: string): readonly string[] {
  if (/^(bool_|count_?if)/.test(name)) return ["b"];
  if (/^bit_/.test(name)) return ["i"];
  if (/^(string_agg|group_concat|listagg)$/.test(name)) return ["g, '-' ORDER BY g"];
  if (/^(histogram|entropy)$/.test(name)) return ["g"];
  if (/quantile/.test(name)) return ["f, 0.4"];
  if (/^(arg|m(in|ax)_by|corr|covar|regr)/.test(name)) return ["f, i"];
  if (name === "approx_top_k") return ["i, 2"];
  if (/^(sum|avg)$/.test(name)) return ["i", "f", "wide"];
  return name === "approx_count_distinct" ? ["i"] : ["f"];
}

describe("DISTINCT", () => {
  for (const name of aggregateNames.filter((each) => !macros.test(each) || refused.test(each)))
    it(name, async () => {
      for (const args of argumentsOf(name)) {
        const sql = `SELECT ${name}(DISTINCT ${args}) AS v FROM events`;
        if (refused.test(name)) await expect(bench.compile(sql), sql).rejects.toThrow(/DISTINCT …/);
        else await bench.expectExact(sql);
      }
    });
});

it("is of doubles where the aggregate is", async () => {
  const large = "(9007199254740992 + (i % 2))";
  await bench.expectExact(`SELECT fsum(DISTINCT ${large}) AS s, var_pop(DISTINCT ${large}) AS v FROM events`);
  await bench.expectExact(`SELECT count(DISTINCT ${large}) AS n, favg(DISTINCT ${large}) AS a FROM events`);
});
