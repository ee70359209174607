/** Follows the store: HEADs as they are replaced, versions as they appear; what it serves never goes back and is never a mix. */
import type { StreamDefinition } from "../shared/definition.ts";
import type { Duck } from "../shared/duckdb/duck.ts";
import { isCode, messageOf, TidemarkError } from "../shared/errors.ts";
import { covers, type Position } from "../shared/position.ts";
import type { Store } from "../shared/store/store.ts";
import { newerVersion, readVersion, versionNumbers } from "../shared/store/versions.ts";
import { Loaded, type Served } from "./loaded.ts";

/** Nothing is served before `open`; then always something, the newest that covers all that was served before. */
export class Follower {
  readonly #store: Store;
  readonly #duck: Duck;
  readonly #say: (line: string) => void;
  #current: Loaded | null = null;
  #next: Loaded | null = null;
  #opening: Promise<Loaded | null> | null = null;
  #waiting = new Set<() => void>();
  #complaint = "";

  private constructor(store: Store, duck: Duck, say: (line: string) => void) {
    this.#store = store;
    this.#duck = duck;
    this.#say = say;
  }

  /** @throws SERVE_NOTHING when there is no version; STORE_CORRUPT when none can be loaded */
  static async open(store: Store, duck: Duck, say: (line: string) => void): Promise<Follower> {
    const follower = new Follower(store, duck, say);
    let failure: unknown = null;
    for (const number of (await versionNumbers(store)).reverse()) {
      try {
        follower.#current = await follower.#load(number);
        await follower.tick();
        return follower;
      } catch (error) {
        failure ??= error;
        say(`version ${number} can't be served: ${messageOf(error)}`);
      }
    }
    throw (
      failure ??
      new TidemarkError(
        "SERVE_NOTHING",
        `the data folder ${store.root} holds no version yet`,
        "start speed, batch or dev first",
      )
    );
  }

  /** One look at the store. @returns true when what is served moved */
  async tick(): Promise<boolean> {
    const before = this.#current!;
    let moved = await this.#followQuietly(before);
    await this.#lookForVersion();
    if (this.#next) {
      await this.#followQuietly(this.#next);
      const sameStreams = Object.keys(this.#next.position).join() === Object.keys(before.position).join();
      if (covers(this.#next.position, before.position) || !sameStreams) {
        this.#current = this.#next;
        this.#next = null;
        before.close();
        this.#say(`serving version ${this.#current.manifest.number}`);
        moved = true;
      }
    }
    if (moved) {
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      for (const wake of waiting) wake();
    }
    return moved;
  }

  /** Looks until the signal; `everyMs` apart. */
  async run(everyMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const moved = await this.tick();
      if (!moved) await pause(everyMs, signal);
    }
  }

  pin(): Served {
    return this.#current!.pin();
  }

  get position(): Position {
    return this.#current!.position;
  }

  get streams(): readonly StreamDefinition[] {
    return this.#current!.manifest.definition.streams;
  }

  /** Where partitions stand that a position leaves out. */
  get origin(): Position {
    return this.#current!.manifest.origin;
  }

  /** Resolves when what is served covers `position`; false when `timeoutMs` passed before. */
  async covers(position: Position, timeoutMs: number): Promise<boolean> {
    const until = performance.now() + timeoutMs;
    while (!covers(this.position, position)) {
      const left = until - performance.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, left);
        const waiting = this.#waiting;
        function done() {
          clearTimeout(timer);
          waiting.delete(done);
          resolve();
        }
        waiting.add(done);
      });
    }
    return true;
  }

  async close(): Promise<void> {
    await this.#opening?.catch(() => null);
  }

  /** A version loads beside what is served; its own session keeps the queries and the old version's HEADs flowing. */
  async #lookForVersion(): Promise<void> {
    const number = (this.#next ?? this.#current)!.manifest.number;
    if (this.#opening) return;
    const newest = await newerVersion(this.#store, number).catch((error: unknown) => {
      this.#complain(`the newest version can't be read: ${messageOf(error)}`);
      return null;
    });
    if (!newest) return;
    this.#opening = this.#load(newest.number)
      .then(
        (loaded) => {
          this.#next?.close();
          this.#next = loaded;
          return loaded;
        },
        (error: unknown) => {
          this.#complain(`version ${newest.number} can't be served: ${messageOf(error)}`);
          return null;
        },
      )
      .finally(() => {
        this.#opening = null;
      });
  }

  async #load(number: number): Promise<Loaded> {
    const manifest = await readVersion(this.#store, number);
    const loaded = new Loaded(this.#store, await this.#duck.session(), manifest);
    await loaded.open();
    return loaded;
  }

  /** A delta that can't be read is said once; the last good snapshot stays served. */
  async #followQuietly(loaded: Loaded): Promise<boolean> {
    try {
      // a file that is gone may have been compacted away since its HEAD was read: the next HEAD names others
      const moved = await loaded.follow().catch((error: unknown) => {
        if (isCode(error, "STORE_MISSING")) return loaded.follow();
        throw error;
      });
      if (moved) this.#complaint = "";
      return moved;
    } catch (error) {
      this.#complain(`the delta of version ${loaded.manifest.number} can't be followed: ${messageOf(error)}`);
      return false;
    }
  }

  #complain(line: string): void {
    if (line !== this.#complaint) this.#say(line);
    this.#complaint = line;
  }

  /** Why the last look failed, or "". */
  get complaint(): string {
    return this.#complaint;
  }
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}
