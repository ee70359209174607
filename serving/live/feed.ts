/** Changed rows as they are committed, for whoever listens: computed once for all that ask the same. */
import { messageOf } from "../../shared/errors.ts";
import { pause } from "../../shared/pause.ts";
import { covers, equals, formatPosition, type Position } from "../../shared/position.ts";
import type { VersionManifest } from "../../shared/store/layout.ts";
import type { Store } from "../../shared/store/store.ts";
import type { Filter } from "../filters.ts";
import type { Follower } from "../follower.ts";
import { hasKnownRows } from "../groups.ts";
import type { SessionPool } from "../pool.ts";
import { changedRows } from "./changed-rows.ts";

/** One server-sent event. */
export interface Told {
  readonly event: "rows" | "reset";
  readonly position: Position;
  /** JSON. */
  readonly data: string;
  /** No row has changed: only the position has moved. */
  readonly empty: boolean;
}

export interface Listener {
  /** @returns false where it can't keep up: it is told no more */
  tell(told: Told): boolean;
  end(): void;
}

export interface Asked {
  readonly view: string;
  readonly filters: readonly Filter[];
  /** Tells apart what is asked. */
  readonly key: string;
}

/** Rows of one question, told to its listeners from a position on. */
interface Feed {
  readonly asked: Asked;
  identity: string;
  at: Position;
  readonly listeners: Set<Listener>;
}

/** Between two looks, so that many small commits are told as one. */
const everyMs = 100;

export class Feeds {
  readonly #store: Store;
  readonly #follower: Follower;
  readonly #pool: SessionPool;
  readonly #say: (line: string) => void;
  readonly #feeds = new Map<string, Feed>();
  #looking = false;
  readonly #signal: AbortSignal;

  constructor(store: Store, follower: Follower, pool: SessionPool, signal: AbortSignal, say: (line: string) => void) {
    this.#store = store;
    this.#follower = follower;
    this.#pool = pool;
    this.#signal = signal;
    this.#say = say;
    signal.addEventListener("abort", () => this.#endAll(), { once: true });
  }

  get listeners(): number {
    return [...this.#feeds.values()].reduce((sum, feed) => sum + feed.listeners.size, 0);
  }

  /**
   * Tells a listener what changes from now on; before that, what has changed since the position it names, or that it has to read anew.
   * @returns lets go of it
   */
  async listen(asked: Asked, since: Position | null, listener: Listener): Promise<() => void> {
    const feed = this.#feed(asked);
    const first = await this.#first(feed, since);
    if (first && !listener.tell(first)) return () => undefined;
    feed.listeners.add(listener);
    void this.#look();
    return () => {
      feed.listeners.delete(listener);
      if (feed.listeners.size === 0 && this.#feeds.get(asked.key) === feed) this.#feeds.delete(asked.key);
    };
  }

  #feed(asked: Asked): Feed {
    const known = this.#feeds.get(asked.key);
    if (known) return known;
    const served = this.#follower.pin();
    const feed: Feed = {
      asked,
      identity: identityOf(served.manifest, asked.view),
      at: served.position,
      listeners: new Set(),
    };
    served.release();
    this.#feeds.set(asked.key, feed);
    return feed;
  }

  /** What a listener that stopped at `since` has to know to stand where its feed stands, or further. */
  async #first(feed: Feed, since: Position | null): Promise<Told | null> {
    if (!since) return reset(feed.at);
    try {
      const told = await this.#changes(feed, since);
      return told?.event === "rows" && told.empty ? null : told;
    } catch {
      // a file that is damaged or was compacted away: what is read anew is as good
      return reset(feed.at);
    }
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      while (this.#feeds.size > 0 && !this.#signal.aborted) {
        for (const feed of [...this.#feeds.values()]) await this.#tell(feed);
        await pause(everyMs, this.#signal);
      }
    } finally {
      this.#looking = false;
    }
  }

  async #tell(feed: Feed): Promise<void> {
    let told: Told | null;
    try {
      told = await this.#changes(feed, feed.at);
    } catch (error) {
      // compaction has replaced a file meanwhile: the next look finds its successor
      this.#say(`serve: changes of ${feed.asked.view} are told later: ${messageOf(error)}`);
      return;
    }
    if (!told) return;
    feed.at = told.position;
    if (told.event === "rows" && told.empty) return;
    for (const listener of [...feed.listeners]) {
      if (listener.tell(told)) continue;
      feed.listeners.delete(listener);
      listener.end();
    }
  }

  /** Null: nothing has changed. */
  async #changes(feed: Feed, since: Position): Promise<Told | null> {
    const { view, filters } = feed.asked;
    const unmoved = identityOf(this.#follower.manifest, view) === feed.identity;
    if (unmoved && equals(since, this.#follower.position)) return null;
    const served = this.#follower.pin();
    const session = await this.#pool.take();
    try {
      const { position } = served;
      const now = identityOf(served.manifest, view);
      const known = served.views.get(view);
      const same =
        now === feed.identity && known && !known.failed && known.damaged === null && hasKnownRows(known.definition);
      if (!same || !covers(position, since)) {
        feed.identity = now;
        return reset(position);
      }
      await session.inZone(served.manifest.definition.timezone);
      const changes = await changedRows(this.#store, session, served, view, since, filters);
      if (!changes) return reset(position);
      const rows = [...changes.rows.values()];
      const removed = changes.none;
      const data = `{"position":${JSON.stringify(formatPosition(position))},"version":${served.manifest.number},"rows":[${rows.join(",")}],"removed":[${removed.join(",")}]}`;
      return { event: "rows", position, data, empty: rows.length + removed.length === 0 };
    } finally {
      this.#pool.giveBack(session);
      served.release();
    }
  }

  #endAll(): void {
    for (const { listeners } of this.#feeds.values()) for (const listener of listeners) listener.end();
    this.#feeds.clear();
  }
}

function reset(position: Position): Told {
  return { event: "reset", position, data: JSON.stringify({ position: formatPosition(position) }), empty: false };
}

function identityOf({ definition }: VersionManifest, view: string): string {
  const found = definition.views.find((each) => each.name === view);
  return found ? `${found.identity} ${found.finalize}` : "";
}
