import type { Definition } from "../shared/definition.ts";
import { Duck, type Session } from "../shared/duckdb/duck.ts";
import { TidemarkError } from "../shared/errors.ts";
import type { Project } from "../shared/project/project.ts";
import { pinBest, unpin } from "../shared/store/pin.ts";
import type { Store } from "../shared/store/store.ts";
import type { Snapshot } from "../shared/store/versions.ts";

/** Pins the snapshot in the store that covers most, for as long as the work takes. @throws SERVE_NOTHING */
export async function withSnapshot<T>(store: Store, work: (snapshot: Snapshot) => Promise<T>): Promise<T> {
  return withPins(store, async (run) => {
    const snapshot = await pinBest(store, run);
    if (!snapshot) throw nothing(store);
    return work(snapshot);
  });
}

/** A name to pin files under, for as long as the work takes. */
export async function withPins<T>(store: Store, work: (run: string) => Promise<T>): Promise<T> {
  const run = store.newRun();
  try {
    return await work(run);
  } finally {
    await unpin(store, run);
  }
}

export function nothing(store: Store): TidemarkError {
  return new TidemarkError(
    "SERVE_NOTHING",
    `the data folder ${store.root} holds no version yet`,
    "start one of: tidemark dev, tidemark speed, tidemark batch --once",
  );
}

/** A session that computes as a definition's views do. */
export async function withSession<T>(
  { batch }: Project,
  store: Store,
  { timezone }: Definition,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const duck = await Duck.open({ memoryLimit: batch.memoryLimit, tempDir: store.scratch("spill"), timezone });
  const session = await duck.session();
  try {
    return await work(session);
  } finally {
    session.close();
    duck.close();
  }
}
