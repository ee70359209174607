/**
 * A chunk's columns in DuckDB's own memory layout: for answers of a million rows, where an object
 * for each value costs more than the query. Valid as long as the chunk is. Little-endian, as all
 * platforms that DuckDB supports. Source: duckdb.org/docs/stable/clients/c/vector
 */
import type { DuckDBDataChunk } from "@duckdb/node-api";
import duckdb from "@duckdb/node-bindings";

export interface RawColumn {
  /** The values, one after the other; the bytes in place of a NULL are undefined. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  /** Little-endian bits, 1 where there is a value; null: everywhere. */
  readonly validity: Uint8Array | null;
}

/** @param width of a value, bytes */
export function rawColumn(chunk: DuckDBDataChunk, at: number, width: number): RawColumn {
  const vector = duckdb.data_chunk_get_vector(chunk.chunk, at);
  const rows = chunk.rowCount;
  const bytes = duckdb.vector_get_data(vector, rows * width) as Uint8Array<ArrayBuffer>;
  // there is none where no value is NULL; its words have 64 bits
  const validity = duckdb.vector_get_validity(vector, Math.ceil(rows / 64) * 8) as Uint8Array | null;
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), validity };
}

export function isValid(validity: Uint8Array | null, row: number): boolean {
  return validity === null || (validity[row >> 3]! & (1 << (row & 7))) !== 0;
}

/** A text or a blob in a column: its length, then its bytes if they are few, else a pointer to them. */
export const variableWidth = 16;
const inlineMax = 12;

export function lengthAt({ view }: RawColumn, row: number): number {
  return view.getUint32(row * variableWidth, true);
}

/** Copies a text's or a blob's bytes. */
export function copyBytes({ bytes }: RawColumn, row: number, length: number, target: Uint8Array, to: number): void {
  const from = row * variableWidth + 4;
  if (length <= inlineMax) for (let i = 0; i < length; i++) target[to + i] = bytes[from + i]!;
  else target.set(duckdb.get_data_from_pointer(bytes.buffer, bytes.byteOffset + from + 4, length), to);
}
