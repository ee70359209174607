import type { StreamDefinition } from "../../shared/definition.ts";
import { Duck, quoteName, quoteText, type Session } from "../../shared/duckdb/duck.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { type Input, type Row, refusedRow } from "./row.ts";
import { unreadable } from "./source.ts";
import { jsonText, refusalText } from "./typed-text.ts";

/**
 * A Parquet file's rows as events of the stream. Columns are matched by name; unknown columns are ignored. A value that
 * does not fit its field's type is passed on unchanged, and the decoder rejects it.
 * @throws LOAD_INPUT when the file is not Parquet, or a required column is missing
 */
export async function parquetRows(file: string, stream: StreamDefinition): Promise<Input> {
  const duck = await Duck.open({ memoryLimit: "1GB" });
  const session = await duck.session();
  try {
    const source = `read_parquet(${quoteText(file)})`;
    const select = await eventsOf(session, file, source, stream);
    const count = Number(await session.value(`SELECT count(*) FROM ${source}`));
    return { unit: "row", count, rows: rowsOf(duck, session, file, select) };
  } catch (error) {
    session.close();
    duck.close();
    throw unreadable(file, error);
  }
}

async function eventsOf(session: Session, file: string, source: string, stream: StreamDefinition): Promise<string> {
  const found = await session.describe(`SELECT * FROM ${source}`);
  const columnOf = (field: string) =>
    found.find(({ name }) => name === field) ?? found.find(({ name }) => name.toLowerCase() === field.toLowerCase());
  const lacking = stream.fields.find((field) => !field.nullable && !columnOf(field.name));
  if (lacking) {
    throw new TidemarkError(
      "LOAD_INPUT",
      `${file} has no column "${lacking.name}", which stream "${stream.name}" requires`,
      `it has: ${found.map((each) => each.name).join(", ")}`,
    );
  }
  const members: string[] = [];
  const refusals: string[] = [];
  for (const field of stream.fields) {
    const column = columnOf(field.name);
    if (!column) continue;
    const value = quoteName(column.name);
    const text = jsonText(value, column.type, field.type);
    members.push(`${quoteText(`${JSON.stringify(field.name)}:`)} || coalesce(${text}, 'null')`);
    const refusal = refusalText(value, column.type, field.type);
    if (refusal) refusals.push(`${quoteText(`${field.name}: `)} || ${refusal}`);
  }
  const why = refusals.length > 0 ? `coalesce(${refusals.join(", ")})` : "NULL";
  return `SELECT '{' || ${members.join(" || ',' || ") || "''"} || '}', ${why} FROM ${source}`;
}

async function* rowsOf(duck: Duck, session: Session, file: string, select: string): AsyncGenerator<Row[]> {
  try {
    const result = await session.connection.stream(select);
    let place = 1;
    for (;;) {
      const chunk = await result.fetchChunk();
      if (!chunk || chunk.rowCount === 0) break;
      const refusals = chunk.getColumnValues(1);
      yield chunk.getColumnValues(0).map((text, row): Row => {
        const [refusal, value] = [refusals[row], String(text)];
        if (refusal) return refusedRow(place++, value, String(refusal));
        return { place: place++, value: Buffer.from(value) };
      });
    }
  } catch (error) {
    throw unreadable(file, error);
  } finally {
    session.close();
    duck.close();
  }
}
