/** JSON that carries its own hash, for the small files that name all others: manifests and HEADs. */
import { createHash } from "node:crypto";
import { TidemarkError } from "../errors.ts";

export function seal(value: unknown): string {
  const body = JSON.stringify(value);
  return `{"sha256":"${hashOf(body)}","body":${body}}\n`;
}

/** @throws STORE_CORRUPT when the text is torn or altered */
export function unseal<T>(text: string, name: string): T {
  const match = /^\{"sha256":"([0-9a-f]{64})","body":(.*)\}\n$/s.exec(text);
  if (!match || hashOf(match[2]!) !== match[1]) {
    throw new TidemarkError(
      "STORE_CORRUPT",
      `${name} is torn or altered: its hash does not match`,
      "remove it and run batch, or restart speed: it is derived from the log",
      { file: name },
    );
  }
  return JSON.parse(match[2]!) as T;
}

function hashOf(body: string): string {
  return createHash("sha256").update(body).digest("hex");
}
