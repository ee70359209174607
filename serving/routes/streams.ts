/** Events in. */
import type { FastifyInstance } from "fastify";
import { eventsOf, eventTypes } from "../ingest/bodies.ts";
import { UnderWay } from "../ingest/under-way.ts";
import { problem } from "../problem.ts";
import { goneSignal, type HttpOptions, refuse, route, whenGone } from "./route.ts";
import { ingestedSchema, jsonResponse, problems } from "./schemas.ts";

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
      headers: {
        type: "object",
        properties: {
          "idempotency-key": {
            type: "string",
            description: "the same request sent again under it has one effect; at most 200 characters, no spaces",
          },
        },
      },
      response: {
        200: jsonResponse("what was appended, and why single events were not", ingestedSchema),
        422: {
          description: "none of the events can be taken",
          content: { "application/json": { schema: ingestedSchema } },
        },
        ...problems(400, 401, 403, 404, 413, 415, 421, 429, 503),
      },
    },
    handler: async (request, reply) => {
      const { stream: name } = request.params as { stream: string };
      const stream = options.follower.streams.find((each) => each.name === name);
      if (!stream) return refuse(reply, problem(404, "NOT_FOUND", `there is no stream "${name}"`));
      const type = (request.headers["content-type"] ?? "").split(";")[0]!.trim().toLowerCase();
      const { body } = request;
      if (!Buffer.isBuffer(body) || !eventTypes.includes(type))
        return refuse(reply, problem(415, "MEDIA_TYPE", `send one of: ${eventTypes.join(", ")}`));
      const key = request.headers["idempotency-key"];
      if (key !== undefined && !(typeof key === "string" && /^[\x21-\x7e]{1,200}$/.test(key)))
        return refuse(reply, problem(400, "USAGE", "Idempotency-Key: at most 200 characters, none of them a space"));
      // one client's keys are not another's
      const id = key ? ["http", ...(request.keyId ? [request.keyId] : []), key].join(":") : null;
      const read = () => eventsOf(type, body, request.headers);
      const found = await underWay.during(body.length, () => options.ingest.take(stream, read, id, goneSignal(reply)));
      if (found.position !== "") reply.header("Tidemark-Position", found.position);
      return reply.code(found.accepted === 0 && found.refused.length > 0 ? 422 : 200).send(found);
    },
  });
}
