/** API keys: random, shown once, stored as hashes. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { messageOf, TidemarkError } from "../../../shared/errors.ts";
import { type ApiKey, type Scope, scopes } from "../../../shared/http/caller.ts";

/** @returns what is stored, and the text that only its owner ever sees */
export function newKey(
  name: string,
  allowed: readonly Scope[],
  expiresAt: string | null,
  now: number,
): { readonly key: ApiKey; readonly text: string } {
  const id = randomBytes(6).toString("hex");
  const secret = randomBytes(32).toString("base64url");
  const createdAt = new Date(now).toISOString();
  return {
    key: { id, name, scopes: allowed, sha256: hashOf(secret), createdAt, expiresAt },
    text: `tm_${id}_${secret}`,
  };
}

export type KeyVerdict = { readonly key: ApiKey } | { readonly why: "unknown" | "expired" };

/** Finds and checks the key. An unknown id takes as long as a known one. */
export function judge(keys: readonly ApiKey[], text: string, now: number): KeyVerdict {
  const [, id = "", secret = ""] = /^tm_([0-9a-f]{12})_([\w-]{43})$/.exec(text) ?? [];
  const key = keys.find((each) => each.id === id);
  const same = timingSafeEqual(Buffer.from(hashOf(secret), "hex"), Buffer.from(key?.sha256 ?? unusedHash, "hex"));
  if (!key || !same) return { why: "unknown" };
  return isExpired(key, now) ? { why: "expired" } : { key };
}

export function isExpired({ expiresAt }: ApiKey, now: number): boolean {
  return expiresAt !== null && Date.parse(expiresAt) <= now;
}

export function allows({ scopes: own }: ApiKey, scope: Scope): boolean {
  return own.includes(scope) || own.includes("admin");
}

const unusedHash = "00".repeat(32);

function hashOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** @throws CONFIG_INVALID naming the place */
export function parseKeys(text: string, path: string): ApiKey[] {
  const wrong = (what: string) =>
    new TidemarkError("CONFIG_INVALID", `${path}: ${what}`, "add keys with tidemark keys add NAME");
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    throw wrong(`it is not JSON (${messageOf(error)})`);
  }
  const list = (found as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(list)) throw wrong("it holds no list of keys");
  for (const [i, each] of list.entries()) if (!isKey(each)) throw wrong(`key ${i + 1} is not a key`);
  return list as ApiKey[];
}

function isKey(value: unknown): value is ApiKey {
  const { id, name, scopes: own, sha256, createdAt, expiresAt } = (value ?? {}) as Record<string, unknown>;
  const allowed: readonly unknown[] = scopes;
  return (
    typeof id === "string" &&
    /^[0-9a-f]{12}$/.test(id) &&
    typeof name === "string" &&
    Array.isArray(own) &&
    own.length > 0 &&
    own.every((each) => allowed.includes(each)) &&
    typeof sha256 === "string" &&
    /^[0-9a-f]{64}$/.test(sha256) &&
    typeof createdAt === "string" &&
    (expiresAt === null || (typeof expiresAt === "string" && !Number.isNaN(Date.parse(expiresAt))))
  );
}
