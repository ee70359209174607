/** Finds out whether DuckDB raised on a question because a group that it needs has no value. */
import { rolledUpOf } from "../../shared/compiler/texts.ts";
import type { Session } from "../../shared/duckdb/duck.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { failingError, failingGroups, failingTexts, raisedBy } from "../../shared/health/failing-groups.ts";
import type { ServedView } from "../snapshot/loaded.ts";
import { mergedFor, type ParsedQuestion } from "./query.ts";

/** Null: each group that the question needs has a value, so the question itself raises. */
export async function failureFor(
  session: Session,
  served: ServedView,
  question: ParsedQuestion,
): Promise<TidemarkError | null> {
  const view = served.definition;
  const { partials, params, rolledUp } = mergedFor(served, question);
  if (!rolledUp) {
    const failing = await failingGroups(session, view, partials, params);
    return failing.groups.length > 0 ? failingError(view.name, failing) : null;
  }
  const message = await raisedBy(session, rolledUpOf(view, rolledUp, partials), params);
  if (message === null) return null;
  return new TidemarkError(
    "SERVE_VIEW_FAILED",
    `view "${view.name}" has no value for one of the groups that by= makes: ${message}`,
    `ask for fewer groups at a time with filters on its keys; ${failingTexts(message).todo}`,
    { view: view.name },
  );
}
