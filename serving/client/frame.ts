/**
 * A body with its own digest as the last line, since fetch gives access to neither trailers nor
 * compressed bytes. Shared with the server.
 */

/** The header of a request that asks for a framed answer, and of the framed answer. */
export const digestHeader = "tidemark-digest";
export const framedValue = "framed";

const [before, after] = ["\nsha-256=:", ":\n"];
/** SHA-256 in base64 has 44 characters. */
const frameLength = before.length + 44 + after.length;

/** The last line. @param base64 of the SHA-256 of everything before it */
export function framed(base64: string): string {
  return before + base64 + after;
}

/** None of the answer may be used. */
export class DigestMismatch extends Error {
  constructor() {
    super("the answer does not match its digest: it was changed in transit");
    this.name = "DigestMismatch";
  }
}

/** The body without its last line. @throws DigestMismatch */
export async function unframed(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const body = bytes.subarray(0, Math.max(0, bytes.length - frameLength));
  const line = new TextDecoder().decode(bytes.subarray(body.length));
  const sum = await sha256(body);
  // a page loaded over plain HTTP has no access to hashing
  if (sum === null ? line.length !== frameLength : line !== framed(sum)) throw new DigestMismatch();
  return body;
}

/** The digest header of a request's body; {} where hashing is not available. */
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
