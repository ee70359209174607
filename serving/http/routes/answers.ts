/** Parameters and headers that the routes of answers share. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Meta } from "../../client/meta.ts";

export function stamped(reply: FastifyReply, meta: Meta): FastifyReply {
  reply.header("Tidemark-Position", meta.position);
  reply.header("Tidemark-Version", meta.version);
  if (meta.lagMs !== null) reply.header("Tidemark-Lag-Ms", meta.lagMs);
  return reply;
}

/** Adds a header that the answer depends on, to those that are named already: CORS adds Origin. */
export function varyBy(reply: FastifyReply, name: string): void {
  const before = String(reply.getHeader("Vary") ?? "");
  reply.header("Vary", before === "" ? name : `${before}, ${name}`);
}

/** Every parameter, in order, with repetitions. */
export function pairsOf(request: FastifyRequest): Iterable<readonly [string, string]> {
  const at = request.url.indexOf("?");
  return at < 0 ? [] : new URLSearchParams(request.url.slice(at + 1));
}
