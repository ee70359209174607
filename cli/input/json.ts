/** JSON in any layout: an event per line, the elements of an array, or consecutive objects. */
import { TidemarkError } from "../../shared/errors.ts";
import { JsonValues } from "./json-values.ts";
import { linesOf } from "./ndjson.ts";
import type { Row } from "./row.ts";

/** How many bytes of a file's beginning determine its layout. */
const headBytesMax = 1 << 20;

/** @param lines the file is declared as one event per line; an array is still recognized. @throws LOAD_INPUT */
export async function* jsonRows(source: AsyncIterable<Buffer>, name: string, lines: boolean): AsyncGenerator<Row[]> {
  const chunks = source[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
    head = Buffer.concat([head, next.value]);
    if (/\S[^\n]*\n/.test(head.toString("latin1")) || head.length >= headBytesMax) break;
  }
  const all = withHead(head, { [Symbol.asyncIterator]: () => chunks });
  yield* isOneALine(head, lines) ? linesOf(all, name) : valuesOf(all, name);
}

async function* withHead(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* rest;
}

function isOneALine(head: Buffer, said: boolean): boolean {
  const first = /\S[^\n]*/.exec(head.toString("latin1"))?.[0] ?? "";
  if (first.startsWith("[")) return false;
  return said || !first.startsWith("{") || !opensMore(first);
}

/** True for a line that leaves a bracket open. */
function opensMore(line: string): boolean {
  const values = new JsonValues();
  try {
    values.feed(Buffer.from(line, "latin1"));
  } catch {
    return false;
  }
  return values.inside !== null;
}

async function* valuesOf(source: AsyncIterable<Buffer>, name: string): AsyncGenerator<Row[]> {
  const values = new JsonValues();
  try {
    for await (const chunk of source) {
      const rows = values.feed(chunk);
      if (rows.length > 0) yield rows;
    }
    const rows = values.end();
    if (rows.length > 0) yield rows;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new TidemarkError(
      "LOAD_INPUT",
      `cannot read ${name}: ${error.message}`,
      "correct the file and load it again",
    );
  }
}
