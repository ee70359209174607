import { randomUUID } from "node:crypto";
import { TidemarkError } from "../shared/errors.ts";
import { pinBest, unpin } from "../shared/store/pin.ts";
import type { Store } from "../shared/store/store.ts";
import type { Snapshot } from "../shared/store/versions.ts";

/** Pins the snapshot in the store that covers most, for as long as the work takes. @throws SERVE_NOTHING */
export async function withSnapshot<T>(store: Store, work: (snapshot: Snapshot) => Promise<T>): Promise<T> {
  const run = randomUUID().slice(0, 12);
  try {
    const snapshot = await pinBest(store, run);
    if (!snapshot) {
      throw new TidemarkError(
        "SERVE_NOTHING",
        `the data folder ${store.root} holds no version yet`,
        "start one of: tidemark dev, tidemark speed, tidemark batch --once",
      );
    }
    return await work(snapshot);
  } finally {
    await unpin(store, run);
  }
}
