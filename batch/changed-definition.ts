/** The project's files have changed: the version that they ask for. */
import { decoderOf } from "../shared/archive/segments.ts";
import { differencesOf } from "../shared/project/differences.ts";
import { lostVersions, newestVersion } from "../shared/store/versions.ts";
import type { Batch, BatchResult } from "./batch.ts";
import { runBatch } from "./run.ts";

/** True where the project's files differ from the newest version's definition. */
export async function isChanged({ store, makeDefinition }: Batch): Promise<boolean> {
  const newest = await newestVersion(store);
  return newest !== null && differencesOf(await makeDefinition(), newest.definition).length > 0;
}

/**
 * The new version that changed files ask for, at the newest version's cut: what has not changed is linked, the rest
 * computed from the archive. Null where nothing changed, or where it takes a full run (changed fields count from its
 * own cut on).
 */
export async function runDefinition(batch: Batch): Promise<BatchResult | null> {
  const newest = await newestVersion(batch.store);
  // in place of one that can't be read, a run makes one up to the log's end
  if (!newest || newest.cause === "origin" || (await lostVersions(batch.store)).length > 0) return null;
  const definition = await batch.makeDefinition();
  if (differencesOf(definition, newest.definition).length === 0) return null;
  for (const stream of definition.streams) {
    const old = newest.definition.streams.find(({ name }) => name === stream.name);
    if (old && decoderOf(old) !== decoderOf(stream)) return null;
  }
  return runBatch({ ...batch, makeDefinition: async () => definition }, "definition");
}
