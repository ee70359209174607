/** The API over loopback: points, all rows, events in, and a swap of versions under load. */
import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import Fastify from "fastify";
import { ingestMount } from "../ingest/http/mount.ts";
import { runServe } from "../serving/daemon.ts";
import { ReadModels } from "../serving/model/read-models.ts";
import { everything, sqlOf } from "../serving/question/query.ts";
import { Follower } from "../serving/snapshot/follower.ts";
import { Duck, quoteText } from "../shared/duckdb/duck.ts";
import { EmbeddedLog } from "../shared/log/embedded.ts";
import { pause } from "../shared/pause.ts";
import { FolderStore } from "../shared/store/folder.ts";
import { logStream } from "../shared/store/origin.ts";
import type { Store } from "../shared/store/store.ts";
import { type BigView, compileBigView, publishBase, publishDelta, writeBase } from "./big-view.ts";
import type { Load, LoadResult } from "./http-load.ts";
import { figure, median, quantile, timed } from "./measure.ts";
import type { Bench, Figure, Part } from "./part.ts";
import { Events, make } from "./project.ts";

const eventsPerRequest = 1000;

export const http: Part = {
  name: "http",
  run: async (bench) => {
    const { definition, stream } = await make(bench.folder);
    const store = await FolderStore.open(join(bench.folder, "store"), { durable: false });
    const duck = await Duck.open({ memoryLimit: "2GB", tempDir: store.scratch("spill") });
    const log = new EmbeddedLog(join(bench.folder, "log"));
    await log.ensure(logStream(stream));
    const session = await duck.session();
    const view = await compileBigView(duck, stream);
    const big: BigView = {
      store,
      session,
      definition,
      view,
      baseRows: Math.round(1_000_000 * bench.scale),
      deltaRows: Math.round(20_000 * bench.scale),
    };
    const manifest = await publishBase(big, await writeBase(big, "first"), big.baseRows);
    await publishDelta(big, manifest, big.baseRows + big.deltaRows);
    const stop = new AbortController();
    try {
      const found = [...(await lookups(bench, store, duck, big))];
      let listening: (url: string) => void = () => undefined;
      const url = new Promise<string>((resolve) => {
        listening = resolve;
      });
      const options = {
        host: "127.0.0.1",
        port: 0,
        memoryLimit: "2GB",
        keyFile: join(bench.folder, "keys.json"),
        withoutKeys: false,
        mounts: [ingestMount(store, log)],
        limits: { requestsPerSecond: null, cors: [] },
      };
      const serving = runServe({
        ...options,
        store,
        log,
        now: Date.now,
        say: bench.say,
        signal: AbortSignal.any([stop.signal, bench.signal]),
        onListening: listening,
      });
      const at = await Promise.race([url, serving.then(() => "")]);
      await ready(at);
      found.push(
        ...(await points(bench, at, big)),
        ...(await rows(bench, at, big)),
        ...(await ingest(bench, at)),
        ...(await swap(bench, at, big)),
      );
      stop.abort();
      await serving;
      return found;
    } finally {
      stop.abort();
      await log.close();
      session.close();
      duck.close();
    }
  },
};

/** The row of a key in this process, from its read model. */
async function lookups({ rounds, say }: Bench, store: Store, duck: Duck, { baseRows }: BigView): Promise<Figure[]> {
  const follower = await Follower.open(store, duck, say);
  const models = new ReadModels({ store, follower, session: await duck.session(), bytesMax: 128 << 20, say });
  try {
    const built = await timed(async () => {
      while (models.ready === 0 || !models.lookup(follower.pin(), follower.pin().views.get("point")!, asked(0))) {
        await models.poll();
        await pause(20, AbortSignal.timeout(60_000));
      }
    });
    const served = follower.pin();
    const view = served.views.get("point")!;
    const times: number[] = [];
    for (let turn = 0; turn < 20_000 * rounds; turn++) {
      const question = asked((turn * 7919) % baseRows);
      const began = performance.now();
      const row = models.lookup(served, view, question);
      times.push(performance.now() - began);
      if (!row) throw new Error(`no row of key ${turn}`);
    }
    const { text, params } = sqlOf(view, asked(1));
    const session = await duck.session();
    const merges: number[] = [];
    for (let turn = 0; turn < 100 * rounds; turn++) merges.push(await timed(() => session.rows(text, [...params])));
    session.close();
    served.release();
    return [
      figure("one row by its key in this process, read model, p50", [median(times)], "ms", goal(median(times), 0.05)),
      figure("the same, p99", [quantile(times, 0.99)], "ms"),
      figure("the same row merged by DuckDB, without a read model, p50", [median(merges)], "ms"),
      figure("until the model of a new version is built", [built], "ms"),
    ];
  } finally {
    await models.close();
    await follower.close();
  }
}

const asked = (key: number) => ({
  ...everything,
  filters: [{ column: "device", not: false, op: "eq" as const, value: `key-${key}` }],
});

function goal(value: number, most: number) {
  return { text: `≤ ${most}`, reached: value <= most };
}

/** Waits until single rows come from their model: an answer then takes far less. */
async function ready(url: string): Promise<void> {
  for (const until = performance.now() + 120_000; performance.now() < until; ) {
    const times: number[] = [];
    for (let i = 0; i < 20; i++)
      times.push(await timed(async () => (await fetch(`${url}/v1/views/point?device=eq.key-${i}`)).text()));
    if (median(times) < 2) return;
  }
}

async function points({ rounds }: Bench, url: string, { baseRows }: BigView): Promise<Figure[]> {
  const found: Figure[] = [];
  const bare = await bareServer((await fetch(`${url}/v1/views/point?device=eq.key-1`)).text());
  for (const [connections, most] of [
    [1, 2],
    [8, 6],
  ] as const) {
    const load = { connections, seconds: rounds * 2, keys: baseRows, bodies: [] };
    const ofNothing = await run({ url: bare.url, ...load });
    const ofPoints = await run({ url, ...load });
    if (ofPoints.errors > 0) throw new Error(`${ofPoints.errors} answers failed`);
    const of = connections === 1 ? "1 connection" : `${connections} connections`;
    for (const [name, { times, perSecond }, most50] of [
      [`a text from Fastify alone, ${of}`, ofNothing, null],
      [`point query over HTTP, ${of}`, ofPoints, most],
    ] as const) {
      const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
      const goals = most50 !== null;
      found.push(figure(`${name} (${Math.round(perSecond)}/s), p50`, [p50], "ms", goals ? goal(p50, most50) : null), {
        ...figure(`${name}, p99`, [p99], "ms"),
        ratio: p99 / p50,
        ...(goals ? { goal: { text: "≤ 4 × p50", reached: p99 <= 4 * p50 } } : {}),
      });
    }
  }
  await bare.close();
  return found;
}

/** What an answer costs that takes no work: Fastify and the load generator. */
async function bareServer(text: Promise<string>): Promise<{ readonly url: string; close(): Promise<void> }> {
  const app = Fastify();
  const body = await text;
  app.get("/v1/views/point", async (_request, reply) => reply.type("application/json; charset=utf-8").send(body));
  return { url: await app.listen({ port: 0, host: "127.0.0.1" }), close: () => app.close() };
}

/** All rows, read by another process. */
async function rows({ rounds, folder }: Bench, url: string, { session, store, view }: BigView): Promise<Figure[]> {
  const file = join(folder, "copy");
  const found: Figure[] = [];
  const partials = `SELECT * FROM read_parquet(${quoteText(`${store.root}/version-files/first/${view.name}.parquet`)})`;
  const all = `WITH partials AS (${partials}), merged AS (${view.combine}) ${view.finalize}`;
  for (const [name, accept, format, most] of [
    ["Arrow", "application/vnd.apache.arrow.stream", "FORMAT parquet", 3],
    ["NDJSON", "application/x-ndjson", "FORMAT json", 2],
  ] as const) {
    const ours: number[] = [];
    const theirs: number[] = [];
    let [grown, grownByCopy] = [0, 0];
    for (let round = 0; round < Math.min(rounds, 3); round++) {
      const copy = await growing(() => session.run(`COPY (${all}) TO ${quoteText(file)} (${format})`));
      theirs.push(copy.ms);
      grownByCopy = Math.max(grownByCopy, copy.grown);
      rmSync(file, { force: true });
      const answer = await growing(() => read(`${url}/v1/views/point`, accept));
      ours.push(answer.ms);
      grown = Math.max(grown, answer.grown);
    }
    const ratio = median(ours.map((value, i) => value / theirs[i]!));
    found.push(
      {
        ...figure(`all rows as ${name} over HTTP`, ours, "ms"),
        ratio,
        goal: { text: `≤ ${most} × COPY (${format})`, reached: ratio <= most },
      },
      figure(`DuckDB's own COPY (${format})`, theirs, "ms"),
      figure(`memory grown meanwhile, ${name}`, [grown], "MB", goal(grown, 100)),
      figure(`memory grown meanwhile, COPY (${format})`, [grownByCopy], "MB"),
    );
  }
  return found;
}

/** How long something takes, and by how much this process grows at most meanwhile, MB. */
async function growing(work: () => Promise<unknown>): Promise<{ readonly ms: number; readonly grown: number }> {
  const before = process.memoryUsage.rss();
  let most = before;
  const poll = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 10);
  try {
    const ms = await timed(work);
    return { ms, grown: (most - before) / 2 ** 20 };
  } finally {
    clearInterval(poll);
  }
}

async function ingest({ rounds }: Bench, url: string): Promise<Figure[]> {
  const events = new Events();
  const bodies = Array.from(
    { length: 20 },
    () =>
      `${events
        .take(eventsPerRequest)
        .map(({ value }) => value!.toString())
        .join("\n")}\n`,
  );
  const { perSecond, errors } = await run({ url, connections: 4, seconds: rounds, keys: null, bodies });
  if (errors > 0) throw new Error(`${errors} requests failed`);
  const rate = perSecond * eventsPerRequest;
  return [
    figure("events in over HTTP, 1,000 a request, 4 connections", [rate], "events/s", {
      text: "≥ 100,000",
      reached: rate >= 100_000,
    }),
  ];
}

/** A new version comes while 8 connections ask. */
async function swap({ signal }: Bench, url: string, big: BigView): Promise<Figure[]> {
  const seconds = 25;
  // a batch run makes its files in a process of its own, often on another machine: here only their appearance
  // is measured
  const next = await writeBase(big, "second");
  const load = run({ url, connections: 8, seconds, keys: big.baseRows, bodies: [] });
  await pause(5000, signal);
  const began = Date.now();
  const { number } = await publishBase(big, next, big.baseRows + big.deltaRows);
  const versionServed = async () => ((await (await fetch(`${url}/v1/status`)).json()) as { version: number }).version;
  while ((await versionServed()) !== number) await pause(50, signal);
  const served = Date.now();
  const { times, at, errors } = await load;
  const last = at.at(-1)!;
  if (served > last) throw new Error(`version ${number} was not served within ${seconds} s`);
  const before = times.filter((_, i) => at[i]! < began);
  // a second after it, too: what the old version leaves behind is put away then
  const meanwhile = times.filter((_, i) => at[i]! >= began && at[i]! < served + 1000);
  const [left, right] = [quantile(before, 0.99), quantile(meanwhile, 0.99)];
  return [
    {
      ...figure("point query, 8 connections, while a new version comes, p99", [right], "ms"),
      ratio: right / left,
      goal: { text: "≤ 2 × before", reached: right <= 2 * left },
    },
    figure("until it is served, with its read models", [served - began], "ms"),
    figure(`answers that failed, of ${times.length}`, [errors], "", goal(errors, 0)),
  ];
}

const here = dirname(fileURLToPath(import.meta.url));

/** Node's arguments for a file of ours, from the built files and from the sources alike. */
function script(name: string): string[] {
  if (import.meta.url.endsWith(".js")) return [join(here, `${name}.js`)];
  const jiti = createRequire(import.meta.url).resolve("jiti/package.json");
  return [join(dirname(jiti), "lib/jiti-cli.mjs"), join(here, `${name}.ts`)];
}

function run(load: Load): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, script("http-load"), { maxBuffer: 1 << 30 }, (error, out) => {
      if (error) reject(error);
      else resolve(JSON.parse(out) as LoadResult);
    });
    child.stdin!.end(JSON.stringify(load));
  });
}

/** Another process reads it all. */
async function read(url: string, accept: string): Promise<void> {
  const code = `const r = await fetch(process.argv[1], { headers: { accept: process.argv[2], "accept-encoding": "identity" } }); let n = 0; for await (const c of r.body) n += c.length; if (!r.ok || n < 1000) process.exit(1);`;
  await promisify(execFile)(process.execPath, ["--input-type=module", "-e", code, url, accept]);
}
