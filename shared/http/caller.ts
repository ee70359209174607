/** Who a request comes from, and what it may do: routes state what their callers need, the guard fills in who calls. */

/**
 * `read`: the views' rows; `events`: raw events, with fields that no view shows; `ingest`: events
 * in; `admin`: everything.
 */
export const scopes = ["read", "events", "ingest", "admin"] as const;
export type Scope = (typeof scopes)[number];

export interface ApiKey {
  /** Public: the part of the key that finds it. */
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /**
   * SHA-256 of the secret part, hex. It has 256 random bits: nothing slower is needed to keep it
   * from being guessed.
   */
  readonly sha256: string;
  readonly createdAt: string;
  /** ISO time; null: never. */
  readonly expiresAt: string | null;
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** What the route's callers need; absent: nothing. */
    readonly scope?: Scope;
    /** A ticket does instead of a key. */
    readonly tickets?: boolean;
  }
  interface FastifyRequest {
    /** A key's id, or an address. */
    client: string;
    /** Null: it came without one, and needs none. */
    key: ApiKey | null;
  }
}
