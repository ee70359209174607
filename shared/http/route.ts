/** What the routes of all rooms share: how they are declared, who asks, who is gone, and how failures leave. */
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods, RouteOptions } from "fastify";
import type { Asker } from "../waiting.ts";
import "./caller.ts";
import { type Problem, problem } from "./problem.ts";

/** Registers some routes in a scope of a server's. */
export type Routes = (scope: FastifyInstance) => void;

const all: readonly HTTPMethods[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"];

/** The methods of a route for GET. */
export const getAndHead: readonly HTTPMethods[] = ["GET", "HEAD"];

/**
 * A route; any other method at its address is answered 405 with those that there are.
 * @param beside methods that have a route of their own at this address
 */
export function route(
  app: FastifyInstance,
  options: RouteOptions & { readonly method: HTTPMethods },
  beside: readonly HTTPMethods[] = [],
): void {
  app.route(options);
  const own: HTTPMethods[] = [...(options.method === "GET" ? getAndHead : [options.method]), ...beside];
  app.route({
    // OPTIONS, too: a preflight is for servers that allow other origins
    method: all.filter((method) => !own.includes(method)),
    url: options.url,
    schema: { hide: true },
    handler: async (request, reply) => {
      reply.header("Allow", own.join(", "));
      return sendProblem(
        reply,
        problem(405, "METHOD_NOT_ALLOWED", `${request.method} is not available here; use ${own[0]}`),
      );
    },
  });
}

export function sendProblem(reply: FastifyReply, found: Problem): FastifyReply {
  if (found.status === 429 || found.status === 503) reply.header("Retry-After", 1);
  return reply.code(found.status).type("application/problem+json").send(JSON.stringify(found));
}

/** Calls `then` when the response is over, or its client has left. */
export function whenGone(reply: FastifyReply, then: () => void): void {
  if (reply.raw.destroyed) then();
  else reply.raw.once("close", then);
}

/** Aborts when the response is over, or its client has left. */
export function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  whenGone(reply, () => gone.abort());
  return gone.signal;
}

/** The client that asks. Its signal is made on first use. */
export function askerOf(request: FastifyRequest, reply: FastifyReply): Asker {
  let gone: AbortSignal | null = null;
  return {
    client: request.client,
    line: request.raw.socket,
    get gone() {
      gone ??= goneSignal(reply);
      return gone;
    },
  };
}
