/** The speed layer at full tilt: a whole log, from the origin to its end, by the real daemon. */
import { join } from "node:path";
import type { Definition } from "../shared/definition.ts";
import type { Log } from "../shared/log/log.ts";
import { FolderStore } from "../shared/store/folder.ts";
import { ensureVersion } from "../shared/store/origin.ts";
import type { Store } from "../shared/store/store.ts";
import { runSpeed } from "../speed/daemon.ts";
import type { Bench } from "./part.ts";

/** @returns events a second, with a store of its own that is removed */
export async function speedRate(
  bench: Bench,
  log: Log,
  definition: Definition,
  count: number,
  name: string,
): Promise<number> {
  const store = await FolderStore.open(join(bench.folder, name));
  const ms = await runToEnd(bench, store, log, definition, count);
  await store.remove(".");
  return (count / ms) * 1000;
}

/** Runs until `count` records are committed. @returns how long it took, ms */
export async function runToEnd(
  bench: Bench,
  store: Store,
  log: Log,
  definition: Definition,
  count: number,
): Promise<number> {
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
  return ended - started;
}
