/**
 * Rows of SQL from outside as a file: written by an instance of its own, since the one that ran the
 * SQL writes nothing.
 */
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { Duck } from "../../shared/duckdb/duck.ts";
import { copyTo } from "../rows/copied.ts";
import type { FileFormat } from "../rows/formats.ts";
import type { Rows } from "../rows/rows.ts";

/**
 * @param path of a file that nobody else uses; it is removed
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
    // a query may name two columns alike, a table may not
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
