import type { DuckDBDataChunk, DuckDBType } from "@duckdb/node-api";
import type { DuckDBValue, Param, Session } from "../../shared/duckdb/duck.ts";
import { hasZone, spelled, type Writer, writerOf } from "../../shared/values/written.ts";
import { zoneOffsetsOf } from "../../shared/values/zone-offsets.ts";

export interface RowColumn {
  readonly name: string;
  /** In DuckDB's spelling. */
  readonly type: string;
  readonly writer: Writer;
}

export interface Rows {
  readonly columns: readonly RowColumn[];
  /** The first rows have been read already, so that an error is raised before anything is sent. */
  readonly chunks: AsyncGenerator<DuckDBDataChunk>;
}

/** A query, not run yet. */
export interface Sql {
  readonly text: string;
  readonly params: readonly Param[];
  /** The names of its columns, in order. */
  readonly columns: readonly string[];
}

export interface FewRows {
  readonly columns: readonly RowColumn[];
  readonly rows: readonly (readonly DuckDBValue[])[];
}

/**
 * Runs a query, and reads its rows as they are asked for.
 * @throws what DuckDB throws; QUERY_FAILED for a type that can't be written
 */
export async function rowsFrom(session: Session, text: string, params: readonly Param[]): Promise<Rows> {
  const result = await session.connection.stream(text, [...params]);
  const columns = await columnsOf(session, result);
  const first = await result.fetchChunk();
  const chunks = async function* () {
    for (let chunk = first; chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) yield chunk;
  };
  return { columns, chunks: chunks() };
}

/** All of a query's rows, where they are few. @throws as rowsFrom */
export async function fewRows(session: Session, text: string, params: readonly Param[] = []): Promise<FewRows> {
  const result = await session.read(text, params);
  return { columns: await columnsOf(session, result), rows: result.getRows() };
}

interface ResultShape {
  columnNames(): readonly string[];
  columnTypes(): readonly DuckDBType[];
}

async function columnsOf({ timezone }: Session, result: ResultShape): Promise<RowColumn[]> {
  const types = result.columnTypes();
  const offsetAt = await zoneOffsetsOf(types.some(hasZone) ? timezone : "UTC");
  return distinct(result.columnNames()).map((name, i) => {
    const type = types[i]!;
    return { name, type: spelled(type), writer: writerOf(type, offsetAt) };
  });
}

/**
 * A repeated name gets a number, as in DuckDB's tables: in a JSON object, only the last value of a
 * name would be seen.
 */
function distinct(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let own = name;
    for (let number = 1; taken.has(own); number++) own = `${name}_${number}`;
    taken.add(own);
    return own;
  });
}
