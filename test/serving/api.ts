/** The API over a world, called without a socket. */
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { Ingest } from "../../ingest/http/ingest.ts";
import { Requests } from "../../ingest/requests.ts";
import { ViewHealth } from "../../serving/health.ts";
import { KeyFile } from "../../serving/http/access/key-file.ts";
import { httpApi } from "../../serving/http/api.ts";
import type { AnswerFacts } from "../../serving/http/routes/route.ts";
import { Feeds } from "../../serving/live/feed.ts";
import { ReadModels } from "../../serving/model/read-models.ts";
import { Follower } from "../../serving/snapshot/follower.ts";
import { Freshness } from "../../serving/snapshot/freshness.ts";
import { KeptVersions } from "../../serving/snapshot/kept-versions.ts";
import { SessionPool } from "../../serving/snapshot/pool.ts";
import { Queries, type QueryLimits, queryLimits } from "../../serving/sql/queries.ts";
import { Incidents, incidentsIn } from "../../shared/store/incidents.ts";
import { PositionTexts } from "../../shared/store/position-texts.ts";
import type { World } from "../pipeline/world.ts";

export interface Api {
  readonly app: FastifyInstance;
  readonly feeds: Feeds;
  readonly follower: Follower;
  readonly pool: SessionPool;
  readonly freshness: Freshness;
  readonly models: ReadModels | null;
  /** `look()` tries the views. */
  readonly health: ViewHealth;
  /** Aborts as a server that stops does. */
  readonly stop: AbortController;
  close(): Promise<void>;
}

interface ApiOptions {
  readonly waitMsMax?: number;
  readonly say?: (line: string) => void;
  readonly limits?: QueryLimits;
  readonly patienceMs?: number;
  /** With read models; `api.models.look()` follows. */
  readonly models?: boolean | { readonly bytesMax: number };
  readonly keyFile?: string;
  readonly hosts?: readonly string[];
  readonly requestsPerSecond?: number;
  readonly cors?: readonly string[];
  readonly answered?: (facts: AnswerFacts) => void;
}

/** Without a process for SQL: most tests send none. */
const noQueries: QueryLimits = { ...queryLimits, children: 0 };

/**
 * @param options.waitMsMax how long Tidemark-Wait-For may hold a query
 * @param options.say hears what serving says; the world itself unless told
 * @param options.patienceMs how long a slow reader may let others wait
 * @param options.limits of SQL; none is run unless told
 */
export async function openApi(
  world: World,
  {
    waitMsMax = 60,
    say = world.say,
    limits = noQueries,
    models: wanted = false,
    patienceMs = 10_000,
    ...access
  }: ApiOptions = {},
): Promise<Api> {
  const {
    keyFile = join(world.store.root, "no-keys.json"),
    hosts = null,
    requestsPerSecond = null,
    cors = [],
    answered = () => undefined,
  } = access;
  const follower = await Follower.open(world.store, world.duck, say);
  const bytesMax = typeof wanted === "object" ? wanted.bytesMax : undefined;
  const models = wanted ? new ReadModels(world.store, follower, await world.duck.session(), say, bytesMax) : null;
  if (models) follower.holdBack((next) => models.holdsBack(next));
  const incidents = new Incidents(world.store, "serve", () => world.now);
  const health = new ViewHealth(follower, await world.session(), incidents, say);
  const pool = await SessionPool.open(world.duck, 2, patienceMs);
  const freshness = new Freshness();
  const positions = new PositionTexts(world.store, () => world.now, say);
  const stop = new AbortController();
  const versions = new KeptVersions(world.store);
  const queries = new Queries(
    { store: world.store, follower, pool, freshness, positions, models: null, health, now: () => world.now },
    limits,
    say,
  );
  const feeds = new Feeds(world.store, follower, pool, positions, versions, stop.signal, say);
  const requests = new Requests(world.log, "test", world.store.scratch("requests"), stop.signal);
  const app = httpApi({
    store: world.store,
    log: world.log,
    follower,
    pool,
    freshness,
    positions,
    models,
    health,
    queries,
    versions,
    feeds,
    access: { keys: await KeyFile.open(keyFile, say), hosts, now: () => world.now },
    limits: { requestsPerSecond, cors },
    answered,
    now: () => world.now,
    waitMsMax,
    signal: stop.signal,
    say,
    ingest: new Ingest(world.log, requests, positions, pool, stop.signal, async (stream) => stream.partitions),
    incidents: () => incidentsIn(world.store),
  });
  const close = async () => {
    stop.abort();
    app.server.closeAllConnections();
    await app.close();
    await queries.close();
    await requests.close();
    await models?.close();
    pool.close();
    await follower.close();
  };
  return { app, feeds, follower, pool, freshness, models, health, stop, close };
}
