/** When the project's files have changed, makes the version that they define. */
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
 * Publishes the changed files' definition at the newest version's cut: unchanged views are linked, the others computed
 * from the archive. Null when nothing changed, or when a full run is needed (changed fields take effect at a new cut).
 */
export async function runDefinition(batch: Batch): Promise<BatchResult | null> {
  const newest = await newestVersion(batch.store);
  // a version that can't be read is replaced by a run up to the log's end
  if (!newest || newest.cause === "origin" || (await lostVersions(batch.store)).length > 0) return null;
  const definition = await batch.makeDefinition();
  if (differencesOf(definition, newest.definition).length === 0) return null;
  for (const stream of definition.streams) {
    const old = newest.definition.streams.find(({ name }) => name === stream.name);
    if (old && decoderOf(old) !== decoderOf(stream)) return null;
  }
  return runBatch({ ...batch, makeDefinition: async () => definition }, "definition");
}
