import { csvRow } from "../../serving/csv.ts";
import { jsonRow, textOf } from "../../serving/json.ts";
import { checkedRows } from "../../serving/snapshot-rows.ts";
import { Duck, type DuckDBValue, quoteName, type Session } from "../../shared/duckdb/duck.ts";
import { messageOf, TidemarkError } from "../../shared/errors.ts";
import { formatPosition } from "../../shared/position.ts";
import { failureOf } from "../../shared/store/partials.ts";
import type { Store } from "../../shared/store/store.ts";
import type { Snapshot } from "../../shared/store/versions.ts";
import type { Context } from "../context.ts";
import { withStore } from "../opened.ts";
import { withSnapshot } from "../snapshot.ts";
import { orStopped } from "../stop.ts";
import { columnsText } from "../table-text.ts";
import type { QueryFormat, VerbArgs } from "../verb.ts";

interface Column {
  readonly name: string;
  readonly type: string;
}

/** Rows come on standard output; what they are exact at, on standard error. */
export async function run(context: Context, { sql, format }: VerbArgs["query"]): Promise<number> {
  return withStore(context, (store, project) =>
    withSnapshot(store, async (snapshot) => {
      const { definition, number } = snapshot.manifest;
      const duck = await Duck.open({
        memoryLimit: project.batch.memoryLimit,
        tempDir: store.scratch("spill"),
        timezone: definition.timezone,
      });
      const session = await duck.session();
      try {
        await createViews(store, session, snapshot, sql);
        const rows = await orStopped(print(context, session, sql, format), context.signal);
        context.say(
          `${rows} ${rows === 1 ? "row" : "rows"}, exact at ${formatPosition(snapshot.position) || "the origin"} (version ${number})`,
        );
        return 0;
      } finally {
        session.close();
        duck.close();
      }
    }),
  );
}

/** One DuckDB view for each view that the query may name: only their files are checked and read. */
async function createViews(store: Store, session: Session, snapshot: Snapshot, sql: string): Promise<void> {
  const text = sql.toLowerCase();
  for (const view of snapshot.manifest.definition.views) {
    if (!text.includes(view.name.toLowerCase())) continue;
    const failed = failureOf(snapshot, view.name);
    if (failed)
      throw new TidemarkError(
        "SERVE_VIEW_FAILED",
        `view "${view.name}" has failed: ${failed.message}`,
        "correct its SQL and run: tidemark batch --once",
      );
    await session.run(`CREATE TEMP VIEW ${quoteName(view.name)} AS ${await checkedRows(store, snapshot, view)}`);
  }
}

async function print(context: Context, session: Session, sql: string, format: QueryFormat): Promise<number> {
  try {
    const result = await session.connection.stream(sql);
    const columns = result.columnNames().map((name, i): Column => ({ name, type: String(result.columnType(i)) }));
    const writer = writers[format](columns);
    let count = 0;
    await emit(context, writer.head);
    for (;;) {
      const chunk = await result.fetchChunk();
      if (!chunk || chunk.rowCount === 0) break;
      await emit(
        context,
        chunk
          .getRows()
          .map((row) => writer.row(row, count++))
          .join(""),
      );
    }
    await emit(context, writer.tail());
    return count;
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    throw new TidemarkError("QUERY_FAILED", messageOf(error), "the views are listed by: tidemark status", {}, error);
  }
}

async function emit(context: Context, text: string): Promise<void> {
  if (text !== "") await context.out(text);
}

interface Writer {
  readonly head: string;
  row(row: readonly DuckDBValue[], index: number): string;
  tail(): string;
}

const writers: Record<QueryFormat, (columns: readonly Column[]) => Writer> = {
  json: (columns) => ({
    head: "[",
    row: (row, i) => `${i > 0 ? ",\n" : ""}${jsonRow(columns, row)}`,
    tail: () => "]\n",
  }),
  ndjson: (columns) => ({ head: "", row: (row) => `${jsonRow(columns, row)}\n`, tail: () => "" }),
  csv: (columns) => ({ head: csvRow(columns.map((column) => column.name)), row: csvRow, tail: () => "" }),
  table: (columns) => {
    const rows: string[][] = [];
    return {
      head: "",
      row: (row) => {
        rows.push(row.map((value) => (value === null ? "NULL" : textOf(value))));
        return "";
      },
      tail: () =>
        columnsText(
          columns.map((column) => column.name),
          rows,
          columns.map((column) => /INT|DECIMAL|DOUBLE|FLOAT/.test(column.type)),
        ),
    };
  },
};
