import type { Session } from "../../shared/duckdb/duck.ts";
import type { Asker } from "../../shared/waiting.ts";
import type { Follower } from "./follower.ts";
import type { ServedVersion } from "./loaded.ts";
import type { SessionPool } from "./pool.ts";

/**
 * Runs `work` with what is served now and a session to query it with. It waits for the session
 * before it pins, so that a waiting request holds nothing.
 * @throws SERVE_BUSY; the reason why the asker is gone; what `work` throws
 */
export function withServed<T>(
  { pool, follower }: { readonly pool: SessionPool; readonly follower: Follower },
  asker: Asker,
  work: (served: ServedVersion, session: Session) => Promise<T>,
): Promise<T> {
  return pool.lend(asker, async (session) => {
    using served = follower.pin();
    await session.inZone(served.manifest.definition.timezone);
    return await work(served, session);
  });
}
