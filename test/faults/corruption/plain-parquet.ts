/** The control: the same damaged Parquet file read by plain DuckDB, which has no manifest to check it by. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Duck, quoteText } from "../../../shared/duckdb/duck.ts";
import { messageOf } from "../../../shared/errors.ts";

export class PlainParquet {
  readonly #path: string;
  #duck: Promise<Duck> | null = null;

  constructor(dir: string) {
    this.#path = join(dir, "control.parquet");
  }

  /** Whether the rows are other ones and nothing says so. */
  async compare(bytes: Buffer, damaged: Buffer | null): Promise<"error" | "same" | "wrong"> {
    const truth = await this.#rows(bytes);
    try {
      return (await this.#rows(damaged ?? Buffer.alloc(0))) === truth ? "same" : "wrong";
    } catch (error) {
      // after a fatal error an instance answers nothing any more
      if (/FATAL|INTERNAL/.test(messageOf(error))) this.#duck = null;
      return "error";
    }
  }

  async #rows(bytes: Buffer): Promise<string> {
    writeFileSync(this.#path, bytes);
    this.#duck ??= Duck.open({ threads: 1, memoryLimit: "256MB" });
    const session = await (await this.#duck).session();
    try {
      const rows = await session.read(`SELECT r::VARCHAR AS row FROM read_parquet(${quoteText(this.#path)}) r`);
      return JSON.stringify([rows.columnNames(), rows.getRowsJson().map(String).sort()]);
    } finally {
      session.close();
    }
  }

  async close(): Promise<void> {
    (await this.#duck)?.close();
  }
}
