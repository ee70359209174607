import { open } from "node:fs/promises";
import { RecordBatchReader } from "apache-arrow";
import { heldBy, rowsOfBatch } from "../../shared/arrow/rows.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { type Row, refusedRow } from "./row.ts";
import { unreadable } from "./source.ts";

const rowsAtATime = 2048;

/** The rows of an Arrow IPC file or stream as events, one record batch after the other. @throws LOAD_INPUT */
export async function* arrowRows(file: string, stream: StreamDefinition): AsyncGenerator<Row[]> {
  const handle = await open(file);
  try {
    const reader = await RecordBatchReader.from(handle);
    await reader.open();
    // of what ends before its schema the library makes a stream of nothing
    if (!(reader.schema as typeof reader.schema | undefined)) throw new Error("it ends before its schema");
    mustHaveColumns(
      file,
      reader.schema.fields.map(({ name }) => name),
      stream,
    );
    let place = 1;
    for await (const batch of reader) {
      let rows: Row[] = [];
      const before = place - 1;
      for (const row of rowsOfBatch(batch, stream, { left: Number.POSITIVE_INFINITY })) {
        if ("value" in row) rows.push({ place, value: row.value });
        else rows.push(refusedRow(place, heldBy(batch, place - before - 1), row.reason));
        place++;
        if (rows.length < rowsAtATime) continue;
        yield rows;
        rows = [];
      }
      if (rows.length > 0) yield rows;
    }
  } catch (error) {
    throw unreadable(file, error);
  } finally {
    await handle.close().catch(() => undefined);
  }
}

function mustHaveColumns(file: string, names: readonly string[], stream: StreamDefinition): void {
  const known = new Set(names.map((name) => name.toLowerCase()));
  const lacking = stream.fields.find((field) => !field.nullable && !known.has(field.name.toLowerCase()));
  if (!lacking || stream.upcast !== null) return;
  throw new TidemarkError(
    "LOAD_INPUT",
    `${file} has no column "${lacking.name}", which stream "${stream.name}" requires`,
    `it has: ${names.join(", ")}`,
  );
}
