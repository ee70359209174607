import { randomUUID } from "node:crypto";
import { sendEvents } from "../../serving/client/stream.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import type { Context } from "../context.ts";
import { withServer } from "../remote.ts";
import type { VerbArgs } from "../verb.ts";
import { type JudgedRow, rowsIn } from "./judged.ts";
import type { Outcome } from "./outcome.ts";
import type { Rejects } from "./rejects.ts";

/** Of one request. */
const rowsMax = 1000;
const bytesMax = 4 << 20;
const lineEnd = Buffer.from("\n");

/**
 * The server says what is an event, by the same reading. Each part goes under the request's id and its number, so that the same load sent again
 * has one effect.
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
    const send = async (rows: readonly JudgedRow[]) => {
      const lines = Buffer.concat(rows.flatMap(({ row }) => [row.value, lineEnd]));
      const id = `${request}:${part++}`;
      const { accepted, refused, position } = await sendEvents(connection, stream.name, lines, id, context.signal);
      events += accepted;
      for (const { index, reason } of refused) await rejects.add({ ...rows[index]!, reason });
      connection.see(position);
    };
    let waiting: JudgedRow[] = [];
    let bytes = 0;
    for await (const some of rowsIn(context, stream, args.files, args.input))
      for (const each of some) {
        if (each.reason !== null) {
          await rejects.add({ ...each, reason: each.reason });
          continue;
        }
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
