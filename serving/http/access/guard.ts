/**
 * Who may do what: a key's scopes, where there are keys; where there are none, only this machine's
 * own programs ask.
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
  /** Null where keys were asked for; else the names that this server goes by without them. */
  readonly hosts: readonly string[] | null;
  readonly now: () => number;
}

/**
 * Refuses, before anything is read, whoever may not ask; and ends what is being answered to whoever
 * may not ask any more.
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
      const key = keyOf(request, reply, known, tickets, now());
      request.client = key.id;
      request.key = key;
      needScope(request, scope);
    }
    watch.hold({ key: request.key, scope, request, reply });
  });
  // once its events are read, what becomes of them must be told
  app.addHook("preHandler", async (request) => {
    if (request.routeOptions.config.scope === "ingest") watch.release(request);
  });
}

/** @throws UNAUTHENTICATED */
function keyOf(
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
    if (!key || isExpired(key, now)) throw unauthenticated("the ticket is not known, or used: ask for another");
    return key;
  }
  const text = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
  if (text === undefined) throw unauthenticated("there is no key; send Authorization: Bearer KEY");
  const verdict = judge(known, text, now);
  if ("why" in verdict) throw unauthenticated(`the key is ${verdict.why === "expired" ? "out of date" : "not known"}`);
  return verdict.key;
}

/** @throws FORBIDDEN unless the request's key has the scope */
export function needScope({ key }: FastifyRequest, scope: Scope): void {
  if (key === null || allows(key, scope)) return;
  throw new Refusal(403, "FORBIDDEN", `this key is for ${key.scopes.join(", ")}; this needs ${scope}`);
}

/** Without keys, a page of somewhere else must not reach us through a name that it made point here. */
function checkHost(request: FastifyRequest, hosts: readonly string[] | null): void {
  if (hosts === null) return;
  const host = (request.headers.host ?? "").replace(/:\d+$/, "").toLowerCase();
  if (host === "" || hosts.includes(host)) return;
  throw new Refusal(421, "MISDIRECTED", `without keys this server answers to ${hosts.join(", ")} only`);
}

const loopback = ["127.0.0.1", "localhost", "[::1]"];

/**
 * Whether it may listen there.
 * @returns the names that it goes by without keys; null: any
 * @throws CONFIG_INVALID where others could reach it and nothing would ask them for a key
 */
export async function hostsFor(host: string, keys: KeyFile, withoutKeys: boolean): Promise<readonly string[] | null> {
  if ((await keys.keys()) !== null || withoutKeys) return null;
  if (/^(localhost|127(\.\d+){3}|::1)$/i.test(host))
    return [...new Set([...loopback, host.includes(":") ? `[${host}]` : host.toLowerCase()])];
  throw new TidemarkError(
    "CONFIG_INVALID",
    `serve: ${host} can be reached by others, and there are no keys`,
    "make one with: tidemark keys add NAME, or say --without-keys",
  );
}
