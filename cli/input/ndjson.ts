import { TidemarkError } from "../../shared/errors.ts";
import { type Row, rowBytesMax } from "./row.ts";

const newline = 10;
const carriageReturn = 13;

/**
 * The lines of UTF-8 bytes as they are, whatever they hold; blank lines are skipped.
 * @throws LOAD_INPUT for a line of more than 64 MiB, naming it
 */
export async function* linesOf(source: AsyncIterable<Buffer>, name: string): AsyncGenerator<Row[]> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  let line = 1;
  for await (const chunk of source) {
    const found: Row[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const tail = chunk.subarray(start, end);
      const value = trimmed(rest.length > 0 ? Buffer.concat([...rest, tail]) : tail);
      if (!isBlank(value)) found.push({ place: line, value });
      rest = [];
      restBytes = 0;
      start = end + 1;
      line++;
    }
    if (start < chunk.length) {
      rest.push(chunk.subarray(start));
      restBytes += chunk.length - start;
    }
    if (restBytes > rowBytesMax)
      throw new TidemarkError(
        "LOAD_INPUT",
        `${name}:${line}: a line of more than ${rowBytesMax >> 20} MiB`,
        "write one JSON event per line",
      );
    if (found.length > 0) yield found;
  }
  const last = trimmed(Buffer.concat(rest));
  if (!isBlank(last)) yield [{ place: line, value: last }];
}

function trimmed(line: Buffer): Buffer {
  return line.at(-1) === carriageReturn ? line.subarray(0, -1) : line;
}

function isBlank(line: Buffer): boolean {
  return line.length === 0 || (line[0]! <= 0x20 && line.toString("latin1").trim() === "");
}
