/**
 * Random views over random events, cut at random places: merged parts give what DuckDB gives for the whole. The seed is in a
 * failure's name; SEED=… replays it, VIEWS=… runs more.
 */
import { expect, test } from "vitest";
import { rowsOf } from "../../shared/compiler/texts.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { ViewBench } from "../support/view-case.ts";
import { RandomViews, randomStream } from "./random-views.ts";
import { seededNumbers } from "./seeded.ts";

const seed = Number(process.env.SEED ?? 1);
const wanted = Number(process.env.VIEWS ?? 60);
const perBench = 12;

/** Refusals that are the view's own fault; any other means that the compiler could not do its work. */
const rightly =
  /can't be kept|whichever came first|depends on order|beyond scale|two columns are called|VIEW_SYNTAX|is not available|no exact interpolation/;

test(
  `random views, seed ${seed}`,
  async () => {
    const random = seededNumbers(seed);
    const views = new RandomViews(random);
    const tally = { same: 0, refused: 0, failing: 0, rows: 0 };
    for (let done = 0; done < wanted; done += perBench) {
      const count = Math.floor(random() * 40);
      const bench = await ViewBench.open({
        streams: [randomStream],
        events: Array.from({ length: count }, () => views.event()).map((json) => ({ stream: randomStream.name, json })),
      });
      for (let i = 0; i < perBench; i++) {
        const sql = views.view();
        const cuts = [
          0,
          count,
          ...Array.from({ length: Math.floor(random() * 4) }, () => Math.floor(random() * (count + 1))),
        ].sort((a, b) => a - b);
        const outcome = await compare(
          bench,
          sql,
          cuts,
          `seed ${seed}, events before ${done}, cut at ${cuts.join(" ")}`,
        );
        tally[outcome.kind]++;
        tally.rows += outcome.rows;
      }
      bench.close();
    }
    // a generator that only makes nonsense would prove nothing
    expect(tally.same, JSON.stringify(tally)).toBeGreaterThan(wanted * 0.6);
    expect(tally.rows).toBeGreaterThan(tally.same);
    if (process.env.VIEWS) console.info(`seed ${seed}: ${JSON.stringify(tally)}`);
  },
  Math.max(60_000, wanted * 500),
);

async function compare(bench: ViewBench, sql: string, cuts: readonly number[], what: string) {
  const view = await bench.compile(sql).catch((error: unknown) => {
    if (error instanceof TidemarkError && rightly.test(error.line)) return null;
    throw new Error(`${what}\n${sql}\n${error instanceof TidemarkError ? error.line : String(error)}`, {
      cause: error,
    });
  });
  if (!view) return { kind: "refused", rows: 0 } as const;
  const whole = await bench.plain(view).catch(() => null);
  if (whole === null) return { kind: "failing", rows: 0 } as const;
  const rows = Number(await bench.session.value(`SELECT count(*) FROM (${whole})`));
  const tables: string[] = [];
  for (let i = 1; i < cuts.length; i++)
    tables.push(
      await bench.partials(view, cuts[i - 1]!, cuts[i]!).catch((error: unknown) => {
        throw new Error(`${what}\n${sql}\n${view.partial}`, { cause: error });
      }),
    );
  for (let i = tables.length - 1; i > 0; i--) {
    const j = (i * 7) % (i + 1);
    [tables[i], tables[j]] = [tables[j]!, tables[i]!];
  }
  await bench.expectSame(
    { ...view, tolerance: 0 },
    whole,
    rowsOf(view, tables.map((table) => `FROM ${table}`).join(" UNION ALL ")),
    what,
  );
  return { kind: "same", rows } as const;
}
