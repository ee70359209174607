/** Publishes a version, and reports its failing and unproved views and broken changelogs as incidents. */
import { messageOf } from "../shared/errors.ts";
import { brokenChangelogs } from "../shared/health/broken-changelogs.ts";
import type { VersionManifest } from "../shared/store/layout.ts";
import { publishVersion } from "../shared/store/versions.ts";
import type { Batch } from "./batch.ts";
import type { Run } from "./opened-run.ts";
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

/** Reports changelogs of which rows went that had not come by the version's cut. */
export async function reportBroken({ batch, openSession }: Run, manifest: VersionManifest): Promise<void> {
  const { store, log, incidents, say } = batch;
  const failing = new Map(
    Object.entries(manifest.views).flatMap(([view, { failing }]) => (failing ? [[view, failing] as const] : [])),
  );
  await brokenChangelogs({ store, log, openSession }, manifest, manifest.cut, failing)
    .then((found) => incidents.settle("changelog-broken", found))
    .catch((error: unknown) =>
      say(`version ${manifest.number}: incidents of its changelogs could not be written: ${messageOf(error)}`),
    );
}
