/** The troubles of a version's views, for its incidents and its status. */
import { failingLine, failingTexts, isGoneUnknown } from "../shared/health/failing-groups.ts";
import type { Trouble } from "../shared/store/incidents.ts";
import type { VersionManifest } from "../shared/store/layout.ts";

/** A new or changed view has nothing to be compared with, which is no trouble. */
const expected = /^(it (is new|has changed|has failed)|what is served has failed)/;

/** The trouble of each failing or unproved view, by name. */
export function viewTroubles({ number, views, proof }: VersionManifest): Map<string, Trouble> {
  const found = new Map<string, Trouble>();
  for (const [view, { failed, failing }] of Object.entries(views)) {
    const line = failing && failingLine(failing);
    const doubt = proof.unproved?.[view];
    const report = (code: string, says: string, todo: string) =>
      found.set(view, { code, message: `view "${view}" of version ${number} ${says}; ${todo}`, views: [view] });
    if (failed)
      report("SERVE_VIEW_FAILED", `fails on valid events: ${failed.message}`, "correct its SQL and run a batch");
    else if (line && !isGoneUnknown(line)) {
      const { says, todo } = failingTexts(line);
      report("SERVE_VIEW_FAILED", says, todo);
    } else if (doubt !== undefined && !expected.test(doubt))
      report(
        "BATCH_UNPROVED",
        `is not proved: ${doubt}`,
        "the next run tries again to prove it; other views are not affected",
      );
  }
  return found;
}
