/**
 * How near sketches are, measured against exact answers over many seeds. HyperLogLog: the standard error at
 * each size, which must not exceed what its registers allow at any. DDSketch: never farther than its relative
 * error. SEEDS=… measures more.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Compiler } from "../../shared/compiler/compile.ts";
import { partialOf, rowsOf } from "../../shared/compiler/texts.ts";
import type { ViewDefinition } from "../../shared/definition.ts";
import { Duck, type Session } from "../../shared/duckdb/duck.ts";
import { estimatesOff } from "../../shared/proof/estimates.ts";
import { isFull } from "../support/share.ts";
import { stream } from "../support/view-case.ts";

const seeds = Number(process.env.SEEDS ?? (isFull ? 160 : 40));
const sizes = [1, 10, 100, 1000, 3000, 10_000, 20_000, 50_000];
/** Groups at a time, so that memory stays small. */
const groupsMax = 20;

let duck: Duck;
let session: Session;
let compiler: Compiler;

beforeAll(async () => {
  duck = await Duck.open();
  session = await duck.session();
  compiler = await Compiler.open(await duck.session(), [stream("events", { g: "BIGINT", x: "BIGINT", d: "DOUBLE" })]);
});

afterAll(() => {
  session.close();
  duck.close();
});

async function compile(sql: string): Promise<ViewDefinition> {
  return compiler.compile({ name: "v", file: "views/v.sql", sql, description: "" });
}

describe("approx_count_distinct", () => {
  for (const size of sizes) {
    test(`standard error of ${size} distinct values`, async () => {
      const view = await compile("SELECT g, approx_count_distinct(x) AS n FROM events GROUP BY g");
      let squares = 0;
      let sum = 0;
      for (let from = 0; from < seeds; from += groupsMax) {
        const upto = Math.min(seeds, from + groupsMax);
        // other values in every group; a third of them twice, and in two parts
        const events = (part: number) =>
          `SELECT g, g * 1000000007 + ${size} * 7919 + i AS x, 0.0 AS d FROM range(${from}, ${upto}) a(g), range(${size}) b(i) WHERE i % 3 <> ${part}`;
        const parts = [0, 1].map((part) => `(${partialOf(view, new Map([["events", events(part)]]))})`);
        await session.run(`CREATE OR REPLACE TEMP TABLE merged AS ${rowsOf(view, parts.join(" UNION ALL "))}`);
        const [row] = await session.rows(
          `SELECT sum(pow(n / ${size}.0 - 1, 2)) AS squares, sum(n / ${size}.0 - 1) AS sum, count(*) AS groups FROM merged`,
        );
        expect(Number(row!.groups)).toBe(upto - from);
        squares += Number(row!.squares);
        sum += Number(row!.sum);
      }
      const error = Math.sqrt(squares / seeds);
      process.stdout.write(
        `approx_count_distinct of ${size}: N=${seeds} seeds, standard error ${(error * 100).toFixed(3)} %, bias ${((sum / seeds) * 100).toFixed(3)} %\n`,
      );
      // measured over this many seeds, a standard error of 1.63 % is itself known to about 1/sqrt(2 N)
      expect(error).toBeLessThan(0.0163 * (1 + 3 / Math.sqrt(2 * seeds)));
    }, 120_000);
  }
});

describe("approx_quantile", () => {
  const shapes: Readonly<Record<string, string>> = {
    "whole numbers": "(hash(g, i) % 1000)::BIGINT",
    "wide whole numbers": "(hash(g, i) >> (hash(i) % 60)::INTEGER)::HUGEINT::DOUBLE::HUGEINT % 4000000000000000000",
    signed: "(hash(g, i) % 200001)::BIGINT - 100000",
    skewed: "exp((hash(g, i) % 10000) / 500.0)::BIGINT",
  };
  for (const [name, x] of Object.entries(shapes)) {
    test(`is within 1 % always, over ${name}`, async () => {
      const view = await compile(
        "SELECT g, approx_quantile(x, [0, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1]) AS q, approx_quantile(d, [0, 0.1, 0.5, 0.9, 1]) AS d FROM events GROUP BY g",
      );
      const events = (part: string) =>
        `SELECT g, (${x})::BIGINT AS x, (${x})::DOUBLE / 1024 + 1e-3 AS d FROM range(${seeds}) a(g), range(1, 400) b(i) WHERE i <= 1 + hash(g) % 399 AND ${part}`;
      const inputs = (part: string) => new Map([["events", events(part)]]);
      const parts = ["i % 3 = 0", "i % 3 = 1", "i % 3 = 2"].map((part) => `(${partialOf(view, inputs(part))})`);
      const off = await estimatesOff(session, view, parts.join(" UNION ALL "), inputs("true"));
      process.stdout.write(`approx_quantile over ${name}: N=${seeds} groups, ${off.length} beyond 1 %\n`);
      expect(off.slice(0, 2)).toEqual([]);
    }, 120_000);
  }
});
