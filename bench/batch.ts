import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { runBatch } from "../batch/run.ts";
import { Compiler } from "../shared/compiler/compile.ts";
import type { ViewDefinition } from "../shared/definition.ts";
import { Duck, quoteText, type Session } from "../shared/duckdb/duck.ts";
import { History } from "../shared/history/history.ts";
import { MemoryLog } from "../shared/log/memory.ts";
import { openLog } from "../shared/log/open.ts";
import { rangesBetween } from "../shared/position.ts";
import { FolderStore } from "../shared/store/folder.ts";
import { Incidents } from "../shared/store/incidents.ts";
import type { Store } from "../shared/store/store.ts";
import { type BenchArchive, makeArchive } from "./archive-files.ts";
import { alternate, figure, figures, timed } from "./measure.ts";
import type { Bench, Figure, Part } from "./part.ts";
import { type BenchProject, fill, make, spillingView } from "./project.ts";
import { recompute } from "./recompute.ts";
import { runToEnd } from "./speed.ts";

const memoryLimit = "4GB";
const tightLimit = "1GB";

/** Recompute against the same views written by hand over the same files; then what else a batch run does, apart. */
export const batch: Part = {
  name: "batch",
  run: async (bench) => {
    const made = await make(bench.folder);
    const store = await FolderStore.open(join(bench.folder, "archive"));
    const archived = await makeFiles(bench, store, made);
    return [
      ...(await spilling(bench, store, made, archived)),
      ...(await recomputing(bench, store, made, archived)),
      ...(await wholeRuns(bench, made)),
    ];
  },
};

async function makeFiles(bench: Bench, store: Store, { stream }: BenchProject): Promise<BenchArchive> {
  const count = Math.round(20_000_000 * bench.scale);
  const started = performance.now();
  const archived = await withDuck(store, memoryLimit, (session) =>
    makeArchive(store, session, stream, count, bench.signal),
  );
  const seconds = (performance.now() - started) / 1000;
  bench.say(`${count} events in ${archived.files.length} archive files, made in ${seconds.toFixed(1)} s`);
  return archived;
}

async function recomputing(bench: Bench, store: Store, made: BenchProject, archived: BenchArchive): Promise<Figure[]> {
  const { definition, stream } = made;
  const { origin, cut } = archived;
  const history = new History(store, new MemoryLog(), origin);
  return withDuck(store, memoryLimit, async (session) => {
    const ranges = rangesBetween(origin, cut);
    const hashing = await timed(() => history.events(session, stream, ranges));
    const recomputeWith = async (reader: History): Promise<number> => {
      const run = randomUUID();
      const ms = await timed(() => recompute(reader, session, definition, archived, run));
      await store.remove(`version-files/${run}`);
      return ms;
    };
    const { rounds, signal } = bench;
    const hand = () => timed(() => byHand(session, definition.views, archived.files));
    const checked = await alternate(rounds, signal, () => recomputeWith(history), hand);
    const fresh = () => new History(store, new MemoryLog(), origin);
    const unchecked = await alternate(rounds, signal, () => recomputeWith(fresh()), hand);
    const [first] = figures(["batch: recompute, hashing the files first", ""], unchecked, "ms", 1.3);
    return [
      ...figures(["batch: recompute, 3 views", "the same rows by hand-written SQL"], checked, "ms", 1.3),
      { ...first!, goal: null },
      figure("batch: hashing the archive files once", [hashing], "ms"),
    ];
  });
}

async function byHand(session: Session, views: readonly ViewDefinition[], files: readonly string[]): Promise<void> {
  const events = `SELECT * FROM read_parquet([${files.map(quoteText).join(", ")}])`;
  for (const view of views) {
    await session.run(`CREATE OR REPLACE TEMP TABLE by_hand AS WITH events AS (${events}) ${view.sql}`);
  }
}

/** A view of millions of groups under a limit that they exceed. */
async function spilling(
  bench: Bench,
  store: Store,
  { definition, stream }: BenchProject,
  archived: BenchArchive,
): Promise<Figure[]> {
  const view = await withDuck(store, memoryLimit, async (session) =>
    (await Compiler.open(session, [stream])).compile({
      name: "spilling",
      file: "views/spilling.sql",
      sql: spillingView,
      description: "",
    }),
  );
  const history = new History(store, new MemoryLog(), archived.origin);
  const run = randomUUID();
  let groups = 0;
  let rss = 0;
  const timer = setInterval(() => {
    rss = Math.max(rss, process.memoryUsage().rss);
  }, 20);
  try {
    const ms = await withDuck(store, tightLimit, (session) =>
      timed(async () => {
        const files = await recompute(history, session, { ...definition, views: [view] }, archived, run);
        const { rows, failed } = files.spilling!;
        if (failed) bench.say(`the spilling view FAILED: ${failed.message}`);
        groups = rows;
      }),
    );
    return [
      figure(`batch: ${groups.toLocaleString("en-US")} groups, memory limit ${tightLimit}`, [ms], "ms"),
      figure("batch: peak RSS of the process then", [rss / 2 ** 20], "MB"),
    ];
  } finally {
    clearInterval(timer);
    await store.remove(`version-files/${run}`);
  }
}

/** Whole runs on a real log with a delta from the speed layer: these include archiving and proving. */
async function wholeRuns(bench: Bench, { project, definition, stream }: BenchProject): Promise<Figure[]> {
  const count = Math.round(1_000_000 * bench.scale);
  const log = await openLog({ data: project.dataDir });
  const rates: number[] = [];
  const proofs: number[] = [];
  try {
    await fill(log, stream, count, bench.signal);
    for (let round = 0; round < bench.rounds; round++) {
      const store = await FolderStore.open(join(bench.folder, `run-${round}`));
      await runToEnd(bench, store, log, definition, count);
      const { timings, manifest } = await runBatch({
        store,
        log,
        makeDefinition: async () => definition,
        memoryLimit,
        keepVersions: 7,
        retentionMs: Number.MAX_SAFE_INTEGER,
        now: Date.now,
        say: () => undefined,
        incidents: new Incidents(store, "batch", Date.now),
      });
      if (manifest.proof.state !== "proved") bench.say(`NOT proved: ${manifest.proof.by}`);
      rates.push((count / timings.archive) * 1000);
      proofs.push(timings.prove);
      await store.remove(".");
    }
  } finally {
    await log.close();
  }
  return [
    figure("batch: archiving from the embedded log", rates, "events/s"),
    figure("batch: proving 3 views against the delta", proofs, "ms"),
  ];
}

async function withDuck<T>(store: Store, limit: string, work: (session: Session) => Promise<T>): Promise<T> {
  const duck = await Duck.open({ memoryLimit: limit, tempDir: store.scratch("spill") });
  const session = await duck.session();
  try {
    return await work(session);
  } finally {
    session.close();
    duck.close();
  }
}
