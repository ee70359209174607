/** What all routes share: their options, who is gone, what is waited for, and how failures leave. */
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods, RouteOptions } from "fastify";
import type { Ingest } from "../../../ingest/http/ingest.ts";
import { type Problem, problem, Refusal } from "../../../shared/http/problem.ts";
import type { Log } from "../../../shared/log/log.ts";
import { follows, withAdded } from "../../../shared/position.ts";
import type { Incident } from "../../../shared/store/incidents.ts";
import type { Asker } from "../../../shared/waiting.ts";
import type { Answering } from "../../answer.ts";
import type { Meta } from "../../client/meta.ts";
import type { Feeds } from "../../live/feed.ts";
import type { KeptVersions } from "../../snapshot/kept-versions.ts";
import type { Queries } from "../../sql/queries.ts";
import type { Access } from "../access/guard.ts";

export interface HttpOptions extends Answering {
  readonly log: Log;
  /** How long Tidemark-Wait-For may hold a query, ms. */
  readonly waitMsMax: number;
  /** Aborts when the server stops: nothing is waited for any more. */
  readonly signal: AbortSignal;
  readonly ingest: Ingest;
  readonly queries: Queries;
  readonly feeds: Feeds;
  readonly versions: KeptVersions;
  readonly access: Access;
  readonly limits: HttpLimits;
  /** What the roles say is wrong now. */
  readonly incidents: () => Promise<readonly Incident[]>;
  /** Hears of each answer: for the log. Nothing in it is a secret or a person's. */
  readonly answered?: (facts: AnswerFacts) => void;
  /** What went wrong unexpectedly; the client hears only that something did. */
  readonly say: (line: string) => void;
}

export interface AnswerFacts {
  readonly method: string;
  /** The route, as it is declared: without names, filters and keys. */
  readonly route: string;
  readonly status: number;
  readonly ms: number;
  /** A key's id, or an address. */
  readonly client: string;
  /** W3C trace context, as the request brought it. */
  readonly traceparent?: string;
}

export interface HttpLimits {
  /** Of one client, a second; null: any number. */
  readonly requestsPerSecond: number | null;
  /** Origins whose pages may ask; none: only our own. */
  readonly cors: readonly string[];
}

const all: readonly HTTPMethods[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"];

/** A route; any other method at its address is told which there are. */
export function route(app: FastifyInstance, options: RouteOptions & { readonly method: HTTPMethods }): void {
  app.route(options);
  const own: HTTPMethods[] = options.method === "GET" ? ["GET", "HEAD"] : [options.method];
  app.route({
    // a preflight is for whoever allows other origins
    method: all.filter((method) => !own.includes(method)),
    url: options.url,
    schema: { hide: true },
    handler: async (request, reply) => {
      reply.header("Allow", own.join(", "));
      return refuse(
        reply,
        problem(405, "METHOD_NOT_ALLOWED", `${request.method} is not available here; use ${own[0]}`),
      );
    },
  });
}

export function refuse(reply: FastifyReply, found: Problem): FastifyReply {
  if (found.status === 429 || found.status === 503) reply.header("Retry-After", 1);
  return reply.code(found.status).type("application/problem+json").send(JSON.stringify(found));
}

export function stamped(reply: FastifyReply, meta: Meta): FastifyReply {
  reply.header("Tidemark-Position", meta.position);
  reply.header("Tidemark-Version", meta.version);
  if (meta.lagMs !== null) reply.header("Tidemark-Lag-Ms", meta.lagMs);
  return reply;
}

/** What an answer depends on, beside what it does already: CORS has said Origin. */
export function varyBy(reply: FastifyReply, name: string): void {
  const before = String(reply.getHeader("Vary") ?? "");
  reply.header("Vary", before === "" ? name : `${before}, ${name}`);
}

/** Every parameter, in order and as often as it stands there. */
export function pairsOf(request: FastifyRequest): Iterable<readonly [string, string]> {
  const at = request.url.indexOf("?");
  return at < 0 ? [] : new URLSearchParams(request.url.slice(at + 1));
}

/** Hears when the response is over, or its client has left. */
export function whenGone(reply: FastifyReply, hear: () => void): void {
  if (reply.raw.destroyed) hear();
  else reply.raw.once("close", hear);
}

/** Aborts when the response is over, or its client has left. */
function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  whenGone(reply, () => gone.abort());
  return gone.signal;
}

/** Who asks. Whether it has gone is looked for once that is asked. */
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

/** Holds the request until what is served covers the position that it names. */
export async function waitFor(
  { follower, freshness, positions, waitMsMax, signal }: HttpOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const text = request.headers["tidemark-wait-for"];
  if (typeof text !== "string" || text.trim() === "") return;
  const origin = withAdded(follower.origin, freshness.end ?? follower.position);
  const position = await positions.read(text.trim(), origin);
  if (follows(follower.position, position)) return;
  if (await follower.covers(position, waitMsMax, AbortSignal.any([goneSignal(reply), signal]))) return;
  throw new Refusal(
    504,
    "WAIT_TIMEOUT",
    `what is served, ${await positions.textOf(follower.position)}, does not cover ${text.trim().slice(0, 500)} after ${waitMsMax} ms`,
  );
}
