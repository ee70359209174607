import { type Appended, type Connection, RefusedEvents } from "./connection.ts";
import { jsonText } from "./values.ts";

export class Stream<Event extends object> {
  readonly #connection: Connection;
  readonly #name: string;

  constructor(connection: Connection, name: string) {
    this.#connection = connection;
    this.#name = name;
  }

  /**
   * Appends events; resolves when they are durable in the log. From then on this client's answers
   * contain them. The request has an idempotency key, so that retries, by this client or by you with
   * the same key, have no further effect.
   * @throws ApiError
   */
  async append(
    events: Event | readonly Event[],
    { idempotencyKey = randomKey() }: { readonly idempotencyKey?: string } = {},
  ): Promise<Appended> {
    const body = linesOf(Array.isArray(events) ? (events as readonly Event[]) : [events as Event]);
    return sendEvents(this.#connection, this.#name, body, idempotencyKey);
  }
}

/** @param lines NDJSON. @param append see the API. @throws ApiError */
export async function sendEvents(
  connection: Connection,
  stream: string,
  lines: string | Uint8Array<ArrayBuffer>,
  idempotencyKey: string,
  { append = "events", signal }: { readonly append?: "events" | "all" | "none"; readonly signal?: AbortSignal } = {},
): Promise<Appended> {
  const query = append === "events" ? "" : `?append=${append}`;
  try {
    const appended = await connection.json<Appended>(`/v1/streams/${encodeURIComponent(stream)}/events${query}`, {
      body: lines,
      type: "application/x-ndjson",
      headers: { "Idempotency-Key": idempotencyKey },
      signal,
    });
    connection.see(appended.position);
    return appended;
  } catch (error) {
    // none of the events is valid: the answer has the reason for each
    if (error instanceof RefusedEvents) return error.appended;
    throw error;
  }
}

function randomKey(): string {
  return crypto.randomUUID();
}

/** One event a line. @throws TypeError for a value that can't be sent */
function linesOf(events: readonly object[]): string {
  return events.map((event, i) => `${jsonText(event, events.length > 1 ? `event ${i}` : "event")}\n`).join("");
}
