/** The speed layer at full tilt: a whole log, from the origin to its end, against a consumer that does less. */
import { join } from "node:path";
import type { Definition } from "../shared/definition.ts";
import type { Log } from "../shared/log/log.ts";
import { ensureVersion } from "../shared/store/origin.ts";
import { Store } from "../shared/store/store.ts";
import { runSpeed } from "../speed/daemon.ts";
import type { Bench } from "./part.ts";

/** Runs the real daemon on a store of its own until `count` records are committed. @returns events a second */
export async function speedRate(
  bench: Bench,
  log: Log,
  definition: Definition,
  count: number,
  name: string,
): Promise<number> {
  const store = await Store.open(join(bench.folder, name));
  const manifest = await ensureVersion(store, log, async () => definition);
  const stop = new AbortController();
  let folded = 0;
  const started = performance.now();
  let ended = started;
  await runSpeed({
    store,
    log,
    manifest,
    shards: null,
    flushMsMax: 200,
    memoryLimit: "2GB",
    now: Date.now,
    say: bench.say,
    signal: AbortSignal.any([bench.signal, stop.signal]),
    onFolded: (records) => {
      folded += records;
      if (folded < count || stop.signal.aborted) return;
      ended = performance.now();
      stop.abort();
    },
  });
  bench.signal.throwIfAborted();
  await store.remove(".");
  return (count / (ended - started)) * 1000;
}
