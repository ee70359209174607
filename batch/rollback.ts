/** Rolls back: publishes a new version with an old one's partials, definition and cut, handed over like any other. */
import { TidemarkError } from "../shared/errors.ts";
import type { VersionManifest } from "../shared/store/layout.ts";
import { readVersion, versionNumbers } from "../shared/store/versions.ts";
import type { Batch } from "./batch.ts";
import { publish } from "./publish.ts";

/** @throws USAGE when that version is no longer kept */
export async function rollBack(
  batch: Pick<Batch, "store" | "incidents" | "say" | "now">,
  to: number,
): Promise<VersionManifest> {
  const { store, now } = batch;
  const kept = await versionNumbers(store);
  if (!kept.includes(to)) {
    throw new TidemarkError(
      "USAGE",
      `there is no version ${to}`,
      `versions that are kept: ${kept.join(", ") || "none"}`,
    );
  }
  const old = await readVersion(store, to);
  return publish(batch, {
    ...old,
    createdAt: new Date(now()).toISOString(),
    cause: "rollback",
    proof: { state: "unproved", by: `version ${to}, which it repeats`, views: 0 },
  });
}
