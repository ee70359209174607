/** What all readers of streams' events share. They have sessions of their own: questions do not wait for them. */
import type { Duck } from "../../shared/duckdb/duck.ts";
import { Refusal } from "../../shared/http/problem.ts";
import type { Log } from "../../shared/log/log.ts";
import type { Store } from "../../shared/store/store.ts";
import type { Follower } from "../snapshot/follower.ts";
import { SessionPool } from "../snapshot/pool.ts";
import { Archives } from "./archives.ts";
import { LogRuns } from "./log-runs.ts";
import type { ReaderTools } from "./stream-reader.ts";

const sessionsMax = 2;

interface ReadingOptions {
  readonly store: Store;
  readonly log: Log;
  readonly duck: Duck;
  readonly follower: Follower;
  /** Aborts when the server stops. */
  readonly signal: AbortSignal;
}

export interface OpenReading extends ReaderTools {
  close(): Promise<void>;
}

export async function openReading({ store, log, duck, follower, signal }: ReadingOptions): Promise<OpenReading> {
  const pool = await SessionPool.open(duck, sessionsMax);
  const lend: ReaderTools["lend"] = (asker, work) =>
    pool.lend(asker, async (session) => {
      await session.inZone(follower.manifest.definition.timezone);
      return work(session);
    });
  const streamNamed = (name: string) => {
    const found = follower.streams.find((each) => each.name === name);
    if (!found) throw new Refusal(404, "NOT_FOUND", `there is no stream "${name}"`);
    return found;
  };
  const runs = new LogRuns({ log, lend, signal });
  const archives = new Archives(store, log);
  const close = async () => {
    await runs.close();
    archives.close();
    pool.close();
  };
  return { log, lend, signal, runs, archives, streamNamed, close };
}
