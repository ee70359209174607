/** The API over a world, called without a socket. */
import type { FastifyInstance } from "fastify";
import { Follower } from "../../serving/follower.ts";
import { Freshness } from "../../serving/freshness.ts";
import { httpApi } from "../../serving/http.ts";
import { Ingest } from "../../serving/ingest.ts";
import { SessionPool } from "../../serving/pool.ts";
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

/**
 * @param options.waitMsMax how long Tidemark-Wait-For may hold a query
 * @param options.say hears what serving says; the world itself unless told
 */
export async function openApi(world: World, { waitMsMax = 60, say = world.say } = {}): Promise<Api> {
  const follower = await Follower.open(world.store, world.duck, say);
  const pool = await SessionPool.open(world.duck, 2);
  const freshness = new Freshness();
  const stop = new AbortController();
  const app = httpApi({
    follower,
    pool,
    freshness,
    now: () => world.now,
    waitMsMax,
    signal: stop.signal,
    say,
    ingest: new Ingest(world.log, pool, stop.signal),
    alerts: () => alertsIn(world.store),
  });
  const close = async () => {
    await app.close();
    pool.close();
    await follower.close();
  };
  return { app, follower, pool, freshness, stop, close };
}
