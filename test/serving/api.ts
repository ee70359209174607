/** The API over a world, called without a socket. */
import type { FastifyInstance } from "fastify";
import { Follower } from "../../serving/follower.ts";
import { Freshness } from "../../serving/freshness.ts";
import { httpApi } from "../../serving/http.ts";
import { Ingest } from "../../serving/ingest.ts";
import { SessionPool } from "../../serving/pool.ts";
import { Queries, type QueryLimits, queryLimits } from "../../serving/sql/queries.ts";
import { alertsIn } from "../../shared/store/alerts.ts";
import type { World } from "../pipeline/world.ts";

export interface Api {
  readonly app: FastifyInstance;
  readonly follower: Follower;
  readonly pool: SessionPool;
  readonly freshness: Freshness;
  /** Aborts as a server that stops does. */
  readonly stop: AbortController;
  close(): Promise<void>;
}

interface ApiOptions {
  readonly waitMsMax?: number;
  readonly say?: (line: string) => void;
  readonly limits?: QueryLimits;
}

/** Without a process for SQL: most tests send none. */
const noQueries: QueryLimits = { ...queryLimits, children: 0 };

/**
 * @param options.waitMsMax how long Tidemark-Wait-For may hold a query
 * @param options.say hears what serving says; the world itself unless told
 * @param options.limits of SQL; none is run unless told
 */
export async function openApi(
  world: World,
  { waitMsMax = 60, say = world.say, limits = noQueries }: ApiOptions = {},
): Promise<Api> {
  const follower = await Follower.open(world.store, world.duck, say);
  const pool = await SessionPool.open(world.duck, 2);
  const freshness = new Freshness();
  const stop = new AbortController();
  const queries = new Queries({ follower, pool, freshness, now: () => world.now }, world.store, limits, say);
  const app = httpApi({
    follower,
    pool,
    freshness,
    queries,
    now: () => world.now,
    waitMsMax,
    signal: stop.signal,
    say,
    ingest: new Ingest(world.log, pool, stop.signal),
    alerts: () => alertsIn(world.store),
  });
  const close = async () => {
    await app.close();
    await queries.close();
    pool.close();
    await follower.close();
  };
  return { app, follower, pool, freshness, stop, close };
}
