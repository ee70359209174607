/** Status, probes, metrics, the page and the description of all this. */
import type { FastifyInstance } from "fastify";
import { formatPosition } from "../../shared/position.ts";
import { isKnown } from "../entity-tag.ts";
import type { Metrics } from "../metrics.ts";
import { policy, readAssets } from "../page/assets.ts";
import { problem } from "../problem.ts";
import { statusOf } from "../status.ts";
import { type HttpOptions, refuse, route } from "./route.ts";
import { jsonResponse, problems } from "./schemas.ts";

const state = { type: "object", required: ["status"], properties: { status: { type: "string" } } } as const;

export function operationRoutes(app: FastifyInstance, options: HttpOptions, metrics: Metrics): void {
  const { follower } = options;
  route(app, {
    method: "GET",
    url: "/v1/status",
    config: { scope: "read" },
    schema: {
      summary: "What is served, how far the log is ahead of it, and what is wrong",
      response: { 200: jsonResponse("the status", { type: "object" }), ...problems(401, 403, 421, 429) },
    },
    handler: async (_request, reply) =>
      reply.send(statusOf(options, await options.incidents(), await options.versions.list())),
  });
  route(app, {
    method: "GET",
    url: "/metrics",
    config: { scope: "read" },
    schema: {
      summary: "For Prometheus",
      response: {
        200: { description: "metrics", content: { "text/plain": { schema: { type: "string" } } } },
        ...problems(401, 403, 421, 429),
      },
    },
    handler: async (_request, reply) => {
      reply.header("Content-Type", metrics.contentType);
      return reply.send(await metrics.text(statusOf(options, await options.incidents())));
    },
  });
  route(app, {
    method: "GET",
    url: "/healthz",
    schema: { summary: "The process lives", response: { 200: jsonResponse("it does", state) } },
    handler: async (_request, reply) => reply.send({ status: "ok" }),
  });
  route(app, {
    method: "GET",
    url: "/readyz",
    schema: { summary: "Answers are good", response: { 200: jsonResponse("they are", state), ...problems(503) } },
    handler: async (_request, reply) => {
      const why = follower.complaint;
      if (options.signal.aborted) return refuse(reply, problem(503, "SERVE_NOTHING", "the server is stopping"));
      if (why) return refuse(reply, problem(503, "SERVE_NOTHING", why));
      return reply.send({ status: "ready", position: formatPosition(follower.position) });
    },
  });
  for (const [url, { type, body, tag }] of readAssets()) {
    route(app, {
      method: "GET",
      url,
      schema: { hide: true },
      handler: async (request, reply) => {
        reply.header("ETag", tag).header("Content-Security-Policy", policy);
        if (isKnown(tag, request.headers["if-none-match"])) return reply.code(304).send();
        return reply.type(type).send(body);
      },
    });
  }
  route(app, {
    method: "GET",
    url: "/openapi.json",
    schema: { hide: true },
    handler: async (_request, reply) => reply.type("application/json").send(JSON.stringify(app.swagger())),
  });
}
