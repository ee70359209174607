/** The serving daemon: follows the store, looks at the log's end, answers over HTTP. */
import type { FastifyInstance } from "fastify";
import { Ingest } from "../ingest/http/ingest.ts";
import { Requests } from "../ingest/requests.ts";
import { Duck } from "../shared/duckdb/duck.ts";
import { messageOf, TidemarkError } from "../shared/errors.ts";
import type { Log } from "../shared/log/log.ts";
import { pause } from "../shared/pause.ts";
import { Incidents, incidentsIn } from "../shared/store/incidents.ts";
import { endsOf, originOf } from "../shared/store/origin.ts";
import { PositionTexts } from "../shared/store/position-texts.ts";
import type { Store } from "../shared/store/store.ts";
import { newestVersion } from "../shared/store/versions.ts";
import { ViewHealth } from "./health.ts";
import { hostsFor } from "./http/access/guard.ts";
import { KeyFile } from "./http/access/key-file.ts";
import { httpApi } from "./http/api.ts";
import type { AnswerFacts, HttpLimits } from "./http/routes/route.ts";
import { Feeds } from "./live/feed.ts";
import { ReadModels } from "./model/read-models.ts";
import { Follower } from "./snapshot/follower.ts";
import { Freshness } from "./snapshot/freshness.ts";
import { KeptVersions } from "./snapshot/kept-versions.ts";
import { SessionPool } from "./snapshot/pool.ts";
import { watchFiles } from "./snapshot/watch-files.ts";
import { Queries, queryLimits } from "./sql/queries.ts";

export interface ServeOptions {
  readonly store: Store;
  readonly log: Log;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly memoryLimit: string;
  /** Where keys are kept, if there are any. */
  readonly keyFile: string;
  /** Others may reach it, and nobody is asked for a key. */
  readonly withoutKeys: boolean;
  readonly limits: HttpLimits;
  readonly now: () => number;
  readonly say: (line: string) => void;
  readonly answered?: (facts: AnswerFacts) => void;
  readonly signal: AbortSignal;
  readonly onListening?: (url: string) => void;
}

const followMs = 20;
const lookMs = 250;
const waitMsMax = 10_000;
/** How long a stop waits for answers that are under way. */
const drainMsMax = 2000;
/** Queries that run at a time; more wait their turn. */
const sessions = 4;
/** Of requests with events of a new kind, which DuckDB looks at. */
const judgesMax = 2;

/**
 * Runs until the signal. There must be a version (see ensureVersion).
 * @throws SERVE_PORT when it can't listen there; SERVE_NOTHING, STORE_CORRUPT when no version can be loaded
 */
export async function runServe(options: ServeOptions): Promise<void> {
  const { store, say, now, signal } = options;
  const keys = await KeyFile.open(options.keyFile, say);
  const hosts = await hostsFor(options.host, keys, options.withoutKeys);
  const timezone = (await newestVersion(store))?.definition.timezone ?? "UTC";
  const duck = await Duck.open({ memoryLimit: options.memoryLimit, tempDir: store.scratch("spill"), timezone });
  const follower = await Follower.open(store, duck, say);
  const pool = await SessionPool.open(duck, sessions);
  // events do not wait for whoever reads many rows
  const judges = await SessionPool.open(duck, judgesMax);
  const freshness = new Freshness();
  const positions = new PositionTexts(store, now, say);
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const models = new ReadModels(store, follower, await duck.session(), say);
  follower.holdBack((next) => models.holdsBack(next));
  const versions = new KeptVersions(store);
  const incidents = new Incidents(store, "serve", now);
  const health = new ViewHealth(follower, await duck.session(), incidents, say);
  const queries = new Queries({ store, follower, pool, freshness, positions, models, health, now }, queryLimits, say);
  const requests = new Requests(options.log, follower.manifest.definition.project, store.scratch("requests"), both);
  const app = httpApi({
    store,
    log: options.log,
    follower,
    pool,
    freshness,
    positions,
    models,
    health,
    now,
    queries,
    versions,
    feeds: new Feeds(store, follower, pool, positions, versions, both, say),
    access: { keys, hosts, now },
    limits: options.limits,
    ...(options.answered ? { answered: options.answered } : {}),
    waitMsMax,
    say,
    signal: both,
    ingest: new Ingest(options.log, requests, positions, judges, both, async (stream) => {
      return (await originOf(store, options.log, stream)).partitions;
    }),
    incidents: () => incidentsIn(store),
  });
  const loops = [
    follower.run(followMs, both),
    models.run(both),
    health.run(both),
    lookAtLog(options, follower, freshness, both),
    watchFiles(store, follower, incidents, say, both),
  ];
  try {
    options.onListening?.(await listen(app, options.host, options.port));
    await Promise.race([Promise.all(loops), aborted(both)]);
  } finally {
    stop.abort();
    const impatience = setTimeout(() => app.server.closeAllConnections(), drainMsMax);
    await app.close();
    clearTimeout(impatience);
    await Promise.allSettled(loops);
    await queries.close();
    await requests.close();
    await models.close();
    health.close();
    await follower.close();
    pool.close();
    judges.close();
    duck.close();
  }
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    const why: Readonly<Record<string, string>> = {
      EADDRINUSE: "another process listens there",
      EACCES: "this user may not listen there",
      EADDRNOTAVAIL: "this machine has no such address",
      ENOTFOUND: "there is no such host",
    };
    const code = String((error as NodeJS.ErrnoException).code);
    throw new TidemarkError(
      "SERVE_PORT",
      `cannot listen on ${host}:${port}: ${why[code] ?? messageOf(error)}`,
      "choose another with --port (0 takes any free one) or --host",
      { host, port },
      error,
    );
  }
}

/** What can't be asked leaves the lag unknown to grow; old answers go on. */
async function lookAtLog(
  { log, now, say }: ServeOptions,
  follower: Follower,
  freshness: Freshness,
  signal: AbortSignal,
): Promise<void> {
  let complaint = "";
  while (!signal.aborted) {
    const at = now();
    try {
      // a stream that is not there any more must not hide how the others are doing
      const { end, stopped } = await endsOf(log, follower.streams);
      if (stopped.size === follower.streams.length && stopped.size > 0) throw [...stopped.values()][0]!;
      freshness.note(at, end);
      complaint = "";
    } catch (error) {
      if (complaint === "" && !signal.aborted) say(`serve: the log's end is not known: ${messageOf(error)}`);
      complaint = messageOf(error);
    }
    await pause(lookMs, signal);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
