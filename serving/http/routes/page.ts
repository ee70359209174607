/** The dashboard's page, and the description of the API. */
import type { FastifyInstance } from "fastify";
import { route } from "../../../shared/http/route.ts";
import { policy, readAssets } from "../../dashboard/page/assets.ts";
import { isKnown } from "../entity-tag.ts";

export function pageRoutes(app: FastifyInstance): void {
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
