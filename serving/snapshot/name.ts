import { formatPosition } from "../../shared/position.ts";
import type { VersionManifest } from "../../shared/store/layout.ts";
import type { ServedVersion } from "./loaded.ts";

/** Names everything but the question that an answer is a function of: the same name means the same rows. */
export function snapshotName({
  manifest,
  position,
  derivation,
}: Pick<ServedVersion, "manifest" | "position" | "derivation">): string {
  // createdAt: a data folder that was started over counts its versions from 1 again
  return `${manifest.number} ${manifest.createdAt} ${derivation} ${formatPosition(position)}`;
}

/** The name of a version alone, without its delta. */
export function versionName(manifest: VersionManifest): string {
  return snapshotName({ manifest, position: manifest.cut, derivation: "" });
}
