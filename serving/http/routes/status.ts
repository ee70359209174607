/** The status, as JSON and for Prometheus. */
import type { FastifyInstance } from "fastify";
import { route } from "../../../shared/http/route.ts";
import { jsonResponse, problems } from "../../../shared/http/schemas.ts";
import type { Incident } from "../../../shared/store/incidents.ts";
import type { KeptVersions } from "../../snapshot/kept-versions.ts";
import type { Metrics } from "../metrics.ts";
import { type StatusSources, statusOf } from "../status.ts";

interface StatusOptions extends StatusSources {
  readonly metrics: Metrics;
  readonly versions: KeptVersions;
  /** The open incidents of all roles. */
  readonly incidents: () => Promise<readonly Incident[]>;
}

export function statusRoutes(app: FastifyInstance, { metrics, versions, incidents, ...sources }: StatusOptions): void {
  route(app, {
    method: "GET",
    url: "/v1/status",
    config: { scope: "read" },
    schema: {
      summary: "What is served, how far the log is ahead of it, and what is wrong",
      response: { 200: jsonResponse("the status", { type: "object" }), ...problems(401, 403, 421, 429) },
    },
    handler: async (_request, reply) => reply.send(statusOf(sources, await incidents(), await versions.list())),
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
      return reply.send(await metrics.text(statusOf(sources, await incidents())));
    },
  });
}
