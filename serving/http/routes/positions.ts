/** Positions as texts: the long form of a short one, and the other way round. */
import type { FastifyInstance } from "fastify";
import { formatPosition, withAdded } from "../../../shared/position.ts";
import { readableMax } from "../../../shared/store/position-texts.ts";
import { type HttpOptions, route } from "./route.ts";
import { jsonResponse, positionSchema, positionsSchema, problems } from "./schemas.ts";

export function positionRoutes(app: FastifyInstance, { follower, freshness, positions }: HttpOptions): void {
  route(app, {
    method: "POST",
    url: "/v1/positions",
    config: { scope: "read" },
    schema: {
      summary: "A position in its two forms: the text that answers give it, and all of it",
      description: `Both are the same up to ${readableMax} characters. Beyond that, answers tell a short text, which any replica can read for a day.`,
      body: positionSchema,
      response: { 200: jsonResponse("its two forms", positionsSchema), ...problems(400, 401, 403, 410, 413, 421, 429) },
    },
    handler: async (request, reply) => {
      const { position } = request.body as { position: string };
      const found = await positions.read(position, withAdded(follower.origin, freshness.end ?? follower.position));
      return reply.send({ position: await positions.textOf(found), long: formatPosition(found) });
    },
  });
}
