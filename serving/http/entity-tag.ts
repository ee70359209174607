/** Entity tags (RFC 9110): an answer that a client has cached is not sent again while nothing has changed. */
import { hash } from "node:crypto";

/** Incremented when values are written in another way, which invalidates what clients have cached. */
const writtenAs = 2;

/**
 * Weak: the same rows may be sent in another order and with another lag.
 * @param snapshot see snapshotName
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
