/** The API over a world, called without a socket. */
import { join } from "node:path";
import { ingestMount } from "../../ingest/http/mount.ts";
import { KeyFile } from "../../serving/http/access/key-file.ts";
import type { AnswerFacts } from "../../serving/http/api.ts";
import { openServer, type Server } from "../../serving/server.ts";
import { type QueryLimits, queryLimits } from "../../serving/sql/queries.ts";
import type { World } from "../pipeline/world.ts";

export interface Api extends Omit<Server, "run" | typeof Symbol.asyncDispose> {
  /** Aborts as a server that stops does. */
  readonly stop: AbortController;
  close(): Promise<void>;
}

interface ApiOptions {
  readonly waitMsMax?: number;
  readonly say?: (line: string) => void;
  readonly limits?: QueryLimits;
  readonly patienceMs?: number;
  /** With read models; `api.models.poll()` follows. */
  readonly models?: boolean | { readonly bytesMax: number };
  readonly keyFile?: string;
  readonly hosts?: readonly string[];
  readonly requestsPerSecond?: number;
  readonly cors?: readonly string[];
  /** How long a reader of events may take nothing. */
  readonly beatMs?: number;
  readonly answered?: (facts: AnswerFacts) => void;
}

/** Without a process for SQL: most tests send none. */
const noQueries: QueryLimits = { ...queryLimits, children: 0 };

/**
 * @param options.waitMsMax how long Tidemark-Wait-For may hold a query
 * @param options.say receives what serving says; the world by default
 * @param options.patienceMs how long a slow reader may let others wait
 * @param options.limits of SQL; none is run by default
 */
export async function openApi(world: World, options: ApiOptions = {}): Promise<Api> {
  const { say = world.say, keyFile = join(world.dir, "no-keys.json"), hosts = null, models = false } = options;
  const stop = new AbortController();
  const now = () => world.now;
  const server = await openServer({
    store: world.store,
    log: world.log,
    duck: world.duck,
    access: { keys: await KeyFile.open(keyFile, say), hosts, now },
    limits: { requestsPerSecond: options.requestsPerSecond ?? null, cors: options.cors ?? [] },
    mounts: [ingestMount(world.store, world.log)],
    answered: options.answered ?? (() => undefined),
    now,
    say,
    signal: stop.signal,
    tuning: {
      sessions: 2,
      waitMsMax: options.waitMsMax ?? 60,
      patienceMs: options.patienceMs ?? 10_000,
      queries: options.limits ?? noQueries,
      beatMs: options.beatMs ?? 15_000,
      modelBytesMax: models === true ? 128 << 20 : models === false ? null : models.bytesMax,
    },
  });
  const close = async () => {
    stop.abort();
    server.app.server.closeAllConnections();
    await server[Symbol.asyncDispose]();
  };
  return { ...server, stop, close };
}
