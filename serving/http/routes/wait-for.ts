/** Tidemark-Wait-For: waits until the answer covers a position, or what was changed in a source. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { Refusal } from "../../../shared/http/problem.ts";
import { goneSignal } from "../../../shared/http/route.ts";
import { follows, withAdded } from "../../../shared/position.ts";
import { type SourcePositions, sourcePlaceOf } from "../../../shared/source-progress.ts";
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
  /** Where in the log the places of sources are. */
  readonly sources: SourcePositions;
  /** How long a request may be held, ms. */
  readonly waitMsMax: number;
  /** Aborts when the server stops, which ends all waits. */
  readonly signal: AbortSignal;
}

export function waitingFor({ follower, freshness, positions, sources, waitMsMax, signal }: WaitForOptions): WaitFor {
  return async (request, reply) => {
    const text = request.headers["tidemark-wait-for"];
    if (typeof text !== "string" || text.trim() === "") return;
    const until = performance.now() + waitMsMax;
    const ended = AbortSignal.any([goneSignal(reply), signal]);
    const timeout = async () =>
      new Refusal(
        504,
        "WAIT_TIMEOUT",
        `what is served, ${await positions.textOf(follower.position)}, does not cover ${text.trim().slice(0, 500)} after ${waitMsMax} ms`,
      );
    const parts: string[] = [];
    for (const part of text.trim().split(";")) {
      const place = sourcePlaceOf(part);
      if (!place) {
        parts.push(part);
        continue;
      }
      const found = await sources.positionOf(place.name, place.covers, until - performance.now(), ended);
      if (found === null) throw await timeout();
      parts.push(found);
    }
    const origin = withAdded(follower.origin, freshness.end ?? follower.position);
    const position = await positions.read(parts.join(";"), origin);
    if (follows(follower.position, position)) return;
    if (await follower.covers(position, Math.max(0, until - performance.now()), ended)) return;
    throw await timeout();
  };
}
