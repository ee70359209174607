/** What older generations of a shard's delta have left. */
import { isCode } from "../errors.ts";
import { layout } from "./layout.ts";
import type { Store } from "./store.ts";
import { generationNumbers, readHead } from "./versions.ts";

/** A generation younger than this may still be opened by a reader that has just listed the folder. */
export const graceMs = 10 * 60 * 1000;

/**
 * Generations go that are older than one with a HEAD that has been there for long; their owners see it at their
 * next flush and stop.
 * @param remove a file or folder of the store
 */
export async function cleanGenerations(
  store: Store,
  version: number,
  shard: number,
  remove: (name: string) => Promise<void> = (name) => store.remove(name),
): Promise<void> {
  let replaced = false;
  for (const generation of (await generationNumbers(store, version, shard)).reverse()) {
    if (replaced) await remove(layout.generation(version, shard, generation));
    else if ((await store.ageMs(layout.owner(version, shard, generation))) > graceMs)
      replaced = await hasHead(store, version, shard, generation);
  }
}

/** A torn HEAD replaces nothing, and its writer's successor deals with it. */
async function hasHead(store: Store, version: number, shard: number, generation: number): Promise<boolean> {
  try {
    return (await readHead(store, version, shard, generation)) !== null;
  } catch (error) {
    if (isCode(error, "STORE_CORRUPT")) return false;
    throw error;
  }
}
