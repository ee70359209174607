/** Events in an Arrow IPC stream (or file): a row each, columns by name. */

import { RecordBatchReader } from "apache-arrow";
import { unpackingAtMost } from "../../shared/arrow/compression.ts";
import { rowsOfBatch } from "../../shared/arrow/rows.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import { messageOf, TidemarkError } from "../../shared/errors.ts";
import type { Incoming } from "./incoming.ts";

/**
 * Of JSON that a body may expand to, since one dictionary value may occur in a million rows; and of
 * buffers that it may decompress to.
 */
const unfoldedMax = 64 << 20;

/** The first `countMax` events. @throws USAGE where the body can't be read, or has a column that no event can have */
export function arrowEvents(body: Buffer, stream: StreamDefinition, countMax: number): Incoming[] {
  const found: Incoming[] = [];
  const room = { left: unfoldedMax };
  try {
    return unpackingAtMost(unfoldedMax, () => {
      const reader = RecordBatchReader.from(body).open();
      // of what ends before its schema the library makes a stream of nothing
      if (!(reader.schema as typeof reader.schema | undefined)) throw new Error("it ends before its schema");
      for (const batch of reader)
        for (const row of rowsOfBatch(batch, stream, room)) {
          if (found.length === countMax) return found;
          found.push(row);
        }
      return found;
    });
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    throw new TidemarkError(
      "USAGE",
      `the body is not a readable Arrow IPC stream: ${messageOf(error)}`,
      "send a valid stream of less than 64 MB uncompressed",
    );
  }
}
