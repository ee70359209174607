import type { DuckDBDataChunk } from "@duckdb/node-api";
import type { Param, Session } from "../shared/duckdb/duck.ts";

export interface Rows {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** The first rows are there already: what fails, fails before anything is sent. */
  readonly chunks: AsyncGenerator<DuckDBDataChunk>;
}

/** Runs a query, and reads on as its rows are asked for. @throws what DuckDB throws */
export async function rowsFrom(session: Session, text: string, params: readonly Param[]): Promise<Rows> {
  const result = await session.connection.stream(text, [...params]);
  const columns = result.columnNames().map((name, i) => ({ name, type: String(result.columnType(i)) }));
  const first = await result.fetchChunk();
  const chunks = async function* () {
    for (let chunk = first; chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) yield chunk;
  };
  return { columns, chunks: chunks() };
}
