/**
 * CloudEvents 1.0 (cloudevents.io): `data` is the event; `source` and `id` identify it, so that it
 * counts once when it is sent again. All other attributes are left out.
 */

import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { membersOf } from "../../shared/values/json-parts.ts";
import type { Incoming } from "./incoming.ts";

const required = ["specversion", "id", "source", "type"] as const;

/** Structured mode. @param text valid JSON */
export function cloudEvent(text: string): Incoming {
  if (!text.startsWith("{")) return { reason: "it is not a CloudEvent: it is not an object" };
  const members = membersOf(text);
  const attribute = (name: string) => {
    const written = members.get(name);
    return written?.startsWith('"') ? (JSON.parse(written) as string) : undefined;
  };
  const wrong = faultIn(attribute);
  if (wrong) return wrong;
  const id = idOf(attribute("source")!, attribute("id")!);
  const data = members.get("data");
  if (data !== undefined) return { value: Buffer.from(data), id };
  const packed = attribute("data_base64");
  if (packed === undefined) return { reason: "the CloudEvent has no data" };
  return { value: Buffer.from(packed, "base64"), id };
}

/** Binary mode: the attributes are headers. @param text valid JSON */
export function binaryEvent(headers: IncomingHttpHeaders, text: string): Incoming {
  const attribute = (name: string) => {
    const written = headers[`ce-${name}`];
    if (typeof written !== "string") return undefined;
    try {
      return decodeURIComponent(written);
    } catch {
      return written;
    }
  };
  return faultIn(attribute) ?? { value: Buffer.from(text), id: idOf(attribute("source")!, attribute("id")!) };
}

function faultIn(attribute: (name: string) => string | undefined): Incoming | null {
  const lacking = required.find((name) => (attribute(name) ?? "") === "");
  if (lacking) return { reason: `it is not a CloudEvent: ${lacking} is missing` };
  const version = attribute("specversion")!;
  return version.startsWith("1.")
    ? null
    : { reason: `CloudEvents version ${version.slice(0, 20)} is not supported; 1.0 is` };
}

/** A request id of fixed length, whatever the two texts are. */
function idOf(source: string, id: string): string {
  return `ce:${createHash("sha256")
    .update(JSON.stringify([source, id]))
    .digest("base64url")
    .slice(0, 32)}`;
}
