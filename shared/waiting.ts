/**
 * A bounded queue for what only a few can have at a time: at most `max` wait, each at most `msMax`, in turn
 * between clients and between one client's connections. Where there is no place left, the client with the most
 * waiting loses one.
 */
import { TidemarkError } from "./errors.ts";

/** The client that asks. */
export interface Asker {
  /** A key's id, or an address. */
  readonly client: string;
  /** The connection that it asks on. */
  readonly line: object;
  /** Aborts when the answer is no longer waited for. */
  readonly gone: AbortSignal;
}

export interface WaitingLimits {
  readonly max: number;
  /** Of one client; default: all places. */
  readonly clientMax?: number;
  readonly msMax: number;
  /** What they wait for, e.g. "questions". */
  readonly what: string;
}

interface Place<T> {
  readonly asker: Asker;
  /** As the waiting ones count it, e.g. bytes. */
  readonly size: number;
  readonly since: number;
  go(item: T): void;
  fail(error: unknown): void;
}

/** The one that is next in turn. */
export interface Turn<T> {
  readonly client: string;
  readonly size: number;
  go(item: T): void;
}

type Line<T> = Place<T>[];

export class Waiting<T> {
  readonly #limits: WaitingLimits;
  /** In the order of their turns; each client's connections in theirs. */
  readonly #clients = new Map<string, Map<object, Line<T>>>();
  #count = 0;

  constructor(limits: WaitingLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#count;
  }

  /** How long the one that waits longest has waited, ms; 0: the queue is empty. */
  get longestMs(): number {
    let since = performance.now();
    const now = since;
    for (const lines of this.#clients.values())
      for (const [first] of lines.values()) since = Math.min(since, first!.since);
    return now - since;
  }

  /** @throws SERVE_BUSY where too many wait, or it has waited too long; the signal's reason as soon as it aborts */
  wait(asker: Asker, size = 0): Promise<T> {
    const { max, clientMax = Infinity, msMax, what } = this.#limits;
    if (asker.gone.aborted) return Promise.reject(asker.gone.reason as Error);
    const own = this.#countOf(asker.client);
    if (own >= clientMax && !this.#takeFrom(asker.client, asker, `${clientMax} of your ${what} wait already`))
      return Promise.reject(this.#busy(`${clientMax} of your ${what} wait already`));
    if (this.#count >= max && !this.#makePlace(asker, own)) return Promise.reject(this.#full());
    return new Promise<T>((resolve, reject) => {
      const leave = () => this.#leave(place, asker.gone.reason);
      const late = setTimeout(
        () => this.#leave(place, this.#busy(`there was no turn for it within ${msMax} ms`)),
        msMax,
      );
      const over = () => {
        clearTimeout(late);
        asker.gone.removeEventListener("abort", leave);
      };
      const place: Place<T> = {
        asker,
        size,
        since: performance.now(),
        go: (item) => {
          over();
          resolve(item);
        },
        fail: (error) => {
          over();
          reject(error);
        },
      };
      asker.gone.addEventListener("abort", leave, { once: true });
      this.#add(place);
    });
  }

  /** The next in turn, of the clients that may go; calling its `go` takes it out of the queue. */
  next(may: (client: string) => boolean = () => true): Turn<T> | null {
    for (const [client, lines] of this.#clients) {
      if (!may(client)) continue;
      const [line] = lines.values();
      const place = line![0]!;
      return {
        client,
        size: place.size,
        go: (item) => {
          this.#remove(place);
          // what is left of it comes after all others
          this.#toTheEnd(place.asker);
          place.go(item);
        },
      };
    }
    return null;
  }

  #add(place: Place<T>): void {
    const { client, line } = place.asker;
    const lines = this.#clients.get(client) ?? new Map<object, Line<T>>();
    this.#clients.set(client, lines);
    const places = lines.get(line) ?? [];
    lines.set(line, places);
    places.push(place);
    this.#count++;
  }

  #remove(place: Place<T>): boolean {
    const { client, line } = place.asker;
    const lines = this.#clients.get(client);
    const places = lines?.get(line);
    const at = places?.indexOf(place) ?? -1;
    if (!lines || !places || at < 0) return false;
    places.splice(at, 1);
    if (places.length === 0) lines.delete(line);
    if (lines.size === 0) this.#clients.delete(client);
    this.#count--;
    return true;
  }

  #leave(place: Place<T>, why: unknown): void {
    if (this.#remove(place)) place.fail(why);
  }

  #toTheEnd({ client, line }: Asker): void {
    const lines = this.#clients.get(client);
    if (!lines) return;
    this.#clients.delete(client);
    this.#clients.set(client, lines);
    const places = lines.get(line);
    if (!places) return;
    lines.delete(line);
    lines.set(line, places);
  }

  #countOf(client: string): number {
    let count = 0;
    for (const line of this.#clients.get(client)?.values() ?? []) count += line.length;
    return count;
  }

  /** @returns false where no client has more waiting than the one that asks */
  #makePlace(asker: Asker, own: number): boolean {
    const counts = [...this.#clients.keys()].map((client) => [client, this.#countOf(client)] as const);
    const [largest, most] = counts.reduce((a, b) => (b[1] > a[1] ? b : a));
    const why = this.#full().message;
    if (most <= own + 1) return this.#takeFrom(asker.client, asker, why);
    return this.#takeFrom(largest, null, why);
  }

  /**
   * Takes the newest place of a client's longest line.
   * @param asker one of the client's own, who must have fewer on its line
   */
  #takeFrom(client: string, asker: Asker | null, why: string): boolean {
    const lines = [...(this.#clients.get(client) ?? [])];
    if (lines.length === 0) return false;
    const [line, places] = lines.reduce((a, b) => (b[1].length > a[1].length ? b : a));
    const own = asker ? (this.#clients.get(client)?.get(asker.line)?.length ?? 0) : -1;
    if (line === asker?.line || places.length <= own + 1) return false;
    this.#leave(places.at(-1)!, this.#busy(why));
    return true;
  }

  #full(): TidemarkError {
    return this.#busy(`${this.#limits.max} ${this.#limits.what} wait already`);
  }

  #busy(why: string): TidemarkError {
    return new TidemarkError("SERVE_BUSY", why, "try again later");
  }
}
