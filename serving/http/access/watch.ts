/** Whoever is still being answered has to be allowed to: keys are looked at again until the answer is over. */
import type { Socket } from "node:net";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { ApiKey, Scope } from "../../../shared/http/caller.ts";
import { problem } from "../../../shared/http/problem.ts";
import { sendProblem, whenGone } from "../../../shared/http/route.ts";
import { destroySocket } from "../connection-closers.ts";
import type { KeyFile } from "./key-file.ts";
import { allows, isExpired } from "./keys.ts";

/** Together with how long a file's keys count, well under a second. */
const everyMs = 250;

interface OpenAnswer {
  /** Null: it came without one, when none was needed. */
  readonly key: ApiKey | null;
  readonly scope: Scope;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

export class Watch {
  readonly #keys: KeyFile;
  readonly #now: () => number;
  readonly #held = new Set<OpenAnswer>();
  readonly #timer: NodeJS.Timeout;

  constructor(keys: KeyFile, now: () => number) {
    this.#keys = keys;
    this.#now = now;
    this.#timer = setInterval(() => this.#held.size > 0 && void this.#check(), everyMs);
    this.#timer.unref();
  }

  /** From here on until the answer is over, or `release`. */
  hold(held: OpenAnswer): void {
    this.#held.add(held);
    whenGone(held.reply, () => this.#held.delete(held));
  }

  /** What it asked for is being done, and its end must be told: events that are appended. */
  release(request: FastifyRequest): void {
    for (const held of this.#held) if (held.request === request) this.#held.delete(held);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #check(): Promise<void> {
    const keys = await this.#keys.keys();
    for (const held of [...this.#held]) {
      if (isAllowed(keys, held, this.#now())) continue;
      this.#held.delete(held);
      end(held);
    }
  }
}

function isAllowed(keys: readonly ApiKey[] | null, { key, scope }: OpenAnswer, now: number): boolean {
  if (keys === null) return true;
  const own = key && keys.find(({ id, sha256 }) => id === key.id && sha256 === key.sha256);
  return own ? !isExpired(own, now) && allows(own, scope) : false;
}

/** An answer that has begun is broken off, so that nobody takes it for whole. */
function end({ request, reply }: OpenAnswer): void {
  if (reply.raw.headersSent || reply.sent) destroySocket(request.raw.socket as Socket);
  else void sendProblem(reply, problem(401, "UNAUTHENTICATED", "the key counts no more"));
}
