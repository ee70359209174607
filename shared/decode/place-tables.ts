/** Tables of where records lie in the log, row for row beside a decoded table. */
import {
  BIGINT,
  BLOB,
  DuckDBBlobValue,
  DuckDBDataChunk,
  DuckDBTimestampMillisecondsValue,
  type DuckDBValue,
  INTEGER,
  TIMESTAMP_MS,
  VARCHAR,
} from "@duckdb/node-api";
import { freshName, type Session } from "../duckdb/duck.ts";
import type { RecordBatch } from "../log/log.ts";
import type { DeadLetter } from "./dead-letter.ts";

/** DuckDB's own size of a vector. */
const rowsPerChunk = 2048;

/** A table of the records' places in the log's order, row for row beside a decoded table. */
export async function orderTable(session: Session, batches: readonly RecordBatch[]): Promise<string> {
  const table = freshName("order");
  await session.run(`CREATE TEMP TABLE ${table} (__t BIGINT, __p INTEGER, __o BIGINT)`);
  const appender = await session.connection.createAppender(table);
  for (const { partition, offsets, timestamps, count } of batches) {
    for (let start = 0; start < count; start += rowsPerChunk) {
      const upto = Math.min(start + rowsPerChunk, count);
      const chunk = DuckDBDataChunk.create([BIGINT, INTEGER, BIGINT], upto - start);
      const [t, o] = [timestamps, offsets].map((each) => Array.from(each.slice(start, upto), BigInt));
      chunk.setColumns([t!, Array.from({ length: upto - start }, () => partition), o!]);
      appender.appendDataChunk(chunk);
    }
  }
  appender.closeSync();
  return table;
}

/**
 * A table of the records' own places (offset, timestamp, key, raw bytes of dead letters, request), row for row
 * beside a decoded table.
 */
export async function placeTable(
  session: Session,
  batches: readonly RecordBatch[],
  dead: readonly DeadLetter[],
): Promise<string> {
  const table = freshName("places");
  await session.run(
    `CREATE TEMP TABLE ${table} (__offset BIGINT, __timestamp TIMESTAMP_MS, __key BLOB, __raw BLOB, __request VARCHAR, __sequence BIGINT)`,
  );
  const faulty = new Set(dead.map((letter) => `${letter.partition}:${letter.offset}`));
  const appender = await session.connection.createAppender(table);
  const blob = (bytes: Buffer | null): DuckDBValue => (bytes ? new DuckDBBlobValue(bytes) : null);
  for (const batch of batches) {
    const records = batch.records();
    for (let start = 0; start < batch.count; start += rowsPerChunk) {
      const slice = records.slice(start, start + rowsPerChunk);
      const chunk = DuckDBDataChunk.create([BIGINT, TIMESTAMP_MS, BLOB, BLOB, VARCHAR, BIGINT], slice.length);
      chunk.setColumns([
        slice.map((record) => BigInt(record.offset)),
        slice.map((record) => new DuckDBTimestampMillisecondsValue(BigInt(record.timestamp))),
        slice.map((record) => blob(record.key)),
        slice.map((record) =>
          faulty.size > 0 && faulty.has(`${batch.partition}:${record.offset}`) ? blob(record.value) : null,
        ),
        slice.map((record) => record.id?.request ?? null),
        slice.map((record) => (record.id ? BigInt(record.id.sequence) : null)),
      ]);
      appender.appendDataChunk(chunk);
    }
  }
  appender.closeSync();
  return table;
}
