/** The value that decides an event's partition: its key field, or its id where the stream names no key. */
import type { StreamDefinition } from "../shared/definition.ts";

/**
 * The key of an event's JSON text as bytes; null where the stream has none, the event has none, or the text is not a
 * valid event (it is still appended, and becomes a dead letter with a reason).
 */
export function eventKey(stream: Pick<StreamDefinition, "key" | "id">, value: Buffer): Buffer | null {
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

/**
 * The same for events whose shape is proved (see Shapes.prove): no name occurs twice and no value
 * is nested, so the first quoted occurrence of the field's name before a colon is the field itself.
 */
export function quickEventKey(stream: Pick<StreamDefinition, "key" | "id">, value: Buffer): Buffer | null {
  const field = stream.key ?? stream.id;
  if (field === null) return null;
  const name = `${JSON.stringify(field)}:`;
  const at = value.indexOf(name);
  let from = at + Buffer.byteLength(name);
  if (value[from] === space) from++;
  const end = value.indexOf(quote, from + 1);
  const plain = at >= 0 && value[from] === quote && end > 0 && !value.subarray(from, end).includes(backslash);
  return plain ? value.subarray(from + 1, end) : eventKey(stream, value);
}

const [quote, backslash, space] = [0x22, 0x5c, 0x20];

/** A number as it is written, since JSON.parse rounds digits that a double can't hold. */
function digitsOf(text: string, field: string, rounded: number): string {
  const name = JSON.stringify(field).replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const written = [...text.matchAll(new RegExp(`${name}\\s*:\\s*(-?[\\d.eE+-]+)`, "g"))].map((match) => match[1]!);
  return written.findLast((digits) => Number(digits) === rounded) ?? String(rounded);
}
