import { messageOf } from "../../shared/errors.ts";
import type { Log } from "../../shared/log/log.ts";
import { pause } from "../../shared/pause.ts";
import { endsOf } from "../../shared/store/origin.ts";
import type { Follower } from "./follower.ts";
import type { Freshness } from "./freshness.ts";

interface LogEndOptions {
  readonly log: Log;
  readonly follower: Follower;
  readonly freshness: Freshness;
  readonly now: () => number;
  readonly say: (line: string) => void;
}

const everyMs = 250;

/**
 * Polls the log's end until the signal aborts. While the log can't be reached, the reported lag
 * grows, and views are still answered.
 */
export async function watchLogEnd(
  { log, follower, freshness, now, say }: LogEndOptions,
  signal: AbortSignal,
): Promise<void> {
  let complaint = "";
  while (!signal.aborted) {
    const at = now();
    try {
      // a stream that was deleted must not hide the state of the others
      const { end, stopped } = await endsOf(log, follower.streams);
      if (stopped.size === follower.streams.length && stopped.size > 0) throw [...stopped.values()][0]!;
      freshness.note(at, end);
      complaint = "";
    } catch (error) {
      if (complaint === "" && !signal.aborted) say(`serve: the log's end can't be read: ${messageOf(error)}`);
      complaint = messageOf(error);
    }
    await pause(everyMs, signal);
  }
}
