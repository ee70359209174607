/**
 * Groups that HAVING hides stay hidden in every question: a group that a view does not show is in
 * none of its answers, neither whole nor as a part.
 */
import { groupKeyNames } from "../../shared/compiler/partial-columns.ts";
import { rowsOf } from "../../shared/compiler/texts.ts";
import type { ViewDefinition } from "../../shared/definition.ts";
import { quoteName } from "../../shared/duckdb/duck.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { hasKnownRows, keyColumns } from "./group-keys.ts";
import { keySql } from "./roll-up.ts";

/** True for a view with HAVING: the compiler writes it as finalize's own WHERE, outside of all parentheses. */
export function hidesGroups(view: Pick<ViewDefinition, "finalize" | "weighted" | "having">): boolean {
  // a weighted view has a WHERE of its own, for groups without rows
  return view.weighted ? view.having !== undefined : hasWhere(view);
}

/** True where a group with events may be without a row: HAVING hides it, or all its rows went. */
export function maySkipGroups(view: Pick<ViewDefinition, "finalize" | "weighted" | "having">): boolean {
  return view.weighted === true || hidesGroups(view);
}

function hasWhere({ finalize }: Pick<ViewDefinition, "finalize">): boolean {
  let text = finalize.replaceAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"/g, "");
  for (let before = ""; before !== text; ) {
    before = text;
    text = text.replaceAll(/\([^()]*\)/g, "");
  }
  return /\bWHERE\b/.test(text);
}

/**
 * The partial rows of groups that the view shows.
 * @param partials a SELECT of partial rows: of all, or of one layer
 * @param whole a SELECT of all partial rows
 * @throws USAGE where its groups can't be identified
 */
export function onlyShown(view: ViewDefinition, partials: string, whole = partials): string {
  if (!hidesGroups(view)) return partials;
  if (!hasKnownRows(view))
    throw new TidemarkError(
      "USAGE",
      `view "${view.name}" hides groups by HAVING and does not show all its group keys: only its rows can be asked for`,
      "show the keys, or leave out by, layer and MEASURE",
    );
  return shownOf(view, partials, rowsOf(view, whole));
}

/** Of rows with a view's keys (k0, …), those whose groups have one of these rows of the view. */
export function shownOf(view: ViewDefinition, some: string, rows: string): string {
  const columns = groupKeyNames(view).map((key) => keyColumns(view).find((column) => column.key === key)!);
  const list = columns.map((column, i) => `${quoteName(column.name)} AS __shown${i}`).join(", ") || "1 AS __shown";
  const same =
    columns.map((column, i) => `${keySql(view, column)} IS NOT DISTINCT FROM __shown${i}`).join(" AND ") || "true";
  return `SELECT own.* FROM (${some}) AS own SEMI JOIN (SELECT ${list} FROM (${rows})) AS shown ON ${same}`;
}
