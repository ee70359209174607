/** What the routes of answers share: their parameters and their headers. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Meta } from "../../client/meta.ts";

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
