/** Who may do what: a key's scopes, where there are keys; where there are none, only this machine's own programs ask. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { TidemarkError } from "../../shared/errors.ts";
import { Refusal } from "../problem.ts";
import { judge, type KeyFile, type Scope } from "./keys.ts";

export interface Access {
  readonly keys: KeyFile;
  /** Null where keys were asked for; else the names that this server goes by without them. */
  readonly hosts: readonly string[] | null;
  readonly now: () => number;
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** What the route's callers need; absent: nothing. */
    readonly scope?: Scope;
  }
  interface FastifyRequest {
    /** A key's id, or an address. */
    client: string;
    /** Null: it came without a key. */
    keyId: string | null;
  }
}

/** Refuses, before anything is read, whoever may not ask. */
export function guard(app: FastifyInstance, { keys, hosts, now }: Access): void {
  app.decorateRequest("client", "");
  app.decorateRequest("keyId", null);
  app.addHook("onRequest", async (request, reply) => {
    request.client = request.ip;
    const { scope } = request.routeOptions.config;
    if (!scope) return;
    const known = await keys.keys();
    if (known === null) {
      checkHost(request, hosts);
      return;
    }
    const text = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
    const unauthenticated = (why: string) => {
      reply.header("WWW-Authenticate", 'Bearer realm="tidemark"');
      return new Refusal(401, "UNAUTHENTICATED", why);
    };
    if (text === undefined) throw unauthenticated("there is no key; send Authorization: Bearer KEY");
    const verdict = judge(known, text, now());
    if ("why" in verdict)
      throw unauthenticated(`the key is ${verdict.why === "expired" ? "out of date" : "not known"}`);
    const { key } = verdict;
    request.client = key.id;
    request.keyId = key.id;
    if (key.scopes.includes(scope) || key.scopes.includes("admin")) return;
    throw new Refusal(403, "FORBIDDEN", `this key is for ${key.scopes.join(", ")}; this needs ${scope}`);
  });
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
