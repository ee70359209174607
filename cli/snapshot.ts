import { runPins } from "../serving/snapshot/run-pins.ts";
import type { Definition } from "../shared/definition.ts";
import { Duck, type Session } from "../shared/duckdb/duck.ts";
import { TidemarkError } from "../shared/errors.ts";
import type { Project } from "../shared/project/project.ts";
import { pinBest } from "../shared/store/pin.ts";
import type { Store } from "../shared/store/store.ts";
import type { Snapshot } from "../shared/store/versions.ts";

/** Pins the snapshot that covers most while the work runs. @throws SERVE_NOTHING */
export async function withSnapshot<T>(store: Store, work: (snapshot: Snapshot) => Promise<T>): Promise<T> {
  return withPins(store, async (run) => {
    const snapshot = await pinBest(store, run);
    if (!snapshot) throw nothing(store);
    return work(snapshot);
  });
}

/** Gives the work a name to pin files under, and unpins them when it ends. */
export async function withPins<T>(store: Store, work: (run: string) => Promise<T>): Promise<T> {
  await using pins = runPins(store);
  return await work(pins.run);
}

export function nothing(store: Store): TidemarkError {
  return new TidemarkError(
    "SERVE_NOTHING",
    `the data folder ${store.root} holds no version yet`,
    "start one of: tidemark dev, tidemark speed, tidemark batch --once",
  );
}

/** A session with the time zone and macros of a definition's views. */
export async function withSession<T>(
  { batch }: Project,
  store: Store,
  { timezone }: Definition,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  using duck = await Duck.open({ memoryLimit: batch.memoryLimit, tempDir: store.scratch("spill"), timezone });
  using session = await duck.session();
  return await work(session);
}
