/** All rows of a view, each with the keys that identify it. */

import type { ViewDefinition } from "../../shared/definition.ts";
import type { Session } from "../../shared/duckdb/duck.ts";
import { isOfValues } from "../../shared/health/failing-groups.ts";
import { jsonRow } from "../rows/json.ts";
import { rowsFrom, type Sql } from "../rows/rows.ts";
import type { ServedView } from "../snapshot/loaded.ts";
import { failureFor } from "./failing.ts";
import { keyColumns, keyWriter } from "./group-keys.ts";
import { everything, sqlOf } from "./query.ts";

/** A row, and the keys that identify it, each as a JSON object. */
export interface KeyedRow {
  readonly key: string;
  readonly row: string;
}

/** @throws SERVE_VIEW_FAILED where a group has no value */
export async function* keyedRows(session: Session, served: ServedView): AsyncGenerator<readonly KeyedRow[]> {
  try {
    yield* keyedRowsOf(session, served.definition, sqlOf(served, everything));
  } catch (error) {
    throw (isOfValues(error) ? await failureFor(session, served, everything) : null) ?? error;
  }
}

/** @param sql of the view's rows */
export async function* keyedRowsOf(
  session: Session,
  view: ViewDefinition,
  { text, params }: Pick<Sql, "text" | "params">,
): AsyncGenerator<readonly KeyedRow[]> {
  const { columns, chunks } = await rowsFrom(session, text, params);
  const keyOf = keyWriter(view, keyColumns(view), columns);
  for await (const chunk of chunks)
    yield chunk.getRows().map((row) => ({ key: keyOf(row), row: jsonRow(columns, row) }));
}
