/** Publishes a version, and reports its failing and unproved views as incidents. */
import { messageOf } from "../shared/errors.ts";
import type { VersionManifest } from "../shared/store/layout.ts";
import { publishVersion } from "../shared/store/versions.ts";
import type { Batch } from "./batch.ts";
import { viewTroubles } from "./view-troubles.ts";

/** @throws BATCH_STALE when another run has published a later cut */
export async function publish(
  { store, incidents, say }: Pick<Batch, "store" | "incidents" | "say">,
  draft: Omit<VersionManifest, "number">,
): Promise<VersionManifest> {
  const manifest = await publishVersion(store, draft);
  // the version is published even when the report fails
  await incidents
    .settle("view-failed", viewTroubles(manifest))
    .catch((error: unknown) =>
      say(`version ${manifest.number}: its views' incidents could not be written: ${messageOf(error)}`),
    );
  return manifest;
}
