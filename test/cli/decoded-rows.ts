import { expect } from "vitest";
import type { Row } from "../../cli/input/row.ts";
import { Decoder } from "../../shared/decode/decode.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import type { Session } from "../../shared/duckdb/duck.ts";
import { ArrayBatch } from "../../shared/log/batch.ts";

/** The rows of an input as the layers read them: all of them have to be events. @returns SELECT of them */
export async function decodedRows(
  session: Session,
  rows: AsyncIterable<readonly Row[]>,
  of: StreamDefinition,
): Promise<string> {
  const values: Buffer[] = [];
  for await (const some of rows)
    for (const { place, value, reason } of some) {
      expect(reason, `at ${place}`).toBeUndefined();
      values.push(value);
    }
  const records = values.map((value, offset) => ({ offset, timestamp: 0, key: null, value }));
  const found = await new Decoder(session, of).decode([new ArrayBatch(0, 0, values.length, records)]);
  expect(found.dead).toEqual([]);
  return found.select();
}
