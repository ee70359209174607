/** Request bodies, in each of the formats that events are sent in, as JSON events. */
import { isUtf8 } from "node:buffer";
import type { IncomingHttpHeaders } from "node:http";
import type { StreamDefinition } from "../../shared/definition.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { Refusal } from "../../shared/http/problem.ts";
import { elementsOf } from "../../shared/values/json-parts.ts";
import { arrowEvents } from "./arrow-events.ts";
import { binaryEvent, cloudEvent } from "./cloud-events.ts";
import type { Incoming } from "./incoming.ts";

/** An event takes some hundred bytes while it is checked, however short it is. */
const eventsMax = 200_000;

interface Form {
  readonly read: (body: Buffer, headers: IncomingHttpHeaders, stream: StreamDefinition) => Incoming[];
}

const arrow: Form = { read: (body, _headers, stream) => arrowEvents(body, stream, eventsMax + 1) };
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
        "a batch of CloudEvents must be a JSON array",
        "send a single one as application/cloudevents+json",
      );
    },
  },
  "application/vnd.apache.arrow.stream": arrow,
};

export const eventTypes = Object.keys(forms);

/** @param type of the body, without parameters; one of eventTypes. @throws USAGE; Refusal where there are too many */
export function eventsInBody(
  type: string,
  body: Buffer,
  headers: IncomingHttpHeaders,
  stream: StreamDefinition,
): Incoming[] {
  const form = forms[type]!;
  if (form !== arrow && !isUtf8(body)) throw notUtf8(body);
  const found = form.read(body, headers, stream);
  if (found.length > eventsMax)
    throw new Refusal(413, "USAGE", `a request takes at most ${eventsMax} events; split it into several requests`);
  return found;
}

/** Decoding would replace each invalid byte by the same character, so what was sent would be lost. */
function notUtf8(body: Buffer): TidemarkError {
  let [good, bad] = [0, body.length];
  // binary search for the shortest prefix that is not UTF-8, ignoring a character that the prefix cuts
  while (bad - good > 1) {
    const half = (good + bad) >> 1;
    if (isUtf8(wholeCharacters(body, half))) good = half;
    else bad = half;
  }
  const line = body.subarray(0, good).toString("latin1").split("\n").length;
  return new TidemarkError("USAGE", `the body is not UTF-8: byte ${good} (line ${line})`, "send events as UTF-8");
}

/** The first `end` bytes without a character that begins there and ends later. */
function wholeCharacters(body: Buffer, end: number): Buffer {
  let start = end;
  while (start > 0 && end - start < 3 && (body[start - 1]! & 0xc0) === 0x80) start--;
  const lead = start > 0 ? body[start - 1]! : 0;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  return body.subarray(0, length > 1 && start - 1 + length > end ? start - 1 : end);
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

/**
 * A body's JSON on one line: a line break in JSON can only be between tokens, and the fast decoder
 * reads one event per line.
 * @throws USAGE
 */
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
