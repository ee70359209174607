/** The forms that a stream's events are sent in, by the request's Accept. */
import { preferredType } from "../rows/formats.ts";
import type { EventChunk, ReadEvent } from "./event-texts.ts";

/** Texts that follow each other make the answer. */
export interface EventForm {
  readonly mediaType: string;
  /** Where reading begins, and whether it goes on as events arrive, where the request does not say. */
  readonly preset: { readonly from: "earliest" | "latest"; readonly upto: "latest" | null };
  /** @param position where reading begins */
  start(position: string): string;
  /** @param position after the event */
  event(partition: number, event: ReadEvent, position: string): string;
  /** Offsets that were lost before they were archived. */
  lost(chunk: EventChunk, position: string): string;
  /** Records that are not shown were passed. */
  passed(position: string): string;
  /** All that was asked for has been sent. */
  end(position: string): string;
  /** What keeps a connection open; null: nothing may be sent in between. */
  readonly beat: Buffer | null;
}

const retryMs = 1000;

function placed(partition: number, { offset, time, json }: ReadEvent): string {
  return `"partition":${partition},"offset":${offset},"time":"${new Date(time).toISOString()}","event":${json}`;
}

/** The position is the events' id: a browser's EventSource sends the last one back by itself. */
const serverSent: EventForm = {
  mediaType: "text/event-stream; charset=utf-8",
  preset: { from: "latest", upto: null },
  // an id without data is no event, and yet what is sent back: a reader that has got nothing resumes where it began
  start: (position) => `retry: ${retryMs}\nid: ${position}\n\n`,
  event: (partition, event, position) => `id: ${position}\ndata: {${placed(partition, event)}}\n\n`,
  lost: ({ partition, from, upto }, position) =>
    `id: ${position}\nevent: lost\ndata: ${JSON.stringify({ partition, from, upto })}\n\n`,
  passed: (position) => `id: ${position}\n\n`,
  end: (position) => `id: ${position}\nevent: end\ndata: ${JSON.stringify({ position })}\n\n`,
  beat: Buffer.from(": beat\n\n"),
};

const lines: EventForm = {
  mediaType: "application/x-ndjson; charset=utf-8",
  preset: { from: "earliest", upto: "latest" },
  start: () => "",
  event: (partition, event, position) => `{${placed(partition, event)},"position":${JSON.stringify(position)}}\n`,
  lost: ({ partition, from, upto }, position) => `${JSON.stringify({ partition, lost: { from, upto }, position })}\n`,
  passed: () => "",
  end: () => "",
  beat: null,
};

const known: Readonly<Record<string, EventForm>> = {
  "text/event-stream": serverSent,
  "application/x-ndjson": lines,
  "application/ndjson": lines,
  "*/*": lines,
  "application/*": lines,
  "text/*": serverSent,
};

/** The form that an Accept header prefers; null: none. Without a header: lines. */
export function eventFormOf(accept: string | undefined): EventForm | null {
  if (accept === undefined || accept.trim() === "") return lines;
  const wanted = preferredType(accept, known);
  return wanted === null ? null : known[wanted]!;
}
