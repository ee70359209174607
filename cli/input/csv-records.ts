import { TidemarkError } from "../../shared/errors.ts";
import { withoutEscapes } from "./csv-escapes.ts";
import { rowBytesMax } from "./row.ts";

/** How a text is cut into cells. */
export interface Dialect {
  readonly delimiter: string;
  /** The character that encloses cells with a delimiter, a quote or a line break; null: none. */
  readonly quote: string | null;
  /**
   * Precedes a quote within quotes, besides doubled quotes. Without quotes it precedes a delimiter, a line break or a
   * letter that denotes a character.
   */
  readonly escape: string | null;
}

export interface CsvRecord {
  /** The line in which it begins, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
  /** Which cells were quoted or escaped; null: none. */
  readonly quoted: readonly boolean[] | null;
  /** The record as it is in the file. */
  readonly text: string;
  /** Why it can't be cut into cells, or null. */
  readonly fault: string | null;
}

const [newline, carriageReturn, space] = [10, 13, 32];

/**
 * Reads records by RFC 4180: a cell that begins with a quote ends with one, and holds everything between. Lines end as
 * the first one does: LF or CRLF, or CR alone. A record that can't be cut has a fault, and reading continues after its
 * last line. Empty lines are skipped.
 * @returns records in groups, cut lazily: consume a group before taking the next
 * @throws LOAD_INPUT for a record of more than 64 MiB
 */
export async function* csvRecords(
  texts: AsyncIterable<string>,
  dialect: Dialect,
  name: string,
  firstLine = 1,
): AsyncGenerator<Iterable<CsvRecord>> {
  const cutter = new Cutter(dialect, firstLine);
  for await (const text of texts) {
    yield cutter.feed(text, false);
    if (cutter.waiting > rowBytesMax)
      throw new TidemarkError(
        "LOAD_INPUT",
        `${name}:${cutter.line}: a row of more than ${rowBytesMax >> 20} MiB begins here`,
        "is a quote missing, or does the file need another --quote?",
      );
  }
  yield cutter.feed("", true);
}

class Cutter {
  readonly #delimiter: number;
  readonly #quote: number;
  readonly #quoteText: string;
  readonly #escape: number;
  /** The escape of files without quotes; else "". */
  readonly #bareEscape: string;
  /** The escape of files with quotes, which is invalid in unquoted cells; else "". */
  readonly #escapedQuote: string;
  /** The line end; null: not known yet. */
  #end: number | null = null;
  #text = "";
  #at = 0;
  /** The next size at which to scan: a long record is not scanned again for each chunk. */
  #enough = 0;
  /** True once everything has been fed. */
  #whole = false;
  line: number;

  constructor(dialect: Dialect, firstLine: number) {
    const { delimiter, quote } = dialect;
    this.#delimiter = delimiter.charCodeAt(0);
    this.#quote = quote === null ? -1 : quote.charCodeAt(0);
    this.#quoteText = quote ?? "";
    this.#escape = dialect.escape === null || dialect.escape === quote ? -1 : dialect.escape.charCodeAt(0);
    this.#bareEscape = quote === null ? (dialect.escape ?? "") : "";
    this.#escapedQuote = quote === null || this.#escape < 0 ? "" : `${dialect.escape}${quote}`;
    this.line = firstLine;
  }

  /** Characters of an incomplete record. */
  get waiting(): number {
    return this.#text.length;
  }

  *feed(text: string, whole: boolean): Generator<CsvRecord> {
    this.#text = this.#text === "" ? text : this.#text + text;
    this.#whole = whole;
    this.#end ??= endOfLines(this.#text, whole);
    if (this.#end === null || (!whole && this.#text.length < this.#enough)) return;
    this.#at = 0;
    while (this.#at < this.#text.length) {
      const start = this.#at;
      const record = this.#record(start, this.#end);
      if (record) yield record;
      else if (this.#at === start) break;
    }
    this.#text = this.#text.slice(this.#at);
    this.#enough = 2 * this.#text.length;
  }

  /** Cuts the record that begins at the start, and moves past it; null for an empty line or an incomplete record. */
  #record(start: number, lineEnd: number): CsvRecord | null {
    const text = this.#text;
    const cells: string[] = [];
    let quoted: boolean[] | null = null;
    let lines = 0;
    let fault: string | null = null;
    let at = start;
    for (;;) {
      const opens = this.#quote < 0 ? at : this.#pastSpaces(at);
      if (this.#quote >= 0 && text.charCodeAt(opens) === this.#quote) {
        const cell = this.#quotedCell(opens + 1);
        if (cell === null) {
          if (!this.#whole) return null;
          fault = "a quote is opened and never closed";
          at = text.length;
        } else {
          quoted ??= cells.map(() => false);
          lines += countOf(text, lineEnd, opens, cell.end);
          cells.push(cell.value);
          quoted.push(true);
          at = this.#pastSpaces(cell.end);
          if (lineEnd === newline && text.charCodeAt(at) === carriageReturn) {
            if (at + 1 === text.length && !this.#whole) return null;
            if (at + 1 === text.length || text.charCodeAt(at + 1) === newline) at++;
          }
        }
      } else {
        const from = at;
        at = this.#bareEnd(from, lineEnd);
        const isLast = lineEnd === newline && text.charCodeAt(at) !== this.#delimiter;
        const cut = isLast && at > from && text.charCodeAt(at - 1) === carriageReturn;
        const raw = text.slice(from, cut ? at - 1 : at);
        const cell =
          this.#bareEscape !== "" && raw.includes(this.#bareEscape) ? withoutEscapes(raw, this.#bareEscape) : raw;
        if (cell !== raw) {
          quoted ??= cells.map(() => false);
          lines += countOf(text, lineEnd, from, at);
        }
        if (this.#escapedQuote !== "" && raw.includes(this.#escapedQuote))
          fault ??= "a quote is escaped outside of quotes";
        cells.push(cell);
        quoted?.push(cell !== raw);
      }
      if (at >= text.length) {
        if (!this.#whole) return null;
        break;
      }
      const code = text.charCodeAt(at);
      if (code === this.#delimiter) {
        at++;
        continue;
      }
      if (code === lineEnd) break;
      fault = "there is more behind the quote that ends a cell";
      const end = text.indexOf(String.fromCharCode(lineEnd), at);
      if (end < 0 && !this.#whole) return null;
      at = end < 0 ? text.length : end;
      break;
    }
    const blank = cells.length === 1 && cells[0] === "" && quoted === null && fault === null;
    const record = blank ? null : { line: this.line, cells, quoted, text: text.slice(start, at), fault };
    if (fault !== null) lines = countOf(text, lineEnd, start, at);
    this.line += lines + 1;
    this.#at = at + 1;
    return record;
  }

  /** The end of the unquoted cell that begins at `start`, or of the text. */
  #bareEnd(start: number, lineEnd: number): number {
    const text = this.#text;
    const mark = this.#bareEscape === "" ? -1 : this.#escape;
    let at = start;
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === this.#delimiter || code === lineEnd) break;
      // an escaped character ends nothing; CRLF is one line break
      if (code === mark) at += text.startsWith("\r\n", at + 1) ? 2 : 1;
    }
    return Math.min(at, text.length);
  }

  #pastSpaces(start: number): number {
    let at = start;
    if (this.#delimiter !== space) while (this.#text.charCodeAt(at) === space) at++;
    return at;
  }

  /** The quoted cell that begins at `start`, and the index after its closing quote; null when that is not fed yet. */
  #quotedCell(start: number): { value: string; end: number } | null {
    const text = this.#text;
    let value = "";
    let from = start;
    for (let at = start; at < text.length; at++) {
      if (this.#escape < 0) {
        const next = text.indexOf(this.#quoteText, at);
        if (next < 0) return null;
        at = next;
      }
      const code = text.charCodeAt(at);
      if (code === this.#escape) {
        if (at + 1 === text.length) return null;
        const next = text.charCodeAt(at + 1);
        if (next !== this.#quote && next !== this.#escape) continue;
      } else if (code !== this.#quote) continue;
      else if (at + 1 === text.length && !this.#whole) return null;
      else if (text.charCodeAt(at + 1) !== this.#quote) return { value: value + text.slice(from, at), end: at + 1 };
      value += text.slice(from, at) + text[at + 1]!;
      from = at + 2;
      at++;
    }
    return null;
  }
}

/** LF or CR, by the first line's end; null when that is not fed yet. */
function endOfLines(text: string, whole: boolean): number | null {
  const [lf, cr] = [text.indexOf("\n"), text.indexOf("\r")];
  if (lf >= 0 && (cr < 0 || lf <= cr + 1)) return newline;
  if (cr >= 0 && (whole || cr + 1 < text.length)) return carriageReturn;
  return lf >= 0 || whole ? newline : null;
}

function countOf(text: string, code: number, from: number, end: number): number {
  let count = 0;
  for (let at = from; at < end; at++) if (text.charCodeAt(at) === code) count++;
  return count;
}
