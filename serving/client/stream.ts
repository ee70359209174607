import { ApiError, type Appended, type Connection, pause, RefusedEvents } from "./connection.ts";
import { parseExactly } from "./numbers.ts";
import { eventsIn, type ServerSentEvent } from "./sse.ts";
import { jsonText } from "./values.ts";

/** An event of a stream, and its place in the log. */
export interface StreamEvent<Event> {
  readonly partition: number;
  readonly offset: number;
  /** Log time, ISO. */
  readonly time: string;
  readonly event: Event;
  /** After it: what to read on from. */
  readonly position: string;
}

/** Offsets that the log had lost before they were archived. */
export interface LostOffsets {
  readonly partition: number;
  readonly from: number;
  readonly upto: number;
}

export interface EventsQuestion {
  /** A position, "earliest" or "latest" (default). */
  readonly from?: string;
  /** Where to end: a position or "latest"; default: never. */
  readonly upto?: string;
  /** How many events at most. */
  readonly limit?: number;
  /** Called where offsets are passed that were lost, and that the project has accepted as lost. */
  readonly lost?: (offsets: LostOffsets) => void;
  readonly signal?: AbortSignal;
}

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

  /**
   * The stream's events from a position on, each once, in the order of its partition: what is archived, then what the
   * log has, then new ones as they arrive. They are read as fast as you take them. It reconnects automatically, and
   * goes on after the last event that you took.
   * @typeParam Shown what an event is as it is read, where that differs from what is appended
   * @throws ApiError where neither archive nor log has the events any more, or the position is not of this stream
   */
  async *events<Shown extends object = Event>({
    lost,
    ...question
  }: EventsQuestion = {}): AsyncGenerator<StreamEvent<Shown>> {
    for await (const { event, id, data } of this.#sent(question)) {
      if (event === "end") return;
      if (event === "lost") lost?.(JSON.parse(data) as LostOffsets);
      if (event !== "message" || data === "") continue;
      const found = parseExactly(data) as Omit<StreamEvent<Shown>, "position">;
      // rows that are read from here on contain it
      this.#connection.see(`${this.#name}@${found.partition}:${found.offset + 1}`);
      yield { ...found, position: id };
    }
  }

  /** What the server sends, over as many connections as it takes, each from where the one before has come. */
  async *#sent({ from, upto, limit, signal }: EventsQuestion): AsyncGenerator<ServerSentEvent> {
    let at = from;
    let left = limit ?? Number.POSITIVE_INFINITY;
    while (!signal?.aborted && left > 0) {
      const query = new URLSearchParams({
        ...(at === undefined ? {} : { from: at }),
        ...(upto === undefined ? {} : { upto }),
        ...(left === Number.POSITIVE_INFINITY ? {} : { limit: String(left) }),
      });
      try {
        const path = `/v1/streams/${encodeURIComponent(this.#name)}/events?${query}`;
        const response = await this.#connection.send(path, { accept: "text/event-stream", signal });
        if (response.status === 204) return;
        for await (const sent of eventsIn(response.body!)) {
          yield sent;
          // only now: what was not taken comes again
          at = sent.id === "" ? at : sent.id;
          if (sent.event === "message" && sent.data !== "") left--;
        }
      } catch (error) {
        if (signal?.aborted) return;
        // a server that can't be reached may come back; one that refuses will refuse again
        const refused = error instanceof ApiError && error.status < 500 && error.status !== 429;
        if (refused || error instanceof SyntaxError) throw error;
      }
      await pause(1000, signal);
    }
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
