import { delimiterOf } from "../../shared/csv-delimiter.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { type CellWriter, cellWriter, notWritten } from "./csv-cells.ts";
import type { CsvOptions } from "./csv-options.ts";
import { type CsvRecord, csvRecords } from "./csv-records.ts";
import { type Row, refusedRow } from "./row.ts";
import { isText, textOf } from "./source.ts";

/** A field that the file has a column for. */
interface Column {
  readonly at: number;
  /** The field's name and colon in the event's JSON. */
  readonly member: string;
  readonly name: string;
  readonly write: CellWriter;
  readonly not: string;
}

/**
 * The rows of a CSV file as events of the stream. Columns are matched by name; unknown columns are ignored.
 * @throws LOAD_INPUT when a required column is missing; USAGE
 */
export async function* csvRows(
  bytes: AsyncIterable<Buffer>,
  name: string,
  stream: StreamDefinition,
  options: CsvOptions,
): AsyncGenerator<Row[]> {
  const texts = textOf(bytes);
  const { first, rest } = await firstLineOf(texts);
  // Excel names the delimiter like this
  const said = /^sep=(.)\r?\n?$/i.exec(first)?.[1];
  const delimiter = options.delimiter ?? said ?? delimiterOf(name, first);
  const dialect = { delimiter, quote: options.quote, escape: options.escape };
  const records = csvRecords(said ? rest : withFirst(first, rest), dialect, name, said ? 2 : 1);
  let reader: RowReader | null = options.header
    ? null
    : new RowReader(
        stream,
        stream.fields.map((field) => field.name),
        options,
        name,
      );
  for await (const some of records) {
    let found: Row[] = [];
    for (const record of some) {
      if (reader) found.push(reader.read(record));
      else reader = new RowReader(stream, headerIn(record, name), options, name);
      if (found.length < rowsAtATime) continue;
      yield found;
      found = [];
    }
    if (found.length > 0) yield found;
  }
  if (!reader) throw new TidemarkError("LOAD_INPUT", `${name} is empty`, "its first line names the columns");
}

const rowsAtATime = 2048;
const headBytesMax = 1 << 20;

/** The text with the empty lines that precede it. */
async function firstLineOf(texts: AsyncGenerator<string>): Promise<{ first: string; rest: AsyncGenerator<string> }> {
  let head = "";
  for (let next = await texts.next(); !next.done; next = await texts.next()) {
    head += next.value;
    if (/[^\r\n](?:\n|\r.)/s.test(head) || head.length > headBytesMax) break;
  }
  const first = /^[\r\n]*[^\r\n]*(?:\r\n|\r|\n)?/.exec(head)![0];
  return { first, rest: withFirst(head.slice(first.length), texts) };
}

async function* withFirst(first: string, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  yield first;
  yield* rest;
}

function headerIn({ cells, fault, text }: CsvRecord, name: string): readonly string[] {
  const wrong = fault ?? (isText(text) ? null : notUtf8);
  if (wrong !== null) throw new TidemarkError("LOAD_INPUT", `${name}:1: ${wrong}`, "its first line names the columns");
  return cells;
}

const notUtf8 = "not UTF-8; name its encoding with --encoding, such as windows-1252";

class RowReader {
  readonly #columns: readonly Column[];
  readonly #width: number;
  /** True when the header ends with a delimiter; rows may, too. */
  readonly #endless: boolean;
  readonly #nulls: ReadonlySet<string>;
  readonly #quotedNulls: boolean;

  constructor(stream: StreamDefinition, header: readonly string[], options: CsvOptions, name: string) {
    this.#width = header.length;
    this.#endless = header.at(-1) === "";
    this.#nulls = new Set(options.nulls);
    this.#quotedNulls = options.quotedNulls;
    const lacking = stream.fields.find((field) => !field.nullable && placeOf(header, field.name, name) < 0);
    if (lacking)
      throw new TidemarkError(
        "LOAD_INPUT",
        `${name} has no column "${lacking.name}", which stream "${stream.name}" requires`,
        `it has: ${header.join(", ")}`,
      );
    this.#columns = stream.fields.flatMap((field) => {
      const at = placeOf(header, field.name, name);
      if (at < 0) return [];
      const member = `${JSON.stringify(field.name)}:`;
      return [{ at, member, name: field.name, write: cellWriter(field, options), not: notWritten(field, options) }];
    });
  }

  read(record: CsvRecord): Row {
    const { cells, quoted, line, text } = record;
    const fault = record.fault ?? this.#faultOf(record);
    if (fault !== null) return refusedRow(line, text, fault);
    let json = "{";
    for (const { at, member, name, write, not } of this.#columns) {
      const cell = cells[at]!;
      const isNull = this.#nulls.has(cell) && (this.#quotedNulls || !quoted?.[at]);
      const written = isNull ? "null" : write(cell);
      if (written === undefined) return refusedRow(line, text, `${name}: text of ${cell.length} characters ${not}`);
      json += (json.length > 1 ? "," : "") + member + written;
    }
    return { place: line, value: Buffer.from(`${json}}`) };
  }

  #faultOf({ cells, quoted, text }: CsvRecord): string | null {
    const { length } = cells;
    const empty = length > 0 && cells[length - 1] === "" && !quoted?.[length - 1];
    const fits = length === this.#width || (length === this.#width + 1 && empty);
    if (!fits && !(this.#endless && length === this.#width - 1))
      return `${length} ${length === 1 ? "column" : "columns"}, where the header has ${this.#width}`;
    return isText(text) ? null : notUtf8;
  }
}

/** @throws LOAD_INPUT when two columns match */
function placeOf(header: readonly string[], field: string, name: string): number {
  const same = (of: (text: string) => string) => header.flatMap((each, at) => (of(each) === of(field) ? [at] : []));
  const exact = same((each) => each);
  const found = exact.length > 0 ? exact : same((each) => each.trim().toLowerCase());
  if (found.length > 1)
    throw new TidemarkError("LOAD_INPUT", `${name} has ${found.length} columns "${field}"`, "rename one of them");
  return found[0] ?? -1;
}
