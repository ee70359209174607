/**
 * Decides who may do what: a key's scopes, where there are keys; without keys, only programs on this
 * machine have access.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { TidemarkError } from "../../../shared/errors.ts";
import type { ApiKey, Scope } from "../../../shared/http/caller.ts";
import { Refusal } from "../../../shared/http/problem.ts";
import type { KeyFile } from "./key-file.ts";
import { allows, isExpired, judge } from "./keys.ts";
import { type Tickets, ticketIn } from "./tickets.ts";
import { Watch } from "./watch.ts";

export interface Access {
  readonly keys: KeyFile;
  /** The host names that this server answers to without keys; null: any. */
  readonly hosts: readonly string[] | null;
  readonly now: () => number;
}

/**
 * Refuses requests that are not allowed, before their bodies are read; and breaks off answers whose
 * key is revoked or expires meanwhile.
 */
export function guard(app: FastifyInstance, { keys, hosts, now }: Access, tickets: Tickets): void {
  const watch = new Watch(keys, now);
  app.addHook("onClose", async () => watch.close());
  app.decorateRequest("client", "");
  app.decorateRequest("key", null);
  app.addHook("onRequest", async (request, reply) => {
    request.client = request.ip;
    const { scope } = request.routeOptions.config;
    if (!scope) return;
    const known = await keys.keys();
    if (known === null) checkHost(request, hosts);
    else {
      const key = authenticate(request, reply, known, tickets, now());
      request.client = key.id;
      request.key = key;
      needScope(request, scope);
    }
    watch.hold({ key: request.key, scope, request, reply });
  });
  // once its events are read, an ingest request must get its answer: the client has to learn what was appended
  app.addHook("preHandler", async (request) => {
    if (request.routeOptions.config.scope === "ingest") watch.release(request);
  });
}

/** @throws UNAUTHENTICATED */
function authenticate(
  request: FastifyRequest,
  reply: FastifyReply,
  known: readonly ApiKey[],
  tickets: Tickets,
  now: number,
): ApiKey {
  const unauthenticated = (why: string) => {
    reply.header("WWW-Authenticate", 'Bearer realm="tidemark"');
    return new Refusal(401, "UNAUTHENTICATED", why);
  };
  const { authorization } = request.headers;
  const ticket = authorization === undefined && request.routeOptions.config.tickets ? ticketIn(request.url) : null;
  if (ticket !== null) {
    const id = tickets.take(ticket, request.url.split("?")[0]!);
    const key = known.find((each) => each.id === id);
    if (!key || isExpired(key, now))
      throw unauthenticated("the ticket is unknown or was used already: ask for another");
    return key;
  }
  const text = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
  if (text === undefined) throw unauthenticated("there is no key; send Authorization: Bearer KEY");
  const verdict = judge(known, text, now);
  if ("why" in verdict) throw unauthenticated(`the key ${verdict.why === "expired" ? "has expired" : "is not known"}`);
  return verdict.key;
}

/** @throws FORBIDDEN unless the request's key has the scope */
export function needScope({ key }: FastifyRequest, scope: Scope): void {
  if (key === null || allows(key, scope)) return;
  throw new Refusal(403, "FORBIDDEN", `this key has the scope ${key.scopes.join(", ")}; this request needs ${scope}`);
}

/** DNS rebinding: without keys, a foreign page must not reach us by a name that it resolves to this machine. */
function checkHost(request: FastifyRequest, hosts: readonly string[] | null): void {
  if (hosts === null) return;
  const host = (request.headers.host ?? "").replace(/:\d+$/, "").toLowerCase();
  if (host === "" || hosts.includes(host)) return;
  throw new Refusal(421, "MISDIRECTED", `without keys, this server only answers to ${hosts.join(", ")}`);
}

const loopback = ["127.0.0.1", "localhost", "[::1]"];

/**
 * Checks whether the server may listen at the address.
 * @returns the host names that it answers to without keys; null: any
 * @throws CONFIG_INVALID where other machines could reach it without a key
 */
export async function hostsFor(host: string, keys: KeyFile, withoutKeys: boolean): Promise<readonly string[] | null> {
  if ((await keys.keys()) !== null || withoutKeys) return null;
  if (/^(localhost|127(\.\d+){3}|::1)$/i.test(host))
    return [...new Set([...loopback, host.includes(":") ? `[${host}]` : host.toLowerCase()])];
  throw new TidemarkError(
    "CONFIG_INVALID",
    `serve: ${host} can be reached from other machines, and there are no keys`,
    "add one with tidemark keys add NAME, or pass --without-keys",
  );
}
