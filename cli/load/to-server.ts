import { isUtf8 } from "node:buffer";
import { randomUUID } from "node:crypto";
import { rowStream } from "../../ingest/sent-changes.ts";
import { sendEvents } from "../../serving/client/stream.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import type { Context } from "../context.ts";
import { withServer } from "../remote.ts";
import type { VerbArgs } from "../verb.ts";
import { type JudgedRow, rowsIn } from "./judged.ts";
import type { Outcome } from "./outcome.ts";
import type { Rejects } from "./rejects.ts";

/** Limits of one request. */
const rowsMax = 1000;
const bytesMax = 4 << 20;
const lineEnd = Buffer.from("\n");

/**
 * The server judges the rows, by the same decoder. Each part is sent under the request's id and its number, so that a
 * repeated load has one effect.
 */
export async function loadToServer(
  context: Context,
  args: VerbArgs["load"],
  stream: StreamDefinition,
  rejects: Rejects,
): Promise<Outcome> {
  const request = args.request ?? randomUUID();
  return withServer(context, args.server!, async (connection) => {
    let [events, part] = [0, 0];
    const append = args.check ? "none" : args.acceptDead ? "all" : "events";
    const send = async (rows: readonly JudgedRow[]) => {
      const lines = Buffer.concat(rows.flatMap(({ row }) => [sendable(row.value), lineEnd]));
      const id = `${request}:${part++}`;
      const { accepted, refused, position } = await sendEvents(connection, stream.name, lines, id, {
        append,
        signal: context.signal,
      });
      events += accepted;
      for (const { index, reason } of refused) {
        const row = rows[index]!;
        await rejects.add({ ...row, reason: row.reason ?? (isUtf8(row.row.value) ? reason : notUtf8) });
      }
      connection.see(position);
    };
    let waiting: JudgedRow[] = [];
    let bytes = 0;
    for await (const some of rowsIn(context, rowStream(stream), args.files, args.input))
      for (const each of some) {
        if (waiting.length === rowsMax || bytes + each.row.value.length > bytesMax) {
          await send(waiting);
          waiting = [];
          bytes = 0;
        }
        waiting.push(each);
        bytes += each.row.value.length + 1;
      }
    if (waiting.length > 0) await send(waiting);
    return { events, rejected: rejects.count, position: connection.position };
  });
}

/** The decoder's own reason. */
const notUtf8 = "invalid UTF-8";

/** Invalid UTF-8 can't be sent in NDJSON; a JSON string is sent instead, which the server rejects as well. */
function sendable(value: Buffer): Buffer {
  return isUtf8(value) ? value : Buffer.from(JSON.stringify(value.toString("latin1")));
}
