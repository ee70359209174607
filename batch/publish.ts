/** How every version is published: with it, what is wrong with its views is reported. */
import { messageOf } from "../shared/errors.ts";
import type { VersionManifest } from "../shared/store/layout.ts";
import { publishVersion } from "../shared/store/versions.ts";
import type { Batch } from "./batch.ts";
import { viewTroubles } from "./view-troubles.ts";

/** @throws BATCH_STALE when another run has published further */
export async function publish(
  { store, incidents, say }: Pick<Batch, "store" | "incidents" | "say">,
  draft: Omit<VersionManifest, "number">,
): Promise<VersionManifest> {
  const manifest = await publishVersion(store, draft);
  // it is published, whatever comes of the report
  await incidents
    .settle("view-failed", viewTroubles(manifest))
    .catch((error: unknown) =>
      say(`version ${manifest.number}: its views' incidents are not written: ${messageOf(error)}`),
    );
  return manifest;
}
