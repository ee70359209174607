/** Changed rows as they are committed, derived once for all listeners of the same question. */
import { isCode, messageOf } from "../../shared/errors.ts";
import { pause } from "../../shared/pause.ts";
import { covers, equals, follows, type Position } from "../../shared/position.ts";
import { isProved, layout, type VersionManifest } from "../../shared/store/layout.ts";
import type { PositionTexts } from "../../shared/store/position-texts.ts";
import type { Store } from "../../shared/store/store.ts";
import type { Asker } from "../../shared/waiting.ts";
import type { Filter } from "../question/filters.ts";
import { hasKnownRows } from "../question/group-keys.ts";
import type { Follower } from "../snapshot/follower.ts";
import type { KeptVersions } from "../snapshot/kept-versions.ts";
import type { ServedVersion } from "../snapshot/loaded.ts";
import type { SessionPool } from "../snapshot/pool.ts";
import { withServed } from "../snapshot/served-session.ts";
import { basisOf, type Changes, changedRows, type RowsBasis } from "./changed-rows.ts";

/** One server-sent event. */
export interface ChangeEvent {
  readonly event: "rows" | "reset";
  readonly position: Position;
  /** As it is sent: the same bytes for all listeners. */
  readonly bytes: Buffer;
  /** Only the position has moved; no row has changed. */
  readonly empty: boolean;
  /** What the rows are; null: all of the view has to be read again. */
  readonly changes: Changes | null;
}

export interface Listener {
  /** @returns false where the listener can't keep up and was disconnected: nothing more is sent to it */
  send(change: ChangeEvent): boolean;
  /** What was sent is all that has changed up to this position. */
  pass?(position: Position): void;
  end(): void;
}

export interface FeedQuery {
  readonly view: string;
  readonly filters: readonly Filter[];
  /** The same for the same question. */
  readonly key: string;
}

/** What rows are derived from: changes of another derivation can't be applied to them. */
interface Derivation {
  /** The view's identity. */
  readonly identity: string;
  readonly version: number;
  /** See ServedVersion.derivation. */
  readonly delta: string;
}

/** Changes of one question's rows, sent to its listeners. */
interface Feed {
  readonly asked: FeedQuery;
  derivation: Derivation;
  at: Position;
  /** Rows that a listener has of before this position may be of another derivation. */
  knownFrom: Position;
  /** Each with the position up to which changes were sent to it. */
  readonly listeners: Map<Listener, Position>;
  /** What the last changes were derived from. */
  basis: RowsBasis | null;
  /** How many listeners are still catching up. */
  joining: number;
  /** The last problem that was logged; "" where there is none. */
  complaint: string;
}

/** Between two polls, so that many small commits are sent as one change. */
const everyMs = 100;

interface FeedsOptions {
  readonly store: Store;
  readonly follower: Follower;
  readonly pool: SessionPool;
  readonly positions: PositionTexts;
  readonly versions: KeptVersions;
  /** Aborts when the server stops. */
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

export class Feeds {
  readonly #options: FeedsOptions;
  readonly #feeds = new Map<string, Feed>();
  #polling = false;
  /** The asker of changes that are sent to all listeners. */
  readonly #asker: Asker;

  constructor(options: FeedsOptions) {
    this.#options = options;
    const { signal } = options;
    this.#asker = { client: "changes", line: this, gone: signal };
    signal.addEventListener("abort", () => this.#endAll(), { once: true });
  }

  get listeners(): number {
    return [...this.#feeds.values()].reduce((sum, feed) => sum + feed.listeners.size + feed.joining, 0);
  }

  /**
   * Sends a listener all changes from now on; before that, the changes since the position that it
   * names, or a reset.
   * @returns a function that removes the listener
   * @throws SERVE_BUSY
   */
  async listen(asked: FeedQuery, since: Position | null, listener: Listener, asker: Asker): Promise<() => void> {
    const feed = await this.#feed(asked);
    const leave = () => {
      feed.listeners.delete(listener);
      if (feed.listeners.size + feed.joining === 0 && this.#feeds.get(asked.key) === feed)
        this.#feeds.delete(asked.key);
    };
    feed.joining++;
    try {
      // until it has caught up with the other listeners: then the next change is the next for it, too
      for (let at = since; !this.#options.signal.aborted; ) {
        const change = await this.#catchUp(feed, at, asker);
        if (change.empty) listener.pass?.(change.position);
        else if (!listener.send(change)) return leave;
        at = change.position;
        if (!follows(at, feed.at)) continue;
        feed.listeners.set(listener, at);
        break;
      }
    } finally {
      feed.joining--;
      if (!feed.listeners.has(listener)) leave();
    }
    void this.#poll();
    return leave;
  }

  async #feed(asked: FeedQuery): Promise<Feed> {
    const { manifest, position: at } = this.#options.follower;
    const derivation = derivationOf(this.#options.follower, asked.view);
    const knownFrom = await this.#knownFrom(manifest, asked.view, at);
    const known = this.#feeds.get(asked.key);
    if (known) return known;
    const feed: Feed = {
      asked,
      derivation,
      at,
      knownFrom,
      basis: null,
      listeners: new Map(),
      joining: 0,
      complaint: "",
    };
    this.#feeds.set(asked.key, feed);
    return feed;
  }

  /**
   * The position from which on all rows that were ever sent are of the current derivation. Rows of
   * a version in which the view meant something else, and of a rejected generation, may have been
   * sent to any listener.
   */
  async #knownFrom(manifest: VersionManifest, view: string, now: Position): Promise<Position> {
    let names: string[] = [];
    for (let shard = 0; shard < manifest.definition.shards; shard++)
      names = names.concat(await this.#options.store.list(layout.generations(manifest.number, shard)));
    const rejected = names.some((name) => name.endsWith(".rejected"));
    const before = (await this.#options.versions.list()).findLast(({ number }) => number < manifest.number);
    const same = before === undefined || viewIdentity(before, view) === viewIdentity(manifest, view);
    const proved = before === undefined || before.cause === "origin" || isProved(manifest.proof, view);
    return same && proved && !rejected ? manifest.cut : now;
  }

  /** What has to be sent to a listener at `since` to bring it to the served position. */
  async #catchUp(feed: Feed, since: Position | null, asker: Asker): Promise<ChangeEvent> {
    if (!since || !covers(since, feed.knownFrom)) return this.#reset(this.#options.follower.position);
    try {
      return await this.#changes(feed, since, asker);
    } catch (error) {
      if (asker.gone.aborted || isCode(error, "SERVE_BUSY")) throw error;
      // an entry's file is damaged or was compacted: reading the view again is as good
      return this.#reset(this.#options.follower.position);
    }
  }

  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    try {
      while (this.#feeds.size > 0 && !this.#options.signal.aborted) {
        for (const feed of [...this.#feeds.values()]) await this.#publish(feed);
        await pause(everyMs, this.#options.signal);
      }
    } finally {
      this.#polling = false;
    }
  }

  async #publish(feed: Feed): Promise<void> {
    let change: ChangeEvent;
    try {
      const { manifest, derivation, position } = this.#options.follower;
      const now = derivationOf({ manifest, derivation }, feed.asked.view);
      if (!continues(feed.asked.view, feed.derivation, now, manifest)) {
        feed.derivation = now;
        feed.knownFrom = position;
        change = await this.#reset(position);
      } else {
        feed.derivation = now;
        if (equals(feed.at, position)) return;
        change = await this.#changes(feed, feed.at, this.#asker);
      }
      feed.complaint = "";
    } catch (error) {
      const { view } = feed.asked;
      const complaint = `serve: changes of ${view} are delayed: ${messageOf(error)}`;
      if (complaint !== feed.complaint) this.#options.say(complaint);
      feed.complaint = complaint;
      // compaction may have replaced a file meanwhile: the next poll finds its successor
      if (!isCode(error, "SERVE_VIEW_FAILED")) return;
      // a listener that reads the view again gets the reason why there is no answer
      change = await this.#reset(this.#options.follower.position);
    }
    feed.at = change.position;
    if (change.empty) {
      for (const listener of feed.listeners.keys()) listener.pass?.(change.position);
      return;
    }
    for (const [listener, at] of [...feed.listeners]) {
      // already sent while the listener was catching up
      if (change.event === "rows" && covers(at, change.position)) continue;
      feed.listeners.set(listener, change.position);
      if (!listener.send(change)) feed.listeners.delete(listener);
    }
  }

  /** @throws STORE_MISSING, STORE_CORRUPT, SERVE_BUSY */
  async #changes(feed: Feed, since: Position, asker: Asker): Promise<ChangeEvent> {
    const { view, filters } = feed.asked;
    return withServed(this.#options, asker, async (served, session) => {
      const { position } = served;
      const known = served.views.get(view);
      const answerable = known && !known.failed && known.damaged === null && hasKnownRows(known.definition);
      // what is served may be of another derivation by now: the next poll sends a reset
      if (
        !answerable ||
        !follows(position, since) ||
        !continues(feed.asked.view, feed.derivation, derivationOf(served, view), served.manifest)
      )
        return this.#reset(position);
      const changes = await changedRows(this.#options.store, session, served, {
        view,
        since,
        filters,
        basis: feed.basis,
      });
      feed.basis = basisOf(served, view);
      if (!changes) return this.#reset(position);
      const { rows, removed } = changes;
      const text = await this.#options.positions.textOf(position);
      const place = `"position":${JSON.stringify(text)},"version":${served.manifest.number}`;
      // where HAVING hides groups, failing groups must not be listed
      const failing = known.definition.rollUp?.having ? [] : changes.failing;
      const failed = failing.length > 0 ? `,"failed":[${failing.join(",")}]` : "";
      const texts = rows.map(({ row }) => row).join(",");
      const data = `{${place},"rows":[${texts}],"removed":[${removed.join(",")}]${failed}}`;
      const empty = rows.length + removed.length + failing.length === 0;
      return { ...eventOf("rows", position, text, data), empty, changes };
    });
  }

  async #reset(position: Position): Promise<ChangeEvent> {
    const text = await this.#options.positions.textOf(position);
    return { ...eventOf("reset", position, text, JSON.stringify({ position: text })), empty: false, changes: null };
  }

  #endAll(): void {
    for (const { listeners } of this.#feeds.values()) for (const listener of listeners.keys()) listener.end();
    this.#feeds.clear();
  }
}

function eventOf<E extends ChangeEvent["event"]>(event: E, position: Position, text: string, data: string) {
  return { event, position, bytes: Buffer.from(`id: ${text}\nevent: ${event}\ndata: ${data}\n\n`) };
}

/**
 * True where changes of the second can be applied to rows of the first: the same derivation, or a
 * version that was proved to be equal at its cut.
 */
function continues(view: string, before: Derivation, now: Derivation, { proof }: VersionManifest): boolean {
  if (before.identity !== now.identity) return false;
  return before.version === now.version ? before.delta === now.delta : isProved(proof, view);
}

function derivationOf(
  { manifest, derivation }: Pick<ServedVersion, "manifest" | "derivation">,
  view: string,
): Derivation {
  return { identity: viewIdentity(manifest, view), version: manifest.number, delta: derivation };
}

/** A view's identity together with how its rows are derived from its partials. */
export function viewIdentity({ definition }: Pick<VersionManifest, "definition">, view: string): string {
  const found = definition.views.find((each) => each.name === view);
  return found ? `${found.identity} ${found.finalize}` : "";
}
