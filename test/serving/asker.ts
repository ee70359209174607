import type { Asker } from "../../shared/waiting.ts";

/** A client on a connection of its own, which it keeps open. */
export function asker({
  client = "somebody",
  line = {},
  gone = new AbortController().signal,
}: Partial<Asker> = {}): Asker {
  return { client, line, gone };
}
