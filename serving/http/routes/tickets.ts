/** Tickets for clients that can't send a key. */
import type { FastifyInstance } from "fastify";
import { route } from "../../../shared/http/route.ts";
import { jsonResponse, problems } from "../../../shared/http/schemas.ts";
import { type Tickets, ticketMs } from "../access/tickets.ts";

export function ticketRoutes(app: FastifyInstance, tickets: Tickets): void {
  route(app, {
    method: "POST",
    url: "/v1/tickets",
    config: { scope: "read" },
    schema: {
      summary: "A ticket for EventSource, which can't send a key",
      description:
        `It goes into the URL, as \`?ticket=…\`, in place of a key: for this path only, once, within ${ticketMs / 1000} s, at the server that issued it. ` +
        "What it opens ends when that key becomes invalid. Null where no keys are needed.",
      body: {
        type: "object",
        required: ["path"],
        properties: {
          path: {
            type: "string",
            pattern: "^/v1/(views/[^/?#]{1,500}/changes|streams/[^/?#]{1,500}/events)$",
            description: "what it is for, without a query",
          },
        },
        additionalProperties: false,
      },
      response: {
        200: jsonResponse("the ticket", {
          type: "object",
          required: ["ticket", "expires"],
          properties: {
            ticket: { type: ["string", "null"] },
            expires: { type: ["string", "null"], format: "date-time" },
          },
        }),
        ...problems(400, 401, 403, 415, 421, 429, 503),
      },
    },
    handler: async (request, reply) => {
      const { path } = request.body as { path: string };
      const given = request.key && tickets.give(request.key, path);
      const expires = given && new Date(given.expires).toISOString();
      reply.header("Cache-Control", "no-store");
      return reply.type("application/json").send(JSON.stringify({ ticket: given?.ticket ?? null, expires }));
    },
  });
}
