/**
 * A body with its own digest as the last line: what reads by fetch sees no trailers, and no packed
 * bytes. Shared with the server.
 */

/** Of a request that asks for it, and of an answer that is so. */
export const digestHeader = "tidemark-digest";
export const framedValue = "framed";

const [before, after] = ["\nsha-256=:", ":\n"];
/** SHA-256 in base64 has 44 characters. */
const frameLength = before.length + 44 + after.length;

/** The last line. @param base64 of the SHA-256 of all before it */
export function framed(base64: string): string {
  return before + base64 + after;
}

/** Whoever reads it must not use any of it. */
export class DigestMismatch extends Error {
  constructor() {
    super("the answer is not what the server sent: it changed on its way");
    this.name = "DigestMismatch";
  }
}

/** The body without its last line. @throws DigestMismatch */
export async function unframed(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const body = bytes.subarray(0, Math.max(0, bytes.length - frameLength));
  const line = new TextDecoder().decode(bytes.subarray(body.length));
  const sum = await sha256(body);
  // a page that came over plain HTTP has no way to hash
  if (sum === null ? line.length !== frameLength : line !== framed(sum)) throw new DigestMismatch();
  return body;
}

/** What a request says of its body; {} where there is no way to hash. */
export async function contentDigest(body: string | Uint8Array<ArrayBuffer>): Promise<Record<string, string>> {
  const sum = await sha256(typeof body === "string" ? new TextEncoder().encode(body) : body);
  return sum === null ? {} : { "Content-Digest": `sha-256=:${sum}:` };
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string | null> {
  const subtle = globalThis.crypto?.subtle as SubtleCrypto | undefined;
  if (!subtle) return null;
  const sum = new Uint8Array(await subtle.digest("SHA-256", bytes));
  return btoa(String.fromCharCode(...sum));
}
