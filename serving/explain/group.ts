/** One group of a view, named by its shown keys, and SQL that finds it among partials and events. */
import { groupKeyNames } from "../../shared/compiler/partial-columns.ts";
import type { ViewColumn, ViewDefinition } from "../../shared/definition.ts";
import type { Param } from "../../shared/duckdb/duck.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { condition, type Filter } from "../question/filters.ts";
import { parseQuestion } from "../question/parse-question.ts";
import { keySql } from "../question/roll-up.ts";

export interface ViewGroup {
  readonly view: ViewDefinition;
  /** One for each key. */
  readonly filters: readonly Filter[];
}

/** @throws USAGE unless each group key is given once, by eq or is.null; for a view that does not show them all */
export function parseGroup(view: ViewDefinition, pairs: Iterable<readonly [string, string]>): ViewGroup {
  const { filters, by, layer, select, order, limit, offset } = parseQuestion(view, pairs);
  const shown = shownKeys(view);
  const named = filters.map((filter) =>
    "column" in filter && !filter.not && (filter.op === "eq" || (filter.op === "is" && filter.value === "null"))
      ? filter.column
      : "",
  );
  const plain = !by && !layer && !select && order.length === 0 && limit === null && offset === 0;
  const whole = plain && named.length === shown.length && shown.every((column) => named.includes(column.name));
  if (whole) return { view, filters };
  const written = shown.map((column) => `${column.name}=eq.…`).join("&");
  throw new TidemarkError(
    "USAGE",
    `one row of view "${view.name}" is named by its group keys`,
    written === "" ? "it has none: name no column" : `write ${written}`,
  );
}

/** One column for each group key. @throws USAGE where one is not shown */
export function shownKeys(view: ViewDefinition): ViewColumn[] {
  return groupKeyNames(view).map((key) => {
    const column = view.columns.find((each) => each.key === key);
    if (column) return column;
    throw new TidemarkError(
      "USAGE",
      `rows of view "${view.name}" can't be identified: it does not show all its group keys`,
      "show them",
    );
  });
}

/** A condition over the columns of partials, or of a view's `events`. */
export function groupCondition({ view, filters }: ViewGroup, params: Param[]): string {
  return (
    filters.map((filter) => `(${condition(view, filter, (column) => keySql(view, column), params)})`).join(" AND ") ||
    "true"
  );
}
