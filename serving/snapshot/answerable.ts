/** Which views of a snapshot have an answer. */
import { TidemarkError } from "../../shared/errors.ts";
import type { ServedVersion, ServedView } from "./loaded.ts";

/** @throws VIEW_UNKNOWN; the reason why the view can't be answered now */
export function viewNamed(served: ServedVersion, name: string): ServedView {
  const view = served.views.get(name);
  if (!view) {
    throw new TidemarkError(
      "VIEW_UNKNOWN",
      `there is no view "${name}"`,
      `there are: ${[...served.views.keys()].join(", ") || "none"}`,
    );
  }
  const why = unanswerable(view);
  if (why) throw why;
  return view;
}

/** Why a view can't be answered now, or null. */
export function unanswerable({ definition, damaged, failed }: ServedView): TidemarkError | null {
  const { name } = definition;
  if (damaged !== null) {
    return new TidemarkError(
      "STORE_CORRUPT",
      `view "${name}" can't be answered now: ${damaged}`,
      "batch rebuilds it from the archive; the other views are still answered",
    );
  }
  if (!failed) return null;
  const where = failed.at ? ` at ${failed.at.stream} partition ${failed.at.partition} offset ${failed.at.offset}` : "";
  return new TidemarkError(
    "SERVE_VIEW_FAILED",
    `view "${name}" fails on valid events${where}: ${failed.message}`,
    "correct its SQL and run a batch; the other views are still answered",
  );
}
