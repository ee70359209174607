/** What is wrong with the views of a version, for whoever looks. */
import { failingLine } from "../shared/health/failing-groups.ts";
import type { Trouble } from "../shared/store/incidents.ts";
import type { VersionManifest } from "../shared/store/layout.ts";

/** Views that only are new, or have changed, have nothing to be proved by: that is no trouble. */
const expected = /^(it (is new|has changed|has failed)|what is served has failed)/;

/** By view. */
export function viewTroubles({ number, views, proof }: VersionManifest): Map<string, Trouble> {
  const found = new Map<string, Trouble>();
  for (const [view, { failed, failing }] of Object.entries(views)) {
    const line = failing && failingLine(failing);
    const doubt = proof.unproved?.[view];
    const tell = (code: string, says: string, todo: string) =>
      found.set(view, { code, message: `view "${view}" of version ${number} ${says}; ${todo}`, views: [view] });
    if (failed)
      tell("SERVE_VIEW_FAILED", `fails on valid events: ${failed.message}`, "correct its SQL and run a batch");
    else if (line) tell("SERVE_VIEW_FAILED", `fails on valid events: ${line}`, "correct its SQL and run a batch");
    else if (doubt !== undefined && !expected.test(doubt))
      tell(
        "BATCH_UNPROVED",
        `is not proved: ${doubt}`,
        "the next run proves it again; the other views are not touched",
      );
  }
  return found;
}
