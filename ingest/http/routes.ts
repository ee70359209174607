/** The route that appends events. */
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from "fastify";
import { type StreamDefinition, sourceOf } from "../../shared/definition.ts";
import { problem } from "../../shared/http/problem.ts";
import { askerOf, getAndHead, route, sendProblem, whenGone } from "../../shared/http/route.ts";
import { jsonResponse, problems } from "../../shared/http/schemas.ts";
import { fingerprintOf } from "../requests.ts";
import { rowStream } from "../sent-changes.ts";
import { eventsInBody, eventTypes } from "./bodies.ts";
import { InFlight } from "./in-flight.ts";
import type { AppendMode, Ingest } from "./ingest.ts";

const bytesMax = 16 << 20;

interface StreamOptions {
  /** The streams of the version that is served now. */
  readonly streams: () => readonly StreamDefinition[];
  readonly ingest: Ingest;
}

/** Registers the route in a scope of its own, since its bodies are read as bytes. */
export function streamRoutes(app: FastifyInstance, options: StreamOptions): void {
  const inFlight = new InFlight();
  // as bytes, so that what is appended is exactly what was sent
  app.removeContentTypeParser(["application/json", "text/plain"]);
  app.addContentTypeParser(eventTypes, { parseAs: "buffer", bodyLimit: bytesMax }, (_request, body, done) =>
    done(null, body),
  );
  const post = {
    method: "POST",
    url: "/v1/streams/:stream/events",
    config: { scope: "ingest" },
    bodyLimit: bytesMax,
    onRequest: (_request, _reply, done) => {
      inFlight.admit();
      done();
    },
    preParsing: (_request, reply, payload, done) => {
      const { body, release } = inFlight.body(payload);
      whenGone(reply, release);
      done(null, body);
    },
    schema: eventsSchema,
    handler: (request, reply) => append(options, inFlight, request, reply),
  } satisfies RouteOptions;
  // events are read there, too: serving has a route for that
  route(app, post, getAndHead);
}

const ingestedSchema = {
  type: "object",
  required: ["accepted", "refused", "position"],
  properties: {
    accepted: { type: "integer", minimum: 0, description: "events that are durable in the log" },
    refused: {
      type: "array",
      description:
        "records that are not valid events of the stream, by index in the request; appended only with append=all",
      items: {
        type: "object",
        required: ["index", "reason"],
        properties: { index: { type: "integer", minimum: 0 }, reason: { type: "string" } },
      },
    },
    position: { type: "string", description: "the position after them" },
  },
} as const;

const eventsSchema = {
  summary: "Append events; answers once they are durable",
  description:
    "A JSON event or an array of them, NDJSON, CloudEvents (structured, batch, or binary by ce- headers), or an Arrow IPC stream",
  consumes: eventTypes,
  params: { type: "object", required: ["stream"], properties: { stream: { type: "string" } } },
  querystring: {
    type: "object",
    additionalProperties: false,
    properties: {
      append: {
        type: "string",
        enum: ["events", "all", "none"],
        default: "events",
        description:
          "all: invalid events are appended, too, and become dead letters; none: nothing is appended, and the answer says what would be",
      },
    },
  },
  headers: {
    type: "object",
    properties: {
      "idempotency-key": {
        type: "string",
        description:
          "the same request sent again with this key within a day has no further effect; a different body with it is refused (422). At most 200 characters, no spaces, quoted or bare",
      },
      "content-digest": {
        type: "string",
        description: "RFC 9530, sha-256 or sha-512: a body that was changed in transit is refused (400)",
      },
    },
  },
  response: {
    200: jsonResponse("what was appended, and why some events were not", ingestedSchema),
    422: {
      description: "none of the events is valid, or the key was used for a different body",
      content: {
        "application/json": { schema: ingestedSchema },
        "application/problem+json": { schema: { $ref: "Problem#" } },
      },
    },
    ...problems(400, 401, 403, 404, 409, 413, 415, 421, 429, 503),
  },
};

async function append(
  { streams, ingest }: StreamOptions,
  inFlight: InFlight,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { stream: name } = request.params as { stream: string };
  const { append: mode } = request.query as { append: AppendMode };
  const stream = streams().find((each) => each.name === name);
  if (!stream) return sendProblem(reply, problem(404, "NOT_FOUND", `there is no stream "${name}"`));
  const from = stream.changelog?.from;
  if (from) {
    const what = `the rows of "${name}" come from ${sourceOf(from)}: change them there`;
    return sendProblem(reply, problem(409, "STREAM_FED", what));
  }
  const type = (request.headers["content-type"] ?? "").split(";")[0]!.trim().toLowerCase();
  const { body } = request;
  if (!Buffer.isBuffer(body) || !eventTypes.includes(type))
    return sendProblem(reply, problem(415, "MEDIA_TYPE", `send one of: ${eventTypes.join(", ")}`));
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(request.headers["content-type"] ?? "")?.[1];
  if (charset !== undefined && charset.toLowerCase() !== "utf-8")
    return sendProblem(reply, problem(415, "MEDIA_TYPE", "events must be UTF-8"));
  const key = idempotencyKey(request.headers["idempotency-key"]);
  if (key === undefined)
    return sendProblem(
      reply,
      problem(400, "USAGE", "Idempotency-Key: it must have at most 200 characters and no spaces"),
    );
  const keyed = key === null ? null : { id: idOf(request, key), fingerprint: fingerprintOf(...saidBy(request), body) };
  const read = () => eventsInBody(type, body, request.headers, rowStream(stream));
  const asker = askerOf(request, reply);
  const found = await inFlight.during(asker, body.length, () => ingest.take(stream, read, keyed, asker, mode));
  if (found.position !== "") reply.header("Tidemark-Position", found.position);
  const nothing = mode === "events" && found.accepted === 0 && found.refused.length > 0;
  return reply.code(nothing ? 422 : 200).send(found);
}

/**
 * A key in quotes, as the IETF draft has it, or bare: both mean the same. Null: there is no key;
 * undefined: the header's value is not a valid key.
 */
function idempotencyKey(written: string | string[] | undefined): string | null | undefined {
  if (written === undefined || written === "") return null;
  if (typeof written !== "string") return undefined;
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(written.trim());
  const key = quoted ? quoted[1]!.replace(/\\(.)/g, "$1") : written;
  return /^[\x21-\x7e]{1,200}$/.test(key) ? key : undefined;
}

/** Scopes a key to its client: two clients may use the same key. */
function idOf(request: FastifyRequest, key: string): string {
  return ["http", ...(request.key ? [request.key.id] : []), key].join(":");
}

/** What a request says besides its body: its type, and the headers of a binary CloudEvent. */
function saidBy({ headers }: FastifyRequest): string[] {
  const envelope = Object.entries(headers).filter(([name]) => name.startsWith("ce-"));
  return [headers["content-type"] ?? "", JSON.stringify(envelope.sort(([a], [b]) => (a < b ? -1 : 1)))];
}
