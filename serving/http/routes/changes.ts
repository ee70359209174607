/** Changed rows as server-sent events. */
import type { FastifyInstance } from "fastify";
import { TidemarkError } from "../../../shared/errors.ts";
import { askerOf, route } from "../../../shared/http/route.ts";
import { problems } from "../../../shared/http/schemas.ts";
import { type Position, withAdded } from "../../../shared/position.ts";
import type { PositionTexts } from "../../../shared/store/position-texts.ts";
import { type Feeds, type Listener, viewIdentity } from "../../live/feed.ts";
import type { Outboxes } from "../../live/outbox.ts";
import { hasKnownRows } from "../../question/group-keys.ts";
import { parseQuestion } from "../../question/parse-question.ts";
import type { Follower } from "../../snapshot/follower.ts";
import { isTicket } from "../access/tickets.ts";
import { pairsOf } from "./answers.ts";
import { viewParam } from "./views.ts";

const listenersMax = 500;
const heartbeatMs = 15_000;
const heartbeatBytes = Buffer.from(": beat\n\n");
const retryMs = 1000;

interface ChangesOptions {
  readonly follower: Follower;
  readonly feeds: Feeds;
  readonly positions: PositionTexts;
  readonly outboxes: Outboxes;
  /** Aborts when the server stops. */
  readonly signal: AbortSignal;
}

export function changeRoutes(app: FastifyInstance, options: ChangesOptions): void {
  const { follower, feeds, outboxes, signal } = options;
  route(app, {
    method: "GET",
    url: "/v1/views/:view/changes",
    config: { scope: "read", tickets: true },
    schema: {
      summary: "Changed rows of a view, as they are committed (server-sent events)",
      description:
        "`rows`: {position, version, rows, removed}, the rows of groups that changed, and the keys of groups that no longer have a row; `failed`, if there are any: the keys of groups that the view's SQL has no value for. " +
        "`reset`: {position}, read the view again, at that position or later. An event's id is its position; send the last one as Last-Event-ID to continue from there.",
      params: viewParam,
      querystring: {
        type: "object",
        // without any, swagger takes the schema's keywords for parameters
        properties: { ticket: { type: "string", description: "in place of a key: POST /v1/tickets" } },
        additionalProperties: { type: "string", description: "a filter on a column: carrier=eq.AA" },
      },
      headers: { type: "object", properties: { "last-event-id": { type: "string", description: "a position" } } },
      response: {
        200: { description: "events", content: { "text/event-stream": { schema: { type: "string" } } } },
        ...problems(400, 401, 403, 404, 421, 429, 503),
      },
    },
    validatorCompiler: () => () => true,
    handler: async (request, reply) => {
      const { view } = request.params as { view: string };
      const definition = follower.manifest.definition.views.find((each) => each.name === view);
      if (!definition)
        throw new TidemarkError(
          "VIEW_UNKNOWN",
          `there is no view "${view}"`,
          `there are: ${follower.manifest.definition.views.map((each) => each.name).join(", ") || "none"}`,
        );
      if (!hasKnownRows(definition))
        throw new TidemarkError(
          "USAGE",
          `rows of view "${view}" can't be identified: it does not show all its group keys`,
          "show them, or poll its rows",
        );
      const { filters, by, layer, select, order, limit, offset } = parseQuestion(
        definition,
        [...pairsOf(request)].filter(([key, value]) => key !== "ticket" || !isTicket(value)),
      );
      if (by || layer || select || order.length > 0 || limit !== null || offset > 0)
        throw new TidemarkError(
          "USAGE",
          "changes are whole rows in the view's own groups",
          "leave out by, layer, select, order, limit and offset",
        );
      if (feeds.listeners >= listenersMax)
        throw new TidemarkError("SERVE_BUSY", `${listenersMax} listeners are connected already`, "try again later");
      const since = await positionIn(options, request.headers["last-event-id"]);
      const outbox = outboxes.open(
        () => reply.raw.writableLength,
        () => reply.raw.destroy(),
      );
      outbox.send(Buffer.from(`retry: ${retryMs}\n\n`));
      const listener: Listener = { send: ({ bytes }) => outbox.send(bytes), end: () => outbox.end() };
      const asker = askerOf(request, reply);
      const { gone } = asker;
      const key = JSON.stringify([view, viewIdentity(follower.manifest, view), filters]);
      const leave = await feeds.listen({ view, filters, key }, since, listener, asker).catch((error: unknown) => {
        outbox.destroy();
        throw error;
      });
      const heartbeat = setInterval(() => outbox.heartbeat(heartbeatBytes), heartbeatMs);
      outbox.once("close", () => {
        clearInterval(heartbeat);
        leave();
      });
      if (gone.aborted) outbox.destroy();
      else gone.addEventListener("abort", () => outbox.destroy(), { once: true });
      if (signal.aborted) outbox.end();
      reply.header("Cache-Control", "no-store");
      return reply.type("text/event-stream; charset=utf-8").send(outbox);
    },
  });
}

/** Null where the header is not a valid position: the listener then gets a reset. */
async function positionIn(
  { positions, follower }: ChangesOptions,
  header: string | string[] | undefined,
): Promise<Position | null> {
  if (typeof header !== "string" || header.trim() === "") return null;
  try {
    return await positions.read(header.trim(), withAdded(follower.origin, follower.position));
  } catch {
    return null;
  }
}
