/** Wires a server: what follows the store and the log, what answers, and the API over both. It does not listen yet. */
import type { FastifyInstance } from "fastify";
import type { Duck } from "../shared/duckdb/duck.ts";
import type { Host, Mount } from "../shared/http/mount.ts";
import type { Routes } from "../shared/http/route.ts";
import type { Log } from "../shared/log/log.ts";
import { pause } from "../shared/pause.ts";
import { SourcePositions } from "../shared/source-progress.ts";
import { Incidents, incidentsIn } from "../shared/store/incidents.ts";
import { PositionTexts } from "../shared/store/position-texts.ts";
import type { Store } from "../shared/store/store.ts";
import { ViewHealth } from "./health.ts";
import type { Access } from "./http/access/guard.ts";
import { Tickets } from "./http/access/tickets.ts";
import { type AnswerFacts, type HttpLimits, httpApi } from "./http/api.ts";
import { Metrics } from "./http/metrics.ts";
import { changeRoutes } from "./http/routes/changes.ts";
import { explainRoutes } from "./http/routes/explain.ts";
import { pageRoutes } from "./http/routes/page.ts";
import { positionRoutes } from "./http/routes/positions.ts";
import { probeRoutes } from "./http/routes/probes.ts";
import { queryRoutes } from "./http/routes/query.ts";
import { statusRoutes } from "./http/routes/status.ts";
import { streamEventRoutes } from "./http/routes/stream-events.ts";
import { ticketRoutes } from "./http/routes/tickets.ts";
import { viewRoutes } from "./http/routes/views.ts";
import { waitingFor } from "./http/routes/wait-for.ts";
import { Feeds } from "./live/feed.ts";
import { Outboxes } from "./live/outbox.ts";
import { ReadModels } from "./model/read-models.ts";
import { Follower } from "./snapshot/follower.ts";
import { Freshness } from "./snapshot/freshness.ts";
import { KeptVersions } from "./snapshot/kept-versions.ts";
import { watchLogEnd } from "./snapshot/log-end.ts";
import { SessionPool } from "./snapshot/pool.ts";
import { watchFiles } from "./snapshot/watch-files.ts";
import { type QueryLimits, queryLimits, SqlQueries } from "./sql/queries.ts";
import type { LogRuns } from "./streams/log-runs.ts";
import { openReading } from "./streams/reading.ts";

export interface ServerOptions {
  readonly store: Store;
  readonly log: Log;
  /** Not closed with the server. */
  readonly duck: Duck;
  readonly access: Access;
  readonly limits: HttpLimits;
  /** Routes of other rooms. */
  readonly mounts: readonly Mount[];
  readonly now: () => number;
  readonly say: (line: string) => void;
  /** See httpApi. */
  readonly answered?: ((facts: AnswerFacts) => void) | undefined;
  readonly signal: AbortSignal;
  /** Overrides of `preset`. */
  readonly tuning?: Partial<Tuning>;
}

export interface Tuning {
  /** SQL queries that run at a time; more wait their turn. */
  readonly sessions: number;
  /** How long in total a slow reader may keep others waiting, ms. */
  readonly patienceMs: number;
  /** How long Tidemark-Wait-For may hold a query, ms. */
  readonly waitMsMax: number;
  /** Limits of SQL from clients. */
  readonly queries: QueryLimits;
  /** Memory of read models for rows that the delta touches, bytes; null: there are no models. */
  readonly modelBytesMax: number | null;
  /** A reader of events that takes nothing for this long is disconnected, ms. */
  readonly beatMs: number;
}

const preset: Tuning = {
  sessions: 4,
  patienceMs: 30_000,
  waitMsMax: 10_000,
  queries: queryLimits,
  modelBytesMax: 128 << 20,
  beatMs: 15_000,
};

/** Sessions for requests with events of a new shape, which DuckDB checks. */
const judgesMax = 2;
/** How long a stop waits for answers in flight. */
const drainMsMax = 2000;

export interface Server extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly follower: Follower;
  readonly pool: SessionPool;
  readonly freshness: Freshness;
  readonly models: ReadModels | null;
  readonly health: ViewHealth;
  readonly feeds: Feeds;
  /** What the listeners of changes and the readers of events have not taken yet. */
  readonly outboxes: Outboxes;
  /** What is kept of streams' logs for readers of events. */
  readonly runs: LogRuns;
  /** Polls the store once; `run` does that, too. @returns true when what is served has moved */
  follow(): Promise<boolean>;
  /** Follows the store and the log until the signal aborts; fails where it can't continue. */
  run(): Promise<void>;
}

/** @throws SERVE_NOTHING, STORE_CORRUPT when no version can be loaded */
export async function openServer(options: ServerOptions): Promise<Server> {
  const { store, log, duck, now, say, access } = options;
  const tuning = { ...preset, ...options.tuning };
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const follower = await Follower.open(store, duck, say);
  const pool = await SessionPool.open(duck, tuning.sessions, tuning.patienceMs);
  // a pool of their own, so that events do not wait for readers of many rows
  const judges = await SessionPool.open(duck, judgesMax);
  const freshness = new Freshness();
  const positions = new PositionTexts(store, now, say);
  const models = await modelsOf(options, tuning, follower);
  const incidents = new Incidents(store, "serve", now);
  const search = { store, log, openSession: () => duck.session() };
  const health = new ViewHealth(follower, await duck.session(), search, incidents, say);
  const versions = new KeptVersions(store);
  const queries = new SqlQueries({ store, follower, freshness, positions, now, limits: tuning.queries, say });
  const feeds = new Feeds({ store, follower, pool, positions, versions, signal, say });
  const outboxes = new Outboxes();
  const reading = await openReading({ store, log, duck, follower, signal });
  const host = hostOf(follower, positions, judges, signal);
  const mounted = options.mounts.map((mount) => mount(host));
  const [metrics, tickets] = [new Metrics(), new Tickets(access.now)];
  const sources = new SourcePositions(log, follower.manifest.definition.project);
  const waitFor = waitingFor({ follower, freshness, positions, sources, waitMsMax: tuning.waitMsMax, signal });
  const incidentsNow = () => incidentsIn(store);
  const routes: Routes[] = [
    (app) => viewRoutes(app, { store, follower, pool, freshness, positions, models, health, now }, waitFor),
    (app) => changeRoutes(app, { follower, feeds, positions, outboxes, signal }),
    (app) => streamEventRoutes(app, { reading, follower, positions, outboxes, beatMs: tuning.beatMs, say }),
    (app) => ticketRoutes(app, tickets),
    (app) => explainRoutes(app, { store, log, follower, pool, freshness, positions, now }),
    (app) => queryRoutes(app, { queries, waitFor, signal }),
    (app) => positionRoutes(app, { follower, freshness, positions }),
    (app) => statusRoutes(app, { follower, freshness, health, now, metrics, versions, incidents: incidentsNow }),
    (app) => probeRoutes(app, { follower, health, incidents: incidentsNow, signal }),
    pageRoutes,
    ...mounted.map((each) => each.routes),
  ];
  const { limits, answered } = options;
  const app = httpApi({ access, tickets, limits, metrics, answered, say, signal }, routes);
  const follow = () => followOnce(follower, models);
  const following = async () => {
    while (!signal.aborted) if (!(await follow())) await pause(store.paceMs, signal);
  };
  let loops: Promise<void>[] = [];
  const run = async () => {
    loops = [
      following(),
      ...(models ? [models.run(signal)] : []),
      health.run(signal),
      watchLogEnd({ log, follower, freshness, now, say }, signal),
      watchFiles(store, follower, incidents, say, signal),
    ];
    await Promise.all(loops);
  };
  const close = async () => {
    stop.abort();
    const impatience = setTimeout(() => app.server.closeAllConnections(), drainMsMax);
    await app.close();
    clearTimeout(impatience);
    await Promise.allSettled(loops);
    await queries.close();
    await reading.close();
    for (const each of mounted) await each.close();
    await models?.close();
    health.close();
    await follower.close();
    pool.close();
    judges.close();
  };
  const parts = { app, follower, pool, freshness, models, health, feeds, outboxes, runs: reading.runs };
  return { ...parts, follow, run, [Symbol.asyncDispose]: close };
}

function hostOf(follower: Follower, positions: PositionTexts, judges: SessionPool, signal: AbortSignal): Host {
  return {
    project: follower.manifest.definition.project,
    streams: () => follower.streams,
    positions,
    lend: (asker, work) => judges.lend(asker, work),
    signal,
  };
}

async function modelsOf(
  { store, duck, say }: ServerOptions,
  { modelBytesMax }: Tuning,
  follower: Follower,
): Promise<ReadModels | null> {
  if (modelBytesMax === null) return null;
  return new ReadModels({ store, follower, session: await duck.session(), bytesMax: modelBytesMax, say });
}

/**
 * Polls once. An offered version is served once the read models are ready for it.
 * @returns true when what is served has moved
 */
async function followOnce(follower: Follower, models: ReadModels | null): Promise<boolean> {
  const moved = await follower.poll();
  const { offered } = follower;
  const ready = offered !== null && (models === null || models.isReadyFor(offered));
  return (ready && follower.accept()) || moved;
}
