import type { Asker } from "../../shared/waiting.ts";

/** Somebody on a connection of its own, who stays. */
export function asker({
  client = "somebody",
  line = {},
  gone = new AbortController().signal,
}: Partial<Asker> = {}): Asker {
  return { client, line, gone };
}
