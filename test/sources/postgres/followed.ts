/** What a source streams up to now. */

import type { PostgresServer } from "../../../demo/postgres/server.ts";
import type { Finding } from "../../../sources/postgres/checks.ts";
import type { Piece, TableChange } from "../../../sources/postgres/items.ts";
import type { PostgresSource } from "../../../sources/postgres/source.ts";

export interface Followed {
  readonly pieces: readonly Piece[];
  readonly changes: readonly TableChange[];
  readonly found: readonly Finding[];
  /** Of the last commit. */
  readonly endLsn: bigint;
}

let marks = 0;

/**
 * Up to a message that is emitted now; the source wants messages with the prefix "end".
 *
 * @param acknowledges whether what comes is acknowledged
 */
export async function followed(
  source: PostgresSource,
  from: bigint,
  server: Pick<PostgresServer, "sql">,
  acknowledges = true,
): Promise<Followed> {
  const mark = `end ${++marks}`;
  await server.sql(`SELECT pg_logical_emit_message(true, 'end', '${mark}')`);
  const [pieces, found]: [Piece[], Finding[]] = [[], []];
  for await (const items of source.stream(from)) {
    for (const item of items) {
      if (item.is === "found") found.push(...item.findings);
      if (item.is !== "piece") continue;
      pieces.push(item);
      if (acknowledges && item.endLsn !== null) source.acknowledge(item.endLsn);
      if (item.messages.some(({ content }) => content.toString() === mark)) {
        return { pieces, changes: pieces.flatMap(({ changes }) => changes), found, endLsn: item.endLsn! };
      }
    }
  }
  throw new Error("the stream ended");
}
