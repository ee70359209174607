/** Server-sent events in a response's body. */
export interface ServerSentEvent {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

export async function* eventsIn(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of piecesOf(body)) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const found = eventIn(text.slice(0, end));
      text = text.slice(end + 2);
      if (found) yield found;
    }
  }
}

/** Not every browser iterates a stream. */
async function* piecesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) yield piece.value;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function eventIn(block: string): ServerSentEvent | null {
  const found = { id: "", event: "message", data: "" };
  for (const line of block.split("\n")) {
    // not by a regular expression: its dot does not match all line ends that JSON leaves unescaped
    const colon = line.indexOf(":");
    const [name, value] = [line.slice(0, Math.max(colon, 0)), line.slice(colon + 1).replace(/^ /, "")];
    if (name === "id" || name === "event" || name === "data") found[name] = value;
  }
  // an id without data says how far the sender is
  return found.data === "" && found.id === "" ? null : found;
}
