/** Converts positions between their long and short texts. */
import type { FastifyInstance } from "fastify";
import { route } from "../../../shared/http/route.ts";
import { jsonResponse, problems } from "../../../shared/http/schemas.ts";
import { formatPosition, withAdded } from "../../../shared/position.ts";
import { type PositionTexts, readableMax } from "../../../shared/store/position-texts.ts";
import type { Follower } from "../../snapshot/follower.ts";
import type { Freshness } from "../../snapshot/freshness.ts";
import { positionSchema, positionsSchema } from "./schemas.ts";

interface PositionsOptions {
  readonly follower: Follower;
  readonly freshness: Freshness;
  readonly positions: PositionTexts;
}

export function positionRoutes(app: FastifyInstance, { follower, freshness, positions }: PositionsOptions): void {
  route(app, {
    method: "POST",
    url: "/v1/positions",
    config: { scope: "read" },
    schema: {
      summary: "A position in its two forms: the text that answers have, and the full one",
      description: `Both are the same up to ${readableMax} characters. Beyond that, answers have a short text, which any replica can read for a day.`,
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
