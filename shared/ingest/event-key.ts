/** What partitions an event is chosen by: its key field, or the id where the stream names no key. */
import type { StreamDefinition } from "../definition.ts";

/**
 * The key of an event's JSON text as bytes; null where the stream has none, the event has none, or the text is no event
 * (it is appended all the same: what is wrong with it becomes a dead letter, with a reason).
 */
export function keyOf(stream: Pick<StreamDefinition, "key" | "id">, value: Buffer): Buffer | null {
  const field = stream.key ?? stream.id;
  if (field === null) return null;
  const text = value.toString();
  let event: unknown;
  try {
    event = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof event !== "object" || event === null || !Object.hasOwn(event, field)) return null;
  const key = (event as Record<string, unknown>)[field];
  if (key === null || key === undefined) return null;
  if (typeof key === "string") return Buffer.from(key);
  if (typeof key === "number" && !Number.isSafeInteger(key)) return Buffer.from(digitsOf(text, field, key));
  return Buffer.from(JSON.stringify(key));
}

/** A number as it is written, since JSON.parse rounds what a double does not keep. */
function digitsOf(text: string, field: string, rounded: number): string {
  const name = JSON.stringify(field).replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const written = [...text.matchAll(new RegExp(`${name}\\s*:\\s*(-?[\\d.eE+-]+)`, "g"))].map((match) => match[1]!);
  return written.findLast((digits) => Number(digits) === rounded) ?? String(rounded);
}
