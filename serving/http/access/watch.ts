/** Checks the keys of requests again until they are answered: a revoked key must not keep reading. */
import type { Socket } from "node:net";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { ApiKey, Scope } from "../../../shared/http/caller.ts";
import { problem } from "../../../shared/http/problem.ts";
import { sendProblem, whenGone } from "../../../shared/http/route.ts";
import { destroySocket } from "../connection-closers.ts";
import type { KeyFile } from "./key-file.ts";
import { allows, isExpired } from "./keys.ts";

/** Together with `freshMs` of the key file, well under a second. */
const everyMs = 250;

interface OpenAnswer {
  /** Null: no key was needed when the request arrived. */
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

  /** Watches a request until it is answered, or until `release`. */
  hold(held: OpenAnswer): void {
    this.#held.add(held);
    whenGone(held.reply, () => this.#held.delete(held));
  }

  /** Stops watching a request whose events are being appended, since its client has to learn the outcome. */
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

/** An answer that has begun is broken off by a reset, so that its client can't take it for complete. */
function end({ request, reply }: OpenAnswer): void {
  if (reply.raw.headersSent || reply.sent) destroySocket(request.raw.socket as Socket);
  else void sendProblem(reply, problem(401, "UNAUTHENTICATED", "the key is no longer valid"));
}
