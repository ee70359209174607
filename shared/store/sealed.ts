/** JSON that carries its own hash, for the small files that name all others: manifests and HEADs. */
import { createHash } from "node:crypto";
import { TidemarkError } from "../errors.ts";

export function seal(value: unknown): string {
  const body = JSON.stringify(value);
  return `{"sha256":"${hashOf(body)}","body":${body}}\n`;
}

/**
 * @param belongs false for whole content that is another file's: the hash says nothing of the name
 * @throws STORE_CORRUPT when the text is torn, altered or another file's
 */
export function unseal<T>(text: string, name: string, belongs: (value: T) => boolean = () => true): T {
  const match = /^\{"sha256":"([0-9a-f]{64})","body":(.*)\}\n$/s.exec(text);
  if (!match || hashOf(match[2]!) !== match[1]) {
    throw corruptFile(name, "is torn or altered: its hash does not match");
  }
  const value = JSON.parse(match[2]!) as T;
  if (!belongs(value)) throw corruptFile(name, "has the content of another file");
  return value;
}

export function corruptFile(name: string, what: string): TidemarkError {
  return new TidemarkError(
    "STORE_CORRUPT",
    `${name} ${what}`,
    "remove it and run batch, or restart speed: it is derived from the log",
    { file: name },
  );
}

function hashOf(body: string): string {
  return createHash("sha256").update(body).digest("hex");
}
