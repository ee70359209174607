/** How a CSV file of reference/ is read, and in which line it can't be. */
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { delimiterOf } from "../csv-delimiter.ts";
import { quoteText, type Session } from "../duckdb/duck.ts";
import { messageOf } from "../errors.ts";

export interface CsvTable {
  /** SQL of its rows. */
  readonly rows: string;
  /**
   * SQL of the same as texts, which names the line that has other columns than the header: DuckDB's sniffer
   * does not.
   */
  readonly texts: string;
}

/**
 * Cells are divided as the name or the first line says; one in quotes is a text, also an empty one. No line is
 * left out as a comment or a preamble.
 */
export async function csvTable(path: string): Promise<CsvTable> {
  const { before, header, isUtf16 } = await headOf(path);
  const delimiter = /^sep=(.)/im.exec(before)?.[1] ?? delimiterOf(path, header);
  const cells = header.replaceAll(/"(?:[^"]|"")*"/g, "").split(delimiter);
  const options = [
    `header = true, skip = ${before.split(/\r\n|\r|\n/).length - 1}, delim = ${quoteText(delimiter)}`,
    `quote = '"', escape = '"', comment = '', allow_quoted_nulls = false, encoding = '${isUtf16 ? "utf-16" : "utf-8"}'`,
  ].join(", ");
  const columns = cells.map((_, at) => `c${at}: 'VARCHAR'`).join(", ");
  const read = (more: string) => `read_csv(${quoteText(path)}, ${more}, ${options})`;
  return { rows: read("sample_size = -1"), texts: read(`auto_detect = false, columns = {${columns}}`) };
}

/** Why it can't be read, with the line where one is to blame. */
export async function csvFault(session: Session, { texts }: CsvTable, error: unknown): Promise<string> {
  const found = lineFault(error) ?? (await session.run(`SELECT count(*) FROM ${texts}`).then(() => null, lineFault));
  if (found !== null) return found;
  const why = messageOf(error);
  if (/sniffing file|not RFC 4180/.test(why))
    return "its rows are not as RFC 4180 has them, each with as many cells as the header";
  const [first] = why.split(/ Possible (?:fixes|solution)/i);
  return first!.slice(0, 300);
}

function lineFault(error: unknown): string | null {
  const lines = (error instanceof Error ? error.message : "").split("\n").map((line) => line.trim());
  const line = /CSV Error on Line: (\d+)/.exec(lines[0] ?? "")?.[1];
  if (line === undefined) return null;
  const end = lines.findIndex((each) => /^possible /i.test(each));
  // what is in between is the line as it is written
  const why = lines.slice(0, end < 0 ? lines.length : end).findLast((each) => each !== "") ?? "";
  const [, expected, columns] = /Expected Number of Columns: (\d+) Found: (\d+)/.exec(why) ?? [];
  if (columns !== undefined)
    return `line ${line}: ${columns} ${columns === "1" ? "column" : "columns"}, where the header has ${expected}`;
  if (/unterminated quote/.test(why)) return `line ${line}: a quote is not closed, or not doubled`;
  return `line ${line}: ${/unicode|utf-8/i.test(why) ? "not UTF-8" : why}`;
}

interface Head {
  /** Empty lines, and Excel's `sep=;`. */
  readonly before: string;
  readonly header: string;
  readonly isUtf16: boolean;
}

async function headOf(path: string): Promise<Head> {
  const bytes = createReadStream(path);
  let raw = "";
  let head: Omit<Head, "isUtf16"> = { before: "", header: "" };
  let isUtf16 = false;
  for await (const chunk of /\.gz$/i.test(path) ? bytes.pipe(createGunzip()) : bytes) {
    raw += (chunk as Buffer).toString("latin1");
    isUtf16 = raw.startsWith("\xff\xfe");
    const text = (isUtf16 ? raw.replaceAll("\0", "") : raw).replace(/^(?:\xff\xfe|\xef\xbb\xbf)/, "");
    const [, before, header, end] = /^([\r\n]*(?:sep=.[\r\n]+)?)([^\r\n]*)([\r\n]?)/i.exec(text)!;
    head = { before: before!, header: header! };
    if (end !== "") break;
  }
  return { ...head, isUtf16 };
}
