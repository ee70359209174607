/**
 * CALM, derived and tested. A view that is said to be free of coordination gives the same rows for every order
 * and split of its events; for each one that is not, an order is found that gives others. What is said to be
 * monotone never goes back. SEED=… replays.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Compiler } from "../../shared/compiler/compile.ts";
import type { Coordination, ViewDefinition } from "../../shared/definition.ts";
import { Duck } from "../../shared/duckdb/duck.ts";
import { isFull } from "../support/share.ts";
import { type CaseEvent, type CaseFile, readCaseFile, stream, ViewBench } from "../support/view-case.ts";
import { seededNumbers } from "./seeded.ts";

const folder = join(import.meta.dirname, "cases");
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const random = seededNumbers(seed);

function shuffled<T>(list: readonly T[]): T[] {
  const copy = [...list];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [copy[i], copy[j]] = [copy[j]!, copy[i]!];
  }
  return copy;
}

/** All events, in any order, in a few batches. */
function batchesOf(count: number): number[][] {
  const batches: number[][] = [[], [], []];
  for (const number of shuffled(Array.from({ length: count }, (_, i) => i)))
    batches[Math.floor(random() * batches.length)]!.push(number);
  return batches;
}

/** The events at other places; the rows of a changelog keep their order, which says what is left of each. */
function movedOf({ streams, events }: CaseFile): CaseEvent[] {
  const changelogs = new Set(streams.filter(({ changelog }) => changelog).map(({ name }) => name));
  const kept = events.filter((event) => changelogs.has(event.stream));
  return shuffled(events).map((event) => (changelogs.has(event.stream) ? kept.shift()! : event));
}

/** See `seenAs`; null where it overflows, and may. */
async function seenIn(
  bench: ViewBench,
  view: ViewDefinition,
  batches: readonly (readonly number[])[],
  mayOverflow: boolean,
): Promise<string | null> {
  try {
    const seen = await bench.seenAs(view, batches);
    return !mayOverflow || (await bench.works(seen)) ? seen : null;
  } catch (error) {
    if (mayOverflow && /Out of Range Error/.test(String(error))) return null;
    throw error;
  }
}

const tally = { free: 0, ordered: 0, permutations: 0 };

describe(`views in any order, SEED=${seed}`, () => {
  afterAll(() => {
    process.stdout.write(
      `coordination: SEED=${seed}, ${tally.free} views free of it in ${tally.permutations} orders, ${tally.ordered} that need the log's\n`,
    );
  });

  for (const file of readdirSync(folder).filter((name) => name.endsWith(".sql"))) {
    test(file, async () => {
      const cases = readCaseFile(join(folder, file));
      const bench = await ViewBench.open(cases);
      // the same events, whose places in the log are others
      const moved = await ViewBench.open({ ...cases, events: movedOf(cases) });
      try {
        for (const sql of cases.selects.filter(() => isFull || random() < 0.12)) {
          const view = await bench.compile(sql);
          const plain = await bench.plain(view);
          const order = batchesOf(bench.count);
          // a sum that comes near its type's end overflows in some orders, in plain DuckDB as well
          const seen = await seenIn(bench, view, order, file === "trap-wide.sql");
          if (seen === null) continue;
          // however it arrives, the place in the log decides, if anything does
          await bench.expectSame(view, plain, seen, `SEED=${seed}, seen as ${JSON.stringify(order)}`);
          tally.permutations++;
          if (!view.coordination.free) {
            tally.ordered++;
            continue;
          }
          tally.free++;
          const rows = await seenIn(moved, view, batchesOf(moved.count), file === "trap-wide.sql");
          if (rows === null) continue;
          await moved.session.run(`CREATE OR REPLACE TEMP TABLE moved AS ${rows}`);
          const text = (await moved.session.read("FROM moved")).getRowObjectsJson();
          const own = (await bench.session.read(seen)).getRowObjectsJson();
          const print = (list: unknown[]) => list.map((row) => JSON.stringify(row)).sort();
          if (view.tolerance === 0) expect(print(text), `SEED=${seed} ${sql}`).toEqual(print(own));
        }
      } finally {
        moved.close();
        bench.close();
      }
    }, 120_000);
  }
});

describe("an aggregate that needs the log's order", () => {
  const events = [1, 1, 2, 2].map((y, i) => ({ stream: "events", json: JSON.stringify({ x: `x${i}`, y }) }));
  const bench = (list: CaseFile["events"]) =>
    ViewBench.open({ streams: [stream("events", { x: "VARCHAR?", y: "INTEGER" })], events: list });

  for (const call of [
    "first(x)",
    "last(x)",
    "any_value(x)",
    "arg_min(x, y)",
    "arg_max(x, y)",
    "arg_min_null(x, y)",
    "arg_max_null(x, y)",
    "mode(x)",
  ]) {
    test(`${call} gives other rows for another order of the log`, async () => {
      const sql = `SELECT ${call} AS v FROM events`;
      const [here, there] = [await bench(events), await bench([...events].reverse())];
      const view = await here.compile(sql);
      expect(view.coordination).toMatchObject({ free: false, monotone: false });
      expect(view.coordination.why[0]).toMatch(/asks which event came first/);
      const value = async (of: ViewBench) =>
        String(await of.session.value(await of.seenAs(view, [[3], [1], [0], [2]])));
      expect(await value(here)).not.toBe(await value(there));
      here.close();
      there.close();
    });
  }
});

describe("what the plan says", () => {
  let compiler: Compiler;
  beforeAll(async () => {
    const fields = { g: "VARCHAR", x: "INTEGER", d: "DOUBLE", b: "BOOLEAN" };
    compiler = await Compiler.open(await (await Duck.open()).session(), [stream("events", fields)]);
  });

  test.each<[string, Partial<Coordination>]>([
    ["count(*) AS a, max(x) AS b, bool_or(b) AS c, count(DISTINCT x) AS d", { free: true, monotone: true }],
    ["min(x) AS a, bool_and(b) AS c, approx_count_distinct(x) AS d", { free: true, monotone: true }],
    ["sum(x) AS a", { free: true, monotone: false }],
    ["max(x) - min(x) AS a", { free: true, monotone: false }],
    ["avg(d) AS a", { free: true, monotone: false }],
    ["arg_max(g, x) AS a, count(*) AS n", { free: false, monotone: false }],
  ])("%s", async (list, expected) => {
    const view = await compiler.compile({
      name: "v",
      file: "views/v.sql",
      sql: `SELECT g, ${list} FROM events GROUP BY g`,
      description: "",
    });
    expect(view.coordination).toMatchObject(expected);
  });

  test("monotone values never go back as events come", { timeout: 60_000 }, async () => {
    const events = Array.from({ length: 40 }, () => ({
      stream: "events",
      json: JSON.stringify({ x: Math.floor(random() * 40) - 20, b: random() < 0.7 }),
    }));
    const bench = await ViewBench.open({ streams: [stream("events", { x: "INTEGER", b: "BOOLEAN" })], events });
    const view = await bench.compile(
      `SELECT count(*) AS a, count_if(b) AS b, max(x) AS c, -min(x) AS d, bool_or(b)::INTEGER AS e, -bool_and(b)::INTEGER AS f,
         count(DISTINCT x) AS g, approx_count_distinct(x) AS h FROM events`,
    );
    let before: number[] = [];
    for (let upto = 1; upto <= events.length; upto++) {
      const rows = await bench.session.read(await bench.seenAs(view, [Array.from({ length: upto }, (_, i) => i)]));
      const now = rows.getRowsJson()[0]!.map(Number);
      for (const [i, value] of before.entries()) expect(now[i], `SEED=${seed}`).toBeGreaterThanOrEqual(value);
      before = now;
    }
    bench.close();
  });
});
