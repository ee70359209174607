/** An append with retries: a record that had already arrived carries the same request id, and does not count twice. */
import { setTimeout as sleep } from "node:timers/promises";
import { isCode } from "../shared/errors.ts";
import type { Log, LogStream, NewRecord } from "../shared/log/log.ts";

const pauseMsMax = 2000;

/**
 * @param patienceMs how long it is retried
 * @throws LOG_APPEND, LOG_UNREACHABLE when it still fails after `patienceMs`
 */
export async function appendPatiently(
  log: Log,
  stream: LogStream,
  records: readonly NewRecord[],
  patienceMs: number,
  signal?: AbortSignal,
): Promise<Map<number, number>> {
  const until = performance.now() + patienceMs;
  for (let pause = 50; ; pause = Math.min(2 * pause, pauseMsMax)) {
    try {
      return await log.append(stream, records);
    } catch (error) {
      const passes = isCode(error, "LOG_APPEND", "LOG_UNREACHABLE");
      if (!passes || performance.now() + pause > until || signal?.aborted) throw error;
      await sleep(pause, undefined, signal ? { signal } : {}).catch(() => undefined);
    }
  }
}
