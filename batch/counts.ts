import { quoteText, type Session } from "../shared/duckdb/duck.ts";
import type { History } from "../shared/history/history.ts";
import { type Position, places } from "../shared/position.ts";
import type { Store } from "../shared/store/store.ts";

/** Valid events and dead letters below the cut, from the segments' own counts; only a file that the cut divides is opened. */
export async function countEvents(
  store: Store,
  session: Session,
  history: History,
  cut: Position,
): Promise<{ events: number; dead: number }> {
  let events = 0;
  let dead = 0;
  for (const { stream, partition, offset } of places(cut)) {
    for (const segment of await history.segments(stream, partition)) {
      if (segment.from >= offset) continue;
      if (segment.upto <= offset) {
        events += segment.rows - segment.dead;
        dead += segment.dead;
        continue;
      }
      const [row] = await session.rows(
        `SELECT count(*) AS n, count(__fault) AS dead FROM read_parquet(${quoteText(store.path(segment.file.name))}) WHERE __offset < ${offset}`,
      );
      events += Number(row!.n) - Number(row!.dead);
      dead += Number(row!.dead);
    }
  }
  return { events, dead };
}
