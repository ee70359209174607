/**
 * Rows of SQL from clients as a file. It is written by a DuckDB instance of its own, since the one
 * that runs the SQL is not allowed to write.
 */
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { Duck } from "../../shared/duckdb/duck.ts";
import { copyTo } from "../rows/copied.ts";
import type { FileFormat } from "../rows/formats.ts";
import type { Rows } from "../rows/rows.ts";

/**
 * @param path of a file for this call alone; it is deleted
 * @param memory that the rows may take, e.g. "256MB"
 * @throws what DuckDB throws
 */
export async function* rowsFile(
  { columns, chunks }: Rows,
  format: FileFormat,
  path: string,
  memory: string,
): AsyncGenerator<Uint8Array> {
  using duck = await Duck.open({ memoryLimit: memory, threads: 1 });
  try {
    using session = await duck.session();
    // a query may give two columns the same name, a table may not
    const typed = columns.map(({ type }, i) => `c${i} ${type}`);
    await session.run(`CREATE TABLE result (${typed.join(", ")})`);
    const appender = await session.connection.createAppender("result");
    for await (const chunk of chunks) appender.appendDataChunk(chunk);
    appender.closeSync();
    await session.run(copyTo(columns, "FROM result", path, format));
    yield* createReadStream(path) as AsyncIterable<Uint8Array>;
  } finally {
    await rm(path, { force: true });
  }
}
