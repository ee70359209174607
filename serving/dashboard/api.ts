/** What the page asks of the API, through the client that anyone can use. */
import { type Client, connect, type Meta } from "../client/client.ts";

export interface StreamStatus {
  readonly name: string;
  readonly topic: string;
  readonly partitions: number;
  readonly position: string;
  readonly logEnd: string | null;
  /** About: from the origin to the cut, and from there to the position. */
  readonly records: { readonly batch: number; readonly speed: number };
  readonly behind: number | null;
}

export interface VersionStatus {
  readonly number: number;
  readonly createdAt: string;
  readonly cause: string;
  readonly events: number;
  readonly cut: string;
  readonly proof: { readonly state: "proved" | "unproved"; readonly by: string; readonly views: number };
}

export interface Status extends Meta {
  readonly cut: string;
  readonly createdAt: string;
  readonly complaint: string | null;
  readonly streams: readonly StreamStatus[];
  readonly incidents: readonly { readonly role: string; readonly code: string; readonly message?: string }[];
  readonly versions: readonly VersionStatus[];
}

export type Row = Readonly<Record<string, unknown>>;

const slot = "tidemark-key";

/** A key is kept for as long as the tab is open. */
export function open(): Client {
  const key = sessionStorage.getItem(slot) ?? undefined;
  return connect({ url: location.origin, key });
}

export function keepKey(key: string): void {
  sessionStorage.setItem(slot, key);
}
