/** The events of a stream, from any position on, at the reader's own pace. */
import { setMaxListeners } from "node:events";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { messageOf, TidemarkError } from "../../../shared/errors.ts";
import { Refusal } from "../../../shared/http/problem.ts";
import { askerOf, whenGone } from "../../../shared/http/route.ts";
import { problems } from "../../../shared/http/schemas.ts";
import { furthest } from "../../../shared/position.ts";
import type { PositionTexts } from "../../../shared/store/position-texts.ts";
import type { Outbox, Outboxes } from "../../live/outbox.ts";
import type { Follower } from "../../snapshot/follower.ts";
import { type EventForm, eventFormOf } from "../../streams/event-forms.ts";
import { PositionTrail } from "../../streams/position-trail.ts";
import { type Read, type Sent, sendAsTaken } from "../../streams/sending.ts";
import { type ReaderTools, StreamReader } from "../../streams/stream-reader.ts";
import { stretchOf } from "../../streams/stretch.ts";

const readersMax = 500;

interface StreamEventsOptions {
  readonly reading: ReaderTools;
  readonly follower: Follower;
  readonly positions: PositionTexts;
  /** What readers have not taken counts together with what is kept for the listeners of changes. */
  readonly outboxes: Outboxes;
  /** A reader that takes nothing for this long is disconnected, ms. */
  readonly beatMs: number;
  readonly say: (line: string) => void;
}

export function streamEventRoutes(app: FastifyInstance, options: StreamEventsOptions): void {
  const readers = new Set<FastifyRequest>();
  // each reader has its own, until it is gone
  setMaxListeners(0, options.reading.signal);
  // the other methods of this address are answered where events are appended
  app.route({
    method: "GET",
    url: "/v1/streams/:stream/events",
    config: { scope: "events", tickets: true },
    schema,
    handler: async (request, reply) => {
      const form = eventFormOf(request.headers.accept);
      if (!form) throw new Refusal(406, "NOT_ACCEPTABLE", "events come as text/event-stream or application/x-ndjson");
      if (readers.size >= readersMax)
        throw new TidemarkError("SERVE_BUSY", `${readersMax} readers are connected already`, "try again later");
      readers.add(request);
      whenGone(reply, () => readers.delete(request));
      return read(options, form, request, reply);
    },
  });
}

async function read(
  { reading, follower, positions, outboxes, beatMs, say }: StreamEventsOptions,
  form: EventForm,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { name, limit, ...asked } = askedIn(request, form);
  const stream = reading.streamNamed(name);
  const stretch = await stretchOf({ log: reading.log, positions, origin: follower.origin }, stream, asked);
  const asker = askerOf(request, reply);
  const reader = new StreamReader(reading, stream, stretch, asker);
  // what can't be read is a problem's answer, not an answer that breaks off
  const first = await reader.next(0);
  const isWhole = form.preset.upto !== null;
  // an EventSource connects again until it gets this
  if (first === "end" && !isWhole) return reply.code(204).send();
  const trail = new PositionTrail(positions, name, stretch.from);
  if (isWhole && stretch.upto && limit === Number.POSITIVE_INFINITY)
    reply.header("Tidemark-Position", await positions.textOf(furthest(stretch.from, stretch.upto)));
  const outbox = outboxes.open(
    () => reply.raw.writableLength,
    () => reply.raw.destroy(),
  );
  const start = form.start(await trail.text());
  if (start !== "") outbox.send(Buffer.from(start));
  const heartbeat = setInterval(() => outbox.heartbeat(form.beat), beatMs);
  // a part of what has an end must not be taken for the whole
  const stop = () => (isWhole ? outbox.disconnect() : outbox.end());
  reading.signal.addEventListener("abort", stop, { once: true });
  outbox.once("close", () => {
    clearInterval(heartbeat);
    reading.signal.removeEventListener("abort", stop);
  });
  if (asker.gone.aborted) outbox.destroy();
  else asker.gone.addEventListener("abort", () => outbox.destroy(), { once: true });
  if (reading.signal.aborted) stop();
  void sendAll({ reader, trail, form, outbox, limit }, first, reading.signal, say);
  reply.header("Cache-Control", "no-store");
  return reply.type(form.mediaType).send(outbox);
}

/** Where that fails the answer breaks off: the client comes again, from where it was, and gets the reason. */
async function sendAll(sent: Sent, first: Read, signal: AbortSignal, say: (line: string) => void): Promise<void> {
  const { outbox }: { readonly outbox: Outbox } = sent;
  try {
    await sendAsTaken(sent, first, signal);
  } catch (error) {
    if (!outbox.destroyed && !signal.aborted) say(`serve: a reader of events is disconnected: ${messageOf(error)}`);
    outbox.disconnect();
  }
}

interface EventsQuery {
  readonly from?: string;
  readonly upto?: string;
  readonly limit?: string;
}

function askedIn(request: FastifyRequest, { preset }: EventForm) {
  const { stream: name } = request.params as { stream: string };
  const { from, upto, limit } = request.query as EventsQuery;
  const last = request.headers["last-event-id"];
  // a client that connects again sends the address of before, and where it is by now
  const at = typeof last === "string" && last.trim() !== "" ? last.trim() : from;
  return {
    name,
    from: at ?? preset.from,
    upto: upto ?? preset.upto,
    limit: limit === undefined ? Number.POSITIVE_INFINITY : Number(limit),
  };
}

const position = { type: "string", minLength: 1 } as const;

const schema = {
  summary: "A stream's events from a position on, at the reader's own pace",
  description:
    "What is archived comes from the archive, the rest from the log; each event comes once, with the same JSON from " +
    "either, in the order of its partition. Duplicates and dead letters are left out. As server-sent events: " +
    "{partition, offset, time, event} with the position after it as id, from now on, and on as events arrive; " +
    "`lost`: {partition, from, upto}, offsets that the log had lost before they were archived; `end`: all up to " +
    "`upto` was sent. As NDJSON: the same objects with their `position`, from the beginning, up to the log's end. " +
    "To go on, send the last position back, as `from` or as Last-Event-ID. " +
    "A reader that takes nothing is disconnected.",
  params: { type: "object", required: ["stream"], properties: { stream: { type: "string" } } },
  querystring: {
    type: "object",
    additionalProperties: false,
    properties: {
      from: {
        ...position,
        description: "a position, `earliest` or `latest`; default: latest for server-sent events, else earliest",
      },
      upto: {
        ...position,
        description: "where to end: a position or `latest`; default: never for server-sent events, else latest",
      },
      limit: { type: "string", pattern: "^[1-9]\\d{0,11}$", description: "how many events at most" },
      ticket: { type: "string", description: "in place of a key: POST /v1/tickets" },
    },
  },
  headers: {
    type: "object",
    properties: { "last-event-id": { type: "string", description: "a position: takes precedence over `from`" } },
  },
  response: {
    200: {
      description: "events",
      headers: { "Tidemark-Position": { type: "string", description: "of NDJSON without `limit`: where it ends" } },
      content: {
        "application/x-ndjson": { schema: { type: "string" } },
        "text/event-stream": { schema: { type: "string" } },
      },
    },
    204: { description: "server-sent events that end at `upto`: it is reached" },
    ...problems(400, 401, 403, 404, 406, 410, 421, 429, 503),
  },
} as const;
