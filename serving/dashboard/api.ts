/** The parts of the API that the page uses, through the public client. */
import { type Client, connect, type Meta } from "../client/client.ts";

export interface StreamStatus {
  readonly name: string;
  readonly topic: string;
  readonly partitions: number;
  readonly position: string;
  readonly logEnd: string | null;
  /** Approximate: from the origin to the cut, and from there to the position. */
  readonly records: { readonly batch: number; readonly speed: number };
  /** Why the stream is not read any more; null: it is read. */
  readonly stopped: string | null;
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

export interface IncidentStatus {
  readonly role: string;
  readonly kind: string;
  readonly code: string;
  readonly since: string;
  readonly message?: string;
  readonly views?: readonly string[];
  readonly streams?: readonly string[];
}

export interface ViewStatus {
  readonly name: string;
  readonly state: "ok" | "failing" | "failed" | "damaged" | "stopped";
}

export interface Status extends Meta {
  readonly cut: string;
  readonly createdAt: string;
  readonly complaint: string | null;
  readonly streams: readonly StreamStatus[];
  readonly incidents: readonly IncidentStatus[];
  readonly views: readonly ViewStatus[];
  readonly versions: readonly VersionStatus[];
}

export type ViewRow = Readonly<Record<string, unknown>>;

const slot = "tidemark-key";

/** The key is kept as long as the tab is open. */
export function open(): Client {
  const key = sessionStorage.getItem(slot) ?? undefined;
  return connect({ url: location.origin, key });
}

export function keepKey(key: string): void {
  sessionStorage.setItem(slot, key);
}
