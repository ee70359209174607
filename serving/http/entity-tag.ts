/** Entity tags (RFC 9110): an answer that a client has is not sent again while nothing has changed. */
import { hash } from "node:crypto";

/** Goes up when the same values are written in another way: what a client has kept of them is no answer any more. */
const writtenAs = 2;

/**
 * Weak: the same rows may come in another order, and with another lag beside them.
 * @param snapshot what is answered from, see snapshotName
 */
export function entityTag(snapshot: string, url: string, mediaType: string): string {
  const text = JSON.stringify([writtenAs, snapshot, url, mediaType]);
  return `W/"${hash("sha256", text, "base64url").slice(0, 22)}"`;
}

/** @param header If-None-Match, as it came */
export function isKnown(tag: string, header: string | undefined): boolean {
  if (header === undefined) return false;
  const bare = (each: string) => each.trim().replace(/^W\//, "");
  return header.split(",").some((each) => bare(each) === bare(tag));
}
