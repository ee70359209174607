/** Tidemark-Wait-For: waits until the answer covers a position. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { Refusal } from "../../../shared/http/problem.ts";
import { goneSignal } from "../../../shared/http/route.ts";
import { follows, withAdded } from "../../../shared/position.ts";
import type { PositionTexts } from "../../../shared/store/position-texts.ts";
import type { Follower } from "../../snapshot/follower.ts";
import type { Freshness } from "../../snapshot/freshness.ts";

/**
 * Holds the request until what is served covers the position that it names.
 * @throws WAIT_TIMEOUT; errors of reading the position
 */
export type WaitFor = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

interface WaitForOptions {
  readonly follower: Follower;
  readonly freshness: Freshness;
  readonly positions: PositionTexts;
  /** How long a request may be held, ms. */
  readonly waitMsMax: number;
  /** Aborts when the server stops, which ends all waits. */
  readonly signal: AbortSignal;
}

export function waitingFor({ follower, freshness, positions, waitMsMax, signal }: WaitForOptions): WaitFor {
  return async (request, reply) => {
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
  };
}
