/** The forms that events come in over HTTP, as events of JSON. */
import type { IncomingHttpHeaders } from "node:http";
import { TidemarkError } from "../../shared/errors.ts";
import { Refusal } from "../problem.ts";
import { arrowEvents } from "./arrow-events.ts";
import { binaryEvent, cloudEvent } from "./cloud-events.ts";
import { elementsOf } from "./json-text.ts";

/** An event's JSON, with the id that it brings along, or why there is none. */
export type Incoming = { readonly value: Buffer; readonly id?: string } | { readonly reason: string };

/** An event takes some hundred bytes while it is judged, however short it is. */
const eventsMax = 200_000;

interface Form {
  readonly read: (body: Buffer, headers: IncomingHttpHeaders) => Incoming[];
}

const lines: Form = { read: (body) => linesIn(body).map((value) => ({ value })) };

const forms: Readonly<Record<string, Form>> = {
  "application/json": {
    read: (body, headers) => {
      if (headers["ce-specversion"] !== undefined) return [binaryEvent(headers, jsonText(body))];
      const text = jsonText(body);
      return (text.startsWith("[") ? elementsOf(text, eventsMax + 1) : [text]).map((each) => ({
        value: Buffer.from(each),
      }));
    },
  },
  "application/x-ndjson": lines,
  "application/ndjson": lines,
  "application/cloudevents+json": { read: (body) => [cloudEvent(jsonText(body))] },
  "application/cloudevents-batch+json": {
    read: (body) => {
      const text = jsonText(body);
      if (text.startsWith("[")) return elementsOf(text, eventsMax + 1).map(cloudEvent);
      throw new TidemarkError(
        "USAGE",
        "a batch of CloudEvents is a JSON array",
        "send application/cloudevents+json for one",
      );
    },
  },
  "application/vnd.apache.arrow.stream": { read: (body) => arrowEvents(body, eventsMax + 1) },
};

export const eventTypes = Object.keys(forms);

/** @param type of the body, without parameters; one of eventTypes. @throws USAGE; Refusal where there are too many */
export function eventsOf(type: string, body: Buffer, headers: IncomingHttpHeaders): Incoming[] {
  const found = forms[type]!.read(body, headers);
  if (found.length > eventsMax)
    throw new Refusal(413, "USAGE", `a request takes ${eventsMax} events at most; send several of them`);
  return found;
}

function linesIn(body: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let start = 0; start < body.length && found.length <= eventsMax; ) {
    const end = body.indexOf(10, start);
    const line = body.subarray(start, end < 0 ? body.length : end);
    if (line.toString("latin1").trim() !== "") found.push(line);
    start = end < 0 ? body.length : end + 1;
  }
  return found;
}

/** A body's JSON on one line: a line break in JSON stands between tokens only, and one line an event is what is read quickly. @throws USAGE */
function jsonText(body: Buffer): string {
  const text = body.toString();
  try {
    JSON.parse(text);
  } catch {
    throw new TidemarkError(
      "USAGE",
      "the body is not JSON",
      "send one event, an array of events, or application/x-ndjson",
    );
  }
  return text.trim().replace(/[\r\n]+/g, " ");
}
