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
 * Notes where the log ends, until the signal. What can't be asked leaves the lag unknown to grow;
 * old answers go on.
 */
export async function watchLogEnd(
  { log, follower, freshness, now, say }: LogEndOptions,
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
    await pause(everyMs, signal);
  }
}
