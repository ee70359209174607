/** Sends a reader's events as its client takes them: the next ones are read when the last ones have left. */
import { isCode } from "../../shared/errors.ts";
import { pause } from "../../shared/pause.ts";
import type { Outbox } from "../live/outbox.ts";
import type { EventForm } from "./event-forms.ts";
import type { EventChunk } from "./event-texts.ts";
import type { PositionTrail } from "./position-trail.ts";
import type { StreamReader } from "./stream-reader.ts";

/** How long a reader waits for events before it checks whether its client is still there. */
const waitMs = 1000;
/** A reader that got no turn asks again after this. */
const busyMs = 1000;

/** What a reader has read: events, the end, or nothing that is there yet. */
export type Read = Awaited<ReturnType<StreamReader["next"]>>;

export interface Sent {
  readonly reader: StreamReader;
  readonly trail: PositionTrail;
  readonly form: EventForm;
  readonly outbox: Outbox;
  /** At most as many events. */
  readonly limit: number;
}

/**
 * Until all is sent, or the outbox is closed or has ended.
 * @param first what was read before the answer began
 * @throws as StreamReader.next
 */
export async function sendAsTaken(sent: Sent, first: Read, stop: AbortSignal): Promise<void> {
  const { reader, trail, form, outbox } = sent;
  let left = sent.limit;
  for (let read = first; !outbox.destroyed && !stop.aborted; read = await next(reader, stop)) {
    if (read !== null && read !== "end") {
      const chunk = limited(read, left);
      left -= chunk.events.length;
      await outbox.sendAsked(Buffer.from(await textOf(sent, chunk)));
    }
    if (read === "end" || left === 0) {
      await outbox.sendAsked(Buffer.from(form.end(await trail.text())));
      outbox.end();
      return;
    }
  }
}

/** There may be no turn for it now; later there is. */
async function next(reader: StreamReader, stop: AbortSignal): Promise<Read> {
  try {
    return await reader.next(waitMs);
  } catch (error) {
    if (!isCode(error, "SERVE_BUSY")) throw error;
    await pause(busyMs, stop);
    return null;
  }
}

function limited(chunk: EventChunk, most: number): EventChunk {
  if (chunk.events.length <= most) return chunk;
  const events = chunk.events.slice(0, most);
  return { ...chunk, events, upto: events.at(-1)!.offset + 1 };
}

async function textOf({ trail, form }: Sent, chunk: EventChunk): Promise<string> {
  const positionAfter = await trail.pass(chunk);
  if (chunk.lost) return form.lost(chunk, positionAfter(chunk.upto - 1));
  if (chunk.events.length === 0) return form.passed(positionAfter(chunk.upto - 1));
  return chunk.events.map((event) => form.event(chunk.partition, event, positionAfter(event.offset))).join("");
}
