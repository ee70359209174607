/** How a client proves who it is, as kafkajs wants it. Tokens are asked for again with each connection. */
import type kafkajs from "kafkajs";
import { messageOf } from "../errors.ts";
import type { KafkaOptions } from "./kafka-client.ts";

export type Sasl =
  | {
      readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
      readonly username: string;
      readonly password: string;
    }
  | { readonly mechanism: "oauthbearer"; readonly token: () => Promise<string> };

/** Where tokens are issued: OAuth 2.0's client credentials (RFC 6749, 4.4). */
export interface TokenIssuer {
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope: string | null;
}

/** Why there is no token; it says nothing secret. */
class TokenError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TokenError";
  }
}

/** A token is fetched anew this long before it expires. */
const marginMs = 30_000;
const patienceMs = 10_000;

export function saslOf(sasl: Sasl): NonNullable<KafkaOptions["sasl"]> {
  if (sasl.mechanism !== "oauthbearer") return sasl as kafkajs.SASLOptions;
  return { mechanism: "oauthbearer", oauthBearerProvider: async () => ({ value: await sasl.token() }) };
}

/** Tokens of an issuer, each as long as it is good. */
export function issuedTokens(
  { url, clientId, clientSecret, scope }: TokenIssuer,
  now = Date.now,
): () => Promise<string> {
  let known: { token: string; until: number } | null = null;
  return async () => {
    if (known && now() < known.until) return known.token;
    const form = new URLSearchParams({ grant_type: "client_credentials", ...(scope === null ? {} : { scope }) });
    const login = Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString("base64");
    let response: Response;
    try {
      response = await fetch(url, {
        method: "POST",
        headers: { Authorization: `Basic ${login}`, Accept: "application/json" },
        body: form,
        signal: AbortSignal.timeout(patienceMs),
      });
    } catch (error) {
      throw new TokenError(`no token from ${url}: ${messageOf(error)}`);
    }
    const text = await response.text();
    if (!response.ok) throw new TokenError(`no token from ${url}: it answers ${response.status}`);
    const { access_token: token, expires_in: seconds } = jsonIn(text);
    if (typeof token !== "string" || token === "") throw new TokenError(`no token from ${url}: its answer has none`);
    const lifeMs = typeof seconds === "number" ? seconds * 1000 : 0;
    known = { token, until: now() + Math.max(0, lifeMs - marginMs) };
    return token;
  };
}

function jsonIn(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
