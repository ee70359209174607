import { join } from "node:path";
import { Loaded, type ServedView } from "../serving/loaded.ts";
import { everything, type Question, type Sql, sqlOf } from "../serving/query.ts";
import { Compiler } from "../shared/compiler/compile.ts";
import { partialColumns, partialOf, rowsOf } from "../shared/compiler/texts.ts";
import type { Definition, StreamDefinition, ViewDefinition } from "../shared/definition.ts";
import { Duck, quoteText, type Session } from "../shared/duckdb/duck.ts";
import { positionOf } from "../shared/position.ts";
import { noCounts } from "../shared/store/counts.ts";
import { layout, manifestFormat, type ViewFile } from "../shared/store/layout.ts";
import { Store } from "../shared/store/store.ts";
import { publishVersion } from "../shared/store/versions.ts";
import { Generation } from "../speed/generation.ts";
import { alternate, figure, figures, quantile } from "./measure.ts";
import type { Part } from "./part.ts";
import { make } from "./project.ts";

const sql =
  "SELECT device, count(*) AS events, sum(bytes) AS bytes, avg(ms) AS mean_ms, max(price) AS dearest FROM events GROUP BY device";

/** One row by its key: merged from base and delta, against the base alone, in this process. */
export const point: Part = {
  name: "point",
  run: async (bench) => {
    const baseRows = Math.round(1_000_000 * bench.scale);
    const deltaRows = Math.round(20_000 * bench.scale);
    const queries = 400 * bench.rounds;
    const { definition: whole, stream } = await make(bench.folder);
    const store = await Store.open(join(bench.folder, "store"), { durable: false });
    const duck = await Duck.open({ memoryLimit: "2GB", tempDir: store.scratch("spill") });
    const [session, reading] = [await duck.session(), await duck.session()];
    try {
      const view = await compileView(duck, stream);
      const loaded = await load(store, session, { ...whole, views: [view] }, view, baseRows, deltaRows);
      const served = loaded.pin();
      const merged = served.views.get(view.name)!;
      const keyOf = (round: number) => `key-${(round * 7919) % baseRows}`;
      const ask = async ({ text, params }: Sql): Promise<number> => {
        const started = performance.now();
        const rows = await reading.rows(text, params);
        const ms = performance.now() - started;
        if (rows.length !== 1) throw new Error(`${rows.length} rows of one key`);
        return ms;
      };
      const contest = await alternate(
        queries,
        bench.signal,
        (round) => ask(sqlOf(merged, byKey(keyOf(round)))),
        (round) => ask(baseAlone(merged, keyOf(round))),
      );
      served.release();
      return [
        ...figures(["point query, base and delta merged", "the same on the base alone"], contest, "ms", 1.6),
        figure("point query merged, p99", [quantile(contest.ours, 0.99)], "ms"),
        figure("the same on the base alone, p99", [quantile(contest.theirs, 0.99)], "ms"),
      ];
    } finally {
      session.close();
      reading.close();
      duck.close();
    }
  },
};

function byKey(value: string): Question {
  return { ...everything, filters: [{ column: "device", not: false, op: "eq", value }] };
}

function baseAlone({ definition, base }: ServedView, key: string): Sql {
  const rows = `SELECT ${partialColumns(definition)} FROM ${base} WHERE k0 = CAST($1::VARCHAR AS VARCHAR)`;
  return { text: `SELECT * FROM (${rowsOf(definition, rows)})`, params: [key] };
}

async function compileView(duck: Duck, stream: StreamDefinition): Promise<ViewDefinition> {
  const session = await duck.session();
  const compiler = await Compiler.open(session, [stream]);
  const view = await compiler.compile({ name: "point", file: "views/point.sql", sql, description: "" });
  session.close();
  return view;
}

/** A version of `baseRows` keys and one delta entry of `deltaRows` of them, loaded as serving does. */
async function load(
  store: Store,
  session: Session,
  definition: Definition,
  view: ViewDefinition,
  baseRows: number,
  deltaRows: number,
): Promise<Loaded> {
  const at = (offset: number) =>
    positionOf(Array.from({ length: 4 }, (_, partition) => ({ stream: view.streams[0]!, partition, offset })));
  const manifest = await publishVersion(store, {
    format: manifestFormat,
    createdAt: new Date().toISOString(),
    cause: "batch",
    definition,
    origin: at(0),
    cut: at(baseRows),
    views: {
      [view.name]: await writePartials(store, session, view, baseRows, 1, layout.versionFile("bench", view.name)),
    },
    ...noCounts,
    events: baseRows,
    proof: { state: "unproved", by: "made by the bench", views: 0 },
  });
  const generation = await Generation.create(store, manifest, 0);
  const { sequence, nameOf } = generation.nextNames();
  const step = Math.floor(baseRows / deltaRows);
  const entry = {
    sequence,
    from: at(baseRows),
    upto: at(baseRows + deltaRows),
    ...noCounts,
    events: deltaRows,
    deadFile: null,
    views: { [view.name]: await writePartials(store, session, view, deltaRows, step, nameOf(view.name)) },
    level: 0,
    latest: 0,
  };
  await generation.commit([entry], Date.now());
  const loaded = new Loaded(store, session, manifest);
  await loaded.open();
  await loaded.follow();
  return loaded;
}

async function writePartials(
  store: Store,
  session: Session,
  view: ViewDefinition,
  rows: number,
  step: number,
  name: string,
): Promise<ViewFile> {
  const scratch = store.scratch("partials.parquet");
  const events =
    `SELECT NULL::TIMESTAMP AS ts, 'key-' || (i * ${step}) AS device, 'view' AS kind, i AS visitor, i % 1000 AS ms, ` +
    `i AS bytes, (i % 100000 / 100)::DECIMAL(9,2) AS price, true AS ok FROM range(${rows}) r(i)`;
  await session.run(
    `COPY (${partialOf(view, new Map([[view.streams[0]!, events]]))}) TO ${quoteText(scratch)} (FORMAT parquet)`,
  );
  return { file: await store.publish(scratch, name, { durable: false }), rows };
}
