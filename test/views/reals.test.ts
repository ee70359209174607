/**
 * Every aggregate over REALs: DuckDB computes some of them in 32 bits, and what we compute in 64 would be more
 * exact than it. Values by themselves, from two layers, in roll-ups and in grouping sets.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rollUpBy } from "../../serving/question/roll-up.ts";
import { aggregateNamed, aggregateNames } from "../../shared/compiler/aggregates/table.ts";
import { rolledUpOf, rowsOf } from "../../shared/compiler/texts.ts";
import { compareRows } from "../../shared/proof/compare.ts";
import { stream, ViewBench } from "../support/view-case.ts";
import { seededNumbers } from "./seeded.ts";

const seed = Number(process.env.SEED ?? 4711);
const random = seededNumbers(seed);
const int = (below: number) => Math.floor(random() * below);
const one = <T>(...list: readonly T[]): T => list[int(list.length)]!;

/** `w` is wild, sums of `r` are well conditioned. */
const event = () => ({
  g: one("a", "b", "c"),
  h: int(4),
  r: random() < 0.1 ? null : Math.fround(random() * 1000 - 100),
  w: one<number | null>(
    null,
    ...[0.1, -0.3, 1.25, 16777217, -16777217.5, 1e-9, 1e30, -3e38, 3e38, 1e-45, -0.0].map(Math.fround),
    Math.fround((random() - 0.5) * 10 ** (int(70) - 35)),
  ),
});
const events = Array.from({ length: 90 }, event);

/** What is rounded: within this, while 32 bits are off by 1e-8. */
const tolerance = 1e-10;
const rounds =
  /^(sum|avg|mean|f(sum|avg)|sumkahan|kahan_sum|product|geomean|geometric_mean|var|std|sem|covar|corr|regr_)/;
const sketches = /^approx_/;
const refused = /^(entropy|histogram|bit_)/;

function usesOf(name: string): string[] {
  const second = name.startsWith("arg") || /_by$/.test(name);
  const pair = /^(corr|covar|regr)/.test(name);
  if (/^(bool_|count_?if)/.test(name)) return [`${name}(r > 100)`, `${name}(w * 3 > r)`];
  if (/^(string_agg|group_concat|listagg)$/.test(name))
    return ["r", "w"].map((x) => `${name}(${x}, '|' ORDER BY ${x} DESC)`);
  if (pair) return [`${name}(r, h)`, `${name}(h, r)`, `${name}(r / 7, h * h)`];
  if (second) return [`${name}(r, w)`, `${name}(w, r)`, `${name}(h, r)`];
  if (/^quantile_(cont|disc)$|^quantile$/.test(name))
    return [`${name}(r, 0.333)`, `${name}(r / 7, [0.1, 0.77])`, `${name}(w, 0.9)`, `${name}(r + h::FLOAT, 0.5)`];
  if (/^(geomean|geometric_mean)$/.test(name)) return [`${name}(abs(r) + 1)`];
  if (name === "product") return [`${name}(r / 300)`];
  const arguments_ = rounds.test(name) ? ["r", "r / 7"] : ["r", "w", "r / 7", "w * 3"];
  const uses = arguments_.map((x) => `${name}(${x})`);
  if (/^(min|max)$/.test(name)) uses.push(`${name}(r, 3)`, `${name}(w, 2)`);
  return uses;
}

/** With FILTER, and with DISTINCT where there is one. */
function formsOf(use: string): string[] {
  if (/^geo/.test(use)) return [use];
  const name = use.slice(0, use.indexOf("("));
  const forms = [use, `${use} FILTER (WHERE h < 3)`];
  const entry = aggregateNamed(name, true)!;
  if (!entry.ordered && entry.arity.includes(use.split(",").length) && !use.includes("ORDER BY"))
    forms.push(use.replace("(", "(DISTINCT "));
  return forms;
}

let bench: ViewBench;
beforeAll(async () => {
  bench = await ViewBench.open({
    streams: [stream("events", { g: "VARCHAR", h: "INTEGER", r: "FLOAT?", w: "FLOAT?" })],
    events: events.map((each) => ({ stream: "events", json: JSON.stringify(each) })),
  });
});
afterAll(() => bench.close());

const columnsOf = (uses: readonly string[]) => uses.map((use, i) => `${use} AS v${i}`).join(", ");

/** Without other names of the same. */
const names = [...new Map(aggregateNames.toReversed().map((name) => [aggregateNamed(name, false), name])).values()];

describe(`seed ${seed}`, () => {
  for (const name of names.filter((each) => !sketches.test(each)))
    it(name, async () => {
      const uses = usesOf(name).flatMap(formsOf);
      if (refused.test(name)) {
        await expect(bench.compile(`SELECT ${uses[0]} AS v FROM events`)).rejects.toThrow(/NaN|No function matches/);
        return;
      }
      const select = (groups: string) => `SELECT g, ${columnsOf(uses)} FROM events GROUP BY ${groups}`;
      const own = await bench.compile(`SELECT g, h, ${columnsOf(uses)} FROM events GROUP BY g, h`);
      const sets = await bench.compile(select("ROLLUP (g)"));
      const halves = async (view: typeof own) => {
        const middle = events.length >> 1;
        const tables = [await bench.partials(view, 0, middle), await bench.partials(view, middle, bench.count)];
        return tables.map((table) => `FROM ${table}`).join(" UNION ALL ");
      };
      const same = async (served: string, plain: string, what: string) => {
        const inexact = rounds.test(name) ? uses.map((_, i) => `v${i}`) : [];
        const { rows, differences } = await compareRows(bench.session, served, plain, { inexact, tolerance });
        expect(differences, `${what} of ${uses.join(", ")}`).toEqual([]);
        expect(rows).toBeGreaterThan(2);
      };
      const parts = await halves(own);
      await same(rowsOf(own, parts), await bench.plain(own), "two layers");
      const by = await bench.plain({ ...own, sql: select("g") });
      await same(rolledUpOf(own, rollUpBy(own, [{ column: "g", bucket: null }]), parts), by, "a roll-up");
      await same(rowsOf(sets, await halves(sets)), await bench.plain(sets), "grouping sets");
    });
});
