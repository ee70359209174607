import type { FieldDefinition, StreamDefinition } from "../../shared/definition.ts";
import { Duck, quoteName, quoteText, type Session } from "../../shared/duckdb/duck.ts";
import { messageOf, TidemarkError } from "../../shared/errors.ts";

/** What DuckDB reads for us: tables of rows, and files that hold one JSON array. */
export type TableFormat = "csv" | "parquet" | "json-array";

/** A file's rows as events, and how many there are where the file says so. */
export interface Rows {
  readonly count: number | null;
  readonly events: AsyncGenerator<Buffer[]>;
}

/**
 * Reads a file's rows as JSON events of the stream. Columns are taken by name; what the stream does not have is left out. A
 * value that is not of its field's type goes as it stands, and becomes a dead letter with a reason.
 *
 * @throws LOAD_INPUT when the file can't be read as such, or lacks a column for a required field
 */
export async function openTable(file: string, format: TableFormat, stream: StreamDefinition): Promise<Rows> {
  const duck = await Duck.open({ memoryLimit: "1GB" });
  const session = await duck.session();
  try {
    const source = sourceOf(file, format);
    const select =
      format === "json-array" ? `SELECT json FROM ${source}` : await eventsOf(session, file, format, source, stream);
    const count = format === "parquet" ? Number(await session.value(`SELECT count(*) FROM ${source}`)) : null;
    return { count, events: textsOf(duck, session, file, select) };
  } catch (error) {
    session.close();
    duck.close();
    throw unreadable(file, error);
  }
}

function sourceOf(file: string, format: TableFormat): string {
  switch (format) {
    case "csv":
      return `read_csv(${quoteText(file)}, header = true, all_varchar = true)`;
    case "parquet":
      return `read_parquet(${quoteText(file)})`;
    case "json-array":
      return `read_json_objects(${quoteText(file)}, format = 'array', maximum_object_size = 67108864)`;
  }
}

async function eventsOf(
  session: Session,
  file: string,
  format: TableFormat,
  source: string,
  stream: StreamDefinition,
): Promise<string> {
  const columns = new Map(
    (await session.describe(`SELECT * FROM ${source}`)).map((each) => [each.name.toLowerCase(), each]),
  );
  const lacking = stream.fields.find((field) => !field.nullable && !columns.has(field.name.toLowerCase()));
  if (lacking) {
    throw new TidemarkError(
      "LOAD_INPUT",
      `${file} has no column "${lacking.name}", which stream "${stream.name}" requires`,
      `it has: ${[...columns.values()].map((each) => each.name).join(", ")}`,
    );
  }
  const members = stream.fields.flatMap((field) => {
    const column = columns.get(field.name.toLowerCase());
    if (!column) return [];
    const name = quoteName(column.name);
    const text = format === "csv" ? fromText(name, field) : fromTyped(name, column.type);
    return [`${quoteText(`${JSON.stringify(field.name)}:`)} || coalesce(${text}, 'null')`];
  });
  return `SELECT '{' || ${members.join(" || ',' || ")} || '}' FROM ${source}`;
}

const numeric = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL\(.*\)|FLOAT|DOUBLE)$/;
/** A number as JSON writes it. Its digits are passed on as text, since DuckDB's JSON keeps only what a double does. */
const jsonNumber = quoteText("-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]+)?");

/** A cell of a CSV file as JSON text: bare where its field's type is written bare and the cell can be, else in quotes. */
function fromText(column: string, field: FieldDefinition): string {
  const quoted = `to_json(${column})::VARCHAR`;
  if (numeric.test(field.type))
    return `CASE WHEN regexp_full_match(${column}, ${jsonNumber}) THEN ${column} ELSE ${quoted} END`;
  if (field.type === "BOOLEAN") return `CASE WHEN ${column} IN ('true', 'false') THEN ${column} ELSE ${quoted} END`;
  if (!/^(STRUCT\(|MAP\(|JSON$)|\[\]$/.test(field.type)) return quoted;
  return `CASE WHEN json_valid(${column}) THEN ${column} ELSE ${quoted} END`;
}

/** A typed value as the JSON text that the decoder reads back as the same value. */
function fromTyped(column: string, type: string): string {
  if (type === "DOUBLE" || type === "FLOAT") {
    const words = `CASE WHEN isnan(${column}) THEN '"NaN"' WHEN ${column} > 0 THEN '"Infinity"' ELSE '"-Infinity"' END`;
    return `CASE WHEN isfinite(${column}) THEN to_json(${column})::VARCHAR WHEN ${column} IS NOT NULL THEN ${words} END`;
  }
  if (type === "BLOB") return `to_json(to_base64(${column}))::VARCHAR`;
  if (numeric.test(type)) return `${column}::VARCHAR`;
  return `to_json(${column})::VARCHAR`;
}

async function* textsOf(duck: Duck, session: Session, file: string, select: string): AsyncGenerator<Buffer[]> {
  try {
    const result = await session.connection.stream(select);
    for (;;) {
      const chunk = await result.fetchChunk();
      if (!chunk || chunk.rowCount === 0) break;
      yield chunk.getColumnValues(0).map((text) => Buffer.from(String(text)));
    }
  } catch (error) {
    throw unreadable(file, error);
  } finally {
    session.close();
    duck.close();
  }
}

function unreadable(file: string, error: unknown): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const why = messageOf(error).split(/ Possible (?:fixes|solutions)/)[0]!;
  return new TidemarkError(
    "LOAD_INPUT",
    `cannot read ${file}: ${why.slice(0, 300)}`,
    "correct the file and load it again",
    {},
    error,
  );
}
