/** The key of a row in a read model, from a question: only where its text is the very one that DuckDB would write. */
import type { ViewColumn, ViewDefinition } from "../../shared/definition.ts";
import { keyColumns } from "../groups.ts";
import type { Question } from "../query.ts";

/** JSON of a row's keys where the question asks for just that row, whole; null: it asks for something else, or says it in another way. */
export function modelKey(view: ViewDefinition, question: Question): string | null {
  const { filters, by, layer, select, order, limit, offset } = question;
  if (by || layer || select || order.length > 0 || limit !== null || offset > 0) return null;
  const columns = keyColumns(view);
  if (filters.length !== columns.length) return null;
  const parts: string[] = [];
  for (const column of columns) {
    const filter = filters.find((each) => "column" in each && each.column === column.name);
    if (!filter || filter.not) return null;
    const value =
      filter.op === "is" && filter.value === "null"
        ? "null"
        : filter.op === "eq"
          ? canonical(column, filter.value)
          : null;
    if (value === null) return null;
    parts.push(`${JSON.stringify(column.name)}:${value}`);
  }
  return `{${parts.join(",")}}`;
}

/** A value's JSON as an answer has it; null: it may be written otherwise there. */
function canonical({ type }: ViewColumn, value: string): string | null {
  if (type === "VARCHAR") return JSON.stringify(value);
  if (/^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/.test(type)) return /^(0|-?[1-9]\d{0,37})$/.test(value) ? value : null;
  if (type === "BOOLEAN") return value === "true" || value === "false" ? value : null;
  if (type === "DATE") return /^\d{4}-\d\d-\d\d$/.test(value) ? JSON.stringify(value) : null;
  if (type === "TIMESTAMP")
    return /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{0,5}[1-9])?$/.test(value) ? JSON.stringify(value) : null;
  return null;
}
