/** What keeping values, sketches and the log's order costs: one view of each, in both layers; and compiling. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { Compiler } from "../shared/compiler/compile.ts";
import type { Definition, ViewDefinition } from "../shared/definition.ts";
import { Duck, quoteText, type Session } from "../shared/duckdb/duck.ts";
import { History } from "../shared/history/history.ts";
import { MemoryLog } from "../shared/log/memory.ts";
import { openLog } from "../shared/log/open.ts";
import { FolderStore } from "../shared/store/folder.ts";
import { makeArchive } from "./archive-files.ts";
import { alternate, figure, figures, median, timed } from "./measure.ts";
import type { Figure, Part } from "./part.ts";
import { fill, make } from "./project.ts";
import { recompute } from "./recompute.ts";
import { speedRate } from "./speed.ts";

const views: Readonly<Record<string, readonly [what: string, sql: string]>> = {
  exact: [
    "count(DISTINCT), median",
    "SELECT kind, count(DISTINCT visitor) AS visitors, median(ms) AS ms FROM events GROUP BY kind",
  ],
  sketch: [
    "approx_count_distinct, approx_quantile",
    "SELECT kind, approx_count_distinct(visitor) AS visitors, approx_quantile(ms, 0.5) AS ms FROM events GROUP BY kind",
  ],
  order: ["arg_max, last", "SELECT kind, arg_max(device, price) AS dearest, last(ms) AS ms FROM events GROUP BY kind"],
};

export const aggregates: Part = {
  name: "aggregates",
  run: async (bench) => {
    const made = await make(bench.folder);
    const { stream } = made;
    const duck = await Duck.open({ memoryLimit: "4GB" });
    const session = await duck.session();
    const found: Figure[] = [];
    try {
      const compiler = await Compiler.open(await duck.session(), [stream]);
      const compile = (name: string, sql: string) =>
        compiler.compile({ name, file: `views/${name}.sql`, sql, description: "" });
      const times: number[] = [];
      for (let round = 0; round < bench.rounds; round++)
        for (const { name, sql } of made.definition.views) times.push(await timed(() => compile(name, sql)));
      for (const [name, [, sql]] of Object.entries(views)) times.push(await timed(() => compile(name, sql)));
      found.push(figure("compiling a view", times, "ms", { text: "< 20 ms", reached: median(times) < 20 }));

      const definitions = new Map<string, Definition>();
      for (const [name, [, sql]] of Object.entries(views))
        definitions.set(name, { ...made.definition, views: [await compile(name, sql)] });
      found.push(...(await inBatch(bench, session, made.stream, definitions)));
      const count = Math.round(1_000_000 * bench.scale);
      const log = await openLog({ data: made.project.dataDir });
      try {
        await fill(log, stream, count, bench.signal);
        for (const [name, definition] of definitions) {
          const contest = await alternate(
            bench.rounds,
            bench.signal,
            (round) => speedRate(bench, log, definition, count, `${name}-${round}`),
            (round) =>
              speedRate(
                bench,
                log,
                { ...made.definition, views: made.definition.views.slice(0, 1) },
                count,
                `kinds-${round}`,
              ),
          );
          const [ours, theirs] = figures(
            [`speed: ${views[name]![0]}`, "one view of counts and sums"],
            contest,
            "events/s",
            0,
          );
          found.push({ ...ours!, goal: null }, theirs!);
        }
      } finally {
        await log.close();
      }
      return found;
    } finally {
      session.close();
      duck.close();
    }
  },
};

/** Recompute of one view against the same SQL in plain DuckDB. */
async function inBatch(
  bench: Parameters<Part["run"]>[0],
  session: Session,
  stream: Parameters<typeof makeArchive>[2],
  definitions: ReadonlyMap<string, Definition>,
): Promise<Figure[]> {
  const store = await FolderStore.open(join(bench.folder, "archive"));
  const archived = await makeArchive(store, session, stream, Math.round(5_000_000 * bench.scale), bench.signal);
  const history = new History(store, new MemoryLog(), archived.origin);
  const events = `SELECT * FROM read_parquet([${archived.files.map(quoteText).join(", ")}])`;
  const found: Figure[] = [];
  for (const [name, definition] of definitions) {
    const view: ViewDefinition = definition.views[0]!;
    const contest = await alternate(
      bench.rounds,
      bench.signal,
      async () => {
        const run = randomUUID();
        const ms = await timed(() => recompute(history, session, definition, archived, run));
        await store.remove(`version-files/${run}`);
        return ms;
      },
      () => timed(() => session.run(`CREATE OR REPLACE TEMP TABLE plain AS WITH events AS (${events}) ${view.sql}`)),
    );
    const [ours, theirs] = figures([`batch: ${views[name]![0]}`, "the same SQL in plain DuckDB"], contest, "ms", 0);
    found.push({ ...ours!, goal: null }, theirs!);
  }
  return found;
}
