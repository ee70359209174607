import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import type { StreamDefinition } from "../../shared/definition.ts";
import { messageOf, TidemarkError } from "../../shared/errors.ts";
import { linesOf } from "./ndjson.ts";
import { openTable, type Rows, type TableFormat } from "./table.ts";

/** Events of one input, some at a time. `count` is null where only reading to the end would tell. */
export type Input = Rows;

/**
 * Opens a file by its ending, or standard input (`-`, NDJSON).
 * @throws LOAD_INPUT when there is no such file or its kind is unknown
 */
export async function openInput(file: string, stream: StreamDefinition): Promise<Input> {
  if (file === "-") return { count: null, events: linesOf(process.stdin, "standard input") };
  await mustBeFile(file);
  const [, kind = "", gz] = /\.(ndjson|jsonl|json|csv|tsv|parquet)(\.gz)?$/i.exec(file) ?? [];
  if (/^parquet$/i.test(kind)) return openTable(file, "parquet", stream);
  if (/^[ct]sv$/i.test(kind)) return openTable(file, "csv", stream);
  if (/json/i.test(kind)) {
    if (!gz && (await startsWithBracket(file))) return openTable(file, "json-array" satisfies TableFormat, stream);
    const bytes = createReadStream(file, { highWaterMark: 1 << 20 });
    return {
      count: null,
      events: readable(file, gz ? linesOf(bytes.pipe(createGunzip()), file) : linesOf(bytes, file)),
    };
  }
  throw new TidemarkError(
    "LOAD_INPUT",
    `can't tell what kind of file ${file} is`,
    "name it .ndjson, .json, .csv or .parquet, or give NDJSON on standard input: -",
  );
}

async function mustBeFile(file: string): Promise<void> {
  const found = await stat(file).catch((error: unknown) => {
    throw new TidemarkError("LOAD_INPUT", `cannot read ${file}: ${messageOf(error)}`, "check the name");
  });
  if (!found.isFile()) throw new TidemarkError("LOAD_INPUT", `${file} is not a file`, "name files, not folders");
}

async function startsWithBracket(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(64), 0, 64, 0);
    return /^\uFEFF?\s*\[/.test(buffer.subarray(0, bytesRead).toString());
  } finally {
    await handle.close();
  }
}

async function* readable(file: string, lines: AsyncGenerator<Buffer[]>): AsyncGenerator<Buffer[]> {
  try {
    yield* lines;
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    throw new TidemarkError(
      "LOAD_INPUT",
      `cannot read ${file}: ${messageOf(error)}`,
      "correct the file and load it again",
    );
  }
}
