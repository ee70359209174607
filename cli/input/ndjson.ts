import type { Readable } from "node:stream";
import { TidemarkError } from "../../shared/errors.ts";

const newline = 10;
const carriageReturn = 13;
/** A longer line is no event but a file of another kind. */
const lineBytesMax = 64 << 20;

/**
 * The lines of a stream of bytes as they are, whatever they hold; empty ones are left out. A byte order mark at the start goes.
 * @throws LOAD_INPUT for a line of more than 64 MiB, naming it
 */
export async function* linesOf(source: Readable, name: string): AsyncGenerator<Buffer[]> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  let line = 0;
  let first = true;
  for await (const piece of source) {
    let chunk = piece as Buffer;
    if (first && chunk.subarray(0, 3).equals(byteOrderMark)) chunk = chunk.subarray(3);
    first = false;
    const found: Buffer[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const tail = chunk.subarray(start, end);
      const whole = trimmed(rest.length > 0 ? Buffer.concat([...rest, tail]) : tail);
      if (whole.length > 0) found.push(whole);
      rest = [];
      restBytes = 0;
      start = end + 1;
      line++;
    }
    if (start < chunk.length) {
      rest.push(chunk.subarray(start));
      restBytes += chunk.length - start;
    }
    if (restBytes > lineBytesMax) {
      throw new TidemarkError(
        "LOAD_INPUT",
        `${name}:${line + 1}: a line of more than 64 MiB`,
        "write one JSON event per line",
      );
    }
    if (found.length > 0) yield found;
  }
  const last = trimmed(Buffer.concat(rest));
  if (last.length > 0) yield [last];
}

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

function trimmed(line: Buffer): Buffer {
  return line.at(-1) === carriageReturn ? line.subarray(0, -1) : line;
}
