/** Events in. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { askerOf, type HttpOptions, refuse, route, whenGone } from "../../serving/http/routes/route.ts";
import { ingestedSchema, jsonResponse, problems } from "../../serving/http/routes/schemas.ts";
import { problem } from "../../shared/http/problem.ts";
import { fingerprintOf } from "../requests.ts";
import { eventsOf, eventTypes } from "./bodies.ts";
import { UnderWay } from "./in-flight.ts";
import type { Taking } from "./ingest.ts";

const bytesMax = 16 << 20;

export function streamRoutes(app: FastifyInstance, options: HttpOptions): void {
  const underWay = new UnderWay();
  // as bytes: what is appended is what was sent, digit by digit
  app.removeContentTypeParser(["application/json", "text/plain"]);
  app.addContentTypeParser(eventTypes, { parseAs: "buffer", bodyLimit: bytesMax }, (_request, body, done) =>
    done(null, body),
  );
  route(app, {
    method: "POST",
    url: "/v1/streams/:stream/events",
    config: { scope: "ingest" },
    bodyLimit: bytesMax,
    onRequest: (_request, _reply, done) => {
      underWay.admit();
      done();
    },
    preParsing: (_request, reply, payload, done) => {
      const { body, letGo } = underWay.body(payload);
      whenGone(reply, letGo);
      done(null, body);
    },
    schema: {
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
              "all: what is no event is appended, too, as a dead letter; none: nothing is, and the answer says what would be",
          },
        },
      },
      headers: {
        type: "object",
        properties: {
          "idempotency-key": {
            type: "string",
            description:
              "the same request sent again under it, within a day, has one effect; another body under it is refused (422). At most 200 characters, no spaces, quoted or bare",
          },
          "content-digest": {
            type: "string",
            description: "RFC 9530, sha-256 or sha-512: a body that changed on its way is refused (400)",
          },
        },
      },
      response: {
        200: jsonResponse("what was appended, and why single events were not", ingestedSchema),
        422: {
          description: "none of the events can be taken, or the key is another body's",
          content: {
            "application/json": { schema: ingestedSchema },
            "application/problem+json": { schema: { $ref: "Problem#" } },
          },
        },
        ...problems(400, 401, 403, 404, 413, 415, 421, 429, 503),
      },
    },
    handler: async (request, reply) => {
      const { stream: name } = request.params as { stream: string };
      const { append } = request.query as { append: Taking };
      const stream = options.follower.streams.find((each) => each.name === name);
      if (!stream) return refuse(reply, problem(404, "NOT_FOUND", `there is no stream "${name}"`));
      const type = (request.headers["content-type"] ?? "").split(";")[0]!.trim().toLowerCase();
      const { body } = request;
      if (!Buffer.isBuffer(body) || !eventTypes.includes(type))
        return refuse(reply, problem(415, "MEDIA_TYPE", `send one of: ${eventTypes.join(", ")}`));
      const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(request.headers["content-type"] ?? "")?.[1];
      if (charset !== undefined && charset.toLowerCase() !== "utf-8")
        return refuse(reply, problem(415, "MEDIA_TYPE", "events come as UTF-8"));
      const key = idempotencyKey(request.headers["idempotency-key"]);
      if (key === undefined)
        return refuse(reply, problem(400, "USAGE", "Idempotency-Key: at most 200 characters, none of them a space"));
      const keyed =
        key === null ? null : { id: idOf(request, key), fingerprint: fingerprintOf(...saidBy(request), body) };
      const read = () => eventsOf(type, body, request.headers, stream);
      const asker = askerOf(request, reply);
      const found = await underWay.during(asker, body.length, () =>
        options.ingest.take(stream, read, keyed, asker, append),
      );
      if (found.position !== "") reply.header("Tidemark-Position", found.position);
      const nothing = append === "events" && found.accepted === 0 && found.refused.length > 0;
      return reply.code(nothing ? 422 : 200).send(found);
    },
  });
}

/** A key as the draft of the IETF has it, a string in quotes, or bare: both are one. Null: there is none; undefined: it is no key. */
function idempotencyKey(written: string | string[] | undefined): string | null | undefined {
  if (written === undefined || written === "") return null;
  if (typeof written !== "string") return undefined;
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(written.trim());
  const key = quoted ? quoted[1]!.replace(/\\(.)/g, "$1") : written;
  return /^[\x21-\x7e]{1,200}$/.test(key) ? key : undefined;
}

/** One client's keys are not another's. */
function idOf(request: FastifyRequest, key: string): string {
  return ["http", ...(request.key ? [request.key.id] : []), key].join(":");
}

/** All that a request says beside its body: its type, and what makes a CloudEvent of it. */
function saidBy({ headers }: FastifyRequest): string[] {
  const envelope = Object.entries(headers).filter(([name]) => name.startsWith("ce-"));
  return [headers["content-type"] ?? "", JSON.stringify(envelope.sort(([a], [b]) => (a < b ? -1 : 1)))];
}
