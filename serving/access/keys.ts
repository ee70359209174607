/** API keys: random, told once, kept as hashes in a file beside the project. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { messageOf, TidemarkError } from "../../shared/errors.ts";

export const scopes = ["read", "ingest", "admin"] as const;
/** admin may do everything. */
export type Scope = (typeof scopes)[number];

export interface ApiKey {
  /** Public: the part of the key that finds it. */
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** SHA-256 of the secret part, hex. It has 256 random bits: nothing slower is needed to keep it from being guessed. */
  readonly sha256: string;
  readonly createdAt: string;
  /** ISO time; null: never. */
  readonly expiresAt: string | null;
}

export const keyFile = "keys.json";

/** @returns what is kept, and the text that only its owner ever sees */
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

export type Verdict = { readonly key: ApiKey } | { readonly why: "unknown" | "expired" };

/** Whose key this is. It takes as long for an id that nobody has. */
export function judge(keys: readonly ApiKey[], text: string, now: number): Verdict {
  const [, id = "", secret = ""] = /^tm_([0-9a-f]{12})_([\w-]{43})$/.exec(text) ?? [];
  const key = keys.find((each) => each.id === id);
  const same = timingSafeEqual(Buffer.from(hashOf(secret), "hex"), Buffer.from(key?.sha256 ?? nobody, "hex"));
  if (!key || !same) return { why: "unknown" };
  return key.expiresAt !== null && Date.parse(key.expiresAt) <= now ? { why: "expired" } : { key };
}

const nobody = "00".repeat(32);

function hashOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** @throws CONFIG_INVALID naming the place */
export function parseKeys(text: string, path: string): ApiKey[] {
  const wrong = (what: string) =>
    new TidemarkError("CONFIG_INVALID", `${path}: ${what}`, "keys are made by: tidemark keys add NAME");
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

/** The keys as the file has them now: who is added or revoked counts within a second, without a restart. */
export class KeyFile {
  readonly #path: string;
  readonly #say: (line: string) => void;
  #keys: readonly ApiKey[] | null = null;
  #seen = "";
  #lookAt = 0;

  private constructor(path: string, say: (line: string) => void) {
    this.#path = path;
    this.#say = say;
  }

  /** @throws CONFIG_INVALID for a file that holds no keys */
  static async open(path: string, say: (line: string) => void): Promise<KeyFile> {
    const file = new KeyFile(path, say);
    await file.#look();
    return file;
  }

  /** Null: there is no such file. One that can't be read any more leaves the keys that were there, and says so. */
  async keys(): Promise<readonly ApiKey[] | null> {
    if (performance.now() < this.#lookAt) return this.#keys;
    try {
      await this.#look();
    } catch (error) {
      this.#say(`serve: the keys before go on: ${messageOf(error)}`);
    }
    return this.#keys;
  }

  async #look(): Promise<void> {
    this.#lookAt = performance.now() + 1000;
    const found = await stat(this.#path).catch(() => null);
    const seen = found ? `${found.ino} ${found.size} ${found.mtimeMs}` : "";
    if (seen === this.#seen) return;
    // a file that is gone must not open what it closed
    if (found) this.#keys = parseKeys(await readFile(this.#path, "utf8"), this.#path);
    else if (this.#keys) this.#keys = [];
    this.#seen = seen;
  }
}
