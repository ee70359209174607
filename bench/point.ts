import { join } from "node:path";
import { everything, type ParsedQuestion, sqlOf } from "../serving/question/query.ts";
import type { Sql } from "../serving/rows/rows.ts";
import { LoadedVersion, type ServedView } from "../serving/snapshot/loaded.ts";
import { partialColumns, rowsOf } from "../shared/compiler/texts.ts";
import { Duck } from "../shared/duckdb/duck.ts";
import { FolderStore } from "../shared/store/folder.ts";
import { compileBigView, publishBase, publishDelta, writeBase } from "./big-view.ts";
import { alternate, figure, figures, quantile } from "./measure.ts";
import type { Part } from "./part.ts";
import { make } from "./project.ts";

/** One row by its key: merged from base and delta, against the base alone, in this process. */
export const point: Part = {
  name: "point",
  run: async (bench) => {
    const baseRows = Math.round(1_000_000 * bench.scale);
    const deltaRows = Math.round(20_000 * bench.scale);
    const queries = 400 * bench.rounds;
    const { definition, stream } = await make(bench.folder);
    const store = await FolderStore.open(join(bench.folder, "store"), { durable: false });
    const duck = await Duck.open({ memoryLimit: "2GB", tempDir: store.scratch("spill") });
    const [session, reading] = [await duck.session(), await duck.session()];
    try {
      const view = await compileBigView(duck, stream);
      const big = { store, session, definition, view, baseRows, deltaRows };
      const manifest = await publishBase(big, await writeBase(big, "bench"), baseRows);
      await publishDelta(big, manifest, baseRows + deltaRows);
      const loaded = new LoadedVersion(store, session, manifest);
      await loaded.open();
      await loaded.follow();
      const served = loaded.pin();
      const merged = served.views.get(view.name)!;
      const keyOf = (round: number) => `key-${(round * 7919) % baseRows}`;
      const ask = async ({ text, params }: Pick<Sql, "text" | "params">): Promise<number> => {
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

function byKey(value: string): ParsedQuestion {
  return { ...everything, filters: [{ column: "device", not: false, op: "eq", value }] };
}

function baseAlone({ definition, base }: ServedView, key: string): Pick<Sql, "text" | "params"> {
  const rows = `SELECT ${partialColumns(definition)} FROM ${base} WHERE k0 = CAST($1::VARCHAR AS VARCHAR)`;
  return { text: `SELECT * FROM (${rowsOf(definition, rows)})`, params: [key] };
}
