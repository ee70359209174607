/**
 * Keeps an incident open for each damaged file for as long as it is damaged: files that answers
 * need, and those that name all others.
 */
import { messageOf } from "../../shared/errors.ts";
import { pause } from "../../shared/pause.ts";
import { FileWatch, fileTroubles } from "../../shared/store/file-troubles.ts";
import type { Incidents } from "../../shared/store/incidents.ts";
import type { Store } from "../../shared/store/store.ts";
import type { Follower } from "./follower.ts";

const everyMs = 1000;

export async function watchFiles(
  store: Store,
  follower: Follower,
  incidents: Incidents,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const watch = new FileWatch(store);
  let complaint = "";
  while (!signal.aborted) {
    try {
      const troubles = await fileTroubles(store, await watch.flaws());
      for (const [file, trouble] of follower.damagedFiles) troubles.set(file, trouble);
      await incidents.settle("file-damaged", troubles);
      complaint = "";
    } catch (error) {
      if (complaint === "") say(`serve: the store's files can't be checked: ${messageOf(error)}`);
      complaint = messageOf(error);
    }
    await pause(everyMs, signal);
  }
  // the watch has ended: what it found is not known to be true any more
  await incidents.settle("file-damaged", new Map()).catch(() => undefined);
}
