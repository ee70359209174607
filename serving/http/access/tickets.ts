/**
 * Tickets, which a page puts into a URL where it can't send a key (EventSource sends no headers).
 * A ticket grants what the key that asked for it grants, at one path, once, within a minute. Only
 * this process knows it, as a hash.
 */
import { createHash, randomBytes } from "node:crypto";
import { TidemarkError } from "../../../shared/errors.ts";
import type { ApiKey } from "../../../shared/http/caller.ts";

export const ticketMs = 60_000;
const ticketsMax = 10_000;
const ofOneKeyMax = 100;

interface Ticket {
  readonly key: string;
  readonly path: string;
  readonly expires: number;
}

export class Tickets {
  readonly #now: () => number;
  /** By hash, the oldest first. */
  readonly #open = new Map<string, Ticket>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** @throws SERVE_BUSY */
  give(key: ApiKey, path: string): { readonly ticket: string; readonly expires: number } {
    const now = this.#now();
    for (const [hash, { expires }] of this.#open) if (expires <= now) this.#open.delete(hash);
    const own = [...this.#open.values()].filter((each) => each.key === key.id).length;
    if (own >= ofOneKeyMax || this.#open.size >= ticketsMax)
      throw new TidemarkError(
        "SERVE_BUSY",
        `${own} tickets of this key are not used yet`,
        "use them, or wait a minute",
      );
    const ticket = `tk_${randomBytes(32).toString("base64url")}`;
    const expires = now + ticketMs;
    this.#open.set(hashOf(ticket), { key: key.id, path, expires });
    return { ticket, expires };
  }

  /** The id of the ticket's key; null: the ticket is not known (any more), or is for another path. */
  take(ticket: string, path: string): string | null {
    const hash = hashOf(ticket);
    const found = this.#open.get(hash);
    if (!found || found.path !== path) return null;
    this.#open.delete(hash);
    return found.expires > this.#now() ? found.key : null;
  }
}

/** The ticket in a query string, if there is one; no filter has its form. */
export function ticketIn(url: string): string | null {
  const at = url.indexOf("?");
  return at < 0 ? null : (new URLSearchParams(url.slice(at + 1)).getAll("ticket").find(isTicket) ?? null);
}

export function isTicket(value: string): boolean {
  return /^tk_[\w-]{43}$/.test(value);
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
