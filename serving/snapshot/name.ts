import { formatPosition } from "../../shared/position.ts";
import type { VersionManifest } from "../../shared/store/layout.ts";
import type { ServedVersion } from "./loaded.ts";

/** Names what an answer is a function of, beside the question: the same name, the same rows. */
export function snapshotName({
  manifest,
  position,
  telling,
}: Pick<ServedVersion, "manifest" | "position" | "telling">): string {
  // a folder that was started over counts its versions anew
  return `${manifest.number} ${manifest.createdAt} ${telling} ${formatPosition(position)}`;
}

/** The same of a version alone, without its delta. */
export function versionName(manifest: VersionManifest): string {
  return snapshotName({ manifest, position: manifest.cut, telling: "" });
}
