/** The rows of an Arrow record batch as events of a stream. */
import type { RecordBatch } from "apache-arrow";
import type { StreamDefinition } from "../definition.ts";
import { TidemarkError } from "../errors.ts";
import "./compression.ts";
import { NoColumn, NoRoom, type Room, type TextWriter, textWriterOf, UnwritableValue } from "./json-text.ts";

/** An event's JSON, or why the row can't be one. */
export type ArrowRow = { readonly value: Buffer } | { readonly reason: string };

interface Member {
  readonly name: string;
  readonly field: string;
  readonly write: TextWriter;
}

/**
 * Columns are taken by name; what the stream does not have is left out, unless an upcast may read it.
 * @throws USAGE for a column of a type that no event can have, or rows that say more than `room`
 */
export function* rowsOfBatch(batch: RecordBatch, stream: StreamDefinition, room: Room): Generator<ArrowRow> {
  const members = batch.schema.fields.flatMap(({ name }, at) => memberOf(batch, name, at, stream, room));
  for (let row = 0; row < batch.numRows; row++) yield rowOf(members, row);
}

/** What a row holds, whatever a stream says of it, as one JSON text; of a column that no text says, null. */
export function heldBy(batch: RecordBatch, row: number): string {
  const room = { left: Number.POSITIVE_INFINITY };
  const texts = batch.schema.fields.map(({ name }, at) => {
    const text = textIn(() => textWriterOf(batch.data.children[at]!, "", room)(row));
    return `${JSON.stringify(name)}:${text}`;
  });
  return `{${texts.join(",")}}`;
}

function textIn(write: () => string): string {
  try {
    return write();
  } catch (error) {
    if (error instanceof UnwritableValue || error instanceof NoColumn) return "null";
    throw error;
  }
}

function rowOf(members: readonly Member[], row: number): ArrowRow {
  let field = "";
  try {
    const texts = members.map((each) => {
      field = each.field;
      return `${each.name}:${each.write(row)}`;
    });
    return { value: Buffer.from(`{${texts.join(",")}}`) };
  } catch (error) {
    if (error instanceof UnwritableValue) return { reason: `${field}: ${error.message}` };
    if (error instanceof NoRoom)
      throw new TidemarkError("USAGE", "the rows are larger than one request may be", "send fewer");
    throw error;
  }
}

function memberOf(batch: RecordBatch, name: string, at: number, stream: StreamDefinition, room: Room): Member[] {
  const field =
    stream.fields.find((each) => each.name === name) ??
    stream.fields.find((each) => each.name.toLowerCase() === name.toLowerCase());
  if (!field && stream.upcast === null) return [];
  const target = stream.upcast === null ? field!.type : "";
  const written = stream.upcast === null ? field!.name : name;
  try {
    const write = textWriterOf(batch.data.children[at]!, target, room);
    return [{ name: JSON.stringify(written), field: written, write }];
  } catch (error) {
    if (!(error instanceof NoColumn)) throw error;
    throw new TidemarkError(
      "USAGE",
      `column "${name}" is a ${error.message}, which is not supported`,
      "cast it to text, a number, a date or a timestamp",
    );
  }
}
