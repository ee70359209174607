/** A request id as a Kafka header. */
import type { RequestId } from "./log.ts";

export const requestHeader = "tidemark-request";

export function textOfId({ request, sequence }: RequestId): string {
  return `${request}#${sequence}`;
}

/** Undefined for a text that is not an id: any other producer may use a header of this name for itself. */
export function idOfText(text: string): RequestId | undefined {
  const at = text.lastIndexOf("#");
  const sequence = Number(text.slice(at + 1));
  if (at < 1 || at === text.length - 1 || !Number.isSafeInteger(sequence) || sequence < 0) return undefined;
  return { request: text.slice(0, at), sequence };
}
