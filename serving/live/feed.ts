/** Changed rows as they are committed, for whoever listens: computed once for all that ask the same. */
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
import { basisOf, changedRows, type RowsBasis } from "./changed-rows.ts";

/** One server-sent event. */
export interface Told {
  readonly event: "rows" | "reset";
  readonly position: Position;
  /** As it is sent: the same bytes for all. */
  readonly bytes: Buffer;
  /** No row has changed: only the position has moved. */
  readonly empty: boolean;
}

export interface Listener {
  /** @returns false where it can't keep up, and has been let go: it is told no more */
  tell(told: Told): boolean;
  end(): void;
}

export interface FeedQuery {
  readonly view: string;
  readonly filters: readonly Filter[];
  /** Tells apart what is asked. */
  readonly key: string;
}

/** What rows are told of: another one's can't be put on top of it. */
interface Telling {
  /** The view's meaning. */
  readonly identity: string;
  readonly version: number;
  /** See ServedVersion.telling. */
  readonly delta: string;
}

/** Rows of one question, told to its listeners from a position on. */
interface Feed {
  readonly asked: FeedQuery;
  telling: Telling;
  at: Position;
  /** Before it, somebody may have been told by another telling. */
  knownFrom: Position;
  /** Each with the position that it has been told up to. */
  readonly listeners: Map<Listener, Position>;
  /** What was told last was made of this. */
  basis: RowsBasis | null;
  /** Who is still told what was before. */
  joining: number;
  /** What was said of it last. */
  complaint: string;
}

/** Between two looks, so that many small commits are told as one. */
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
  #looking = false;
  /** All who listen, as one. */
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
   * Tells a listener what changes from now on; before that, what has changed since the position it
   * names, or that it has to read anew.
   * @returns lets go of it
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
      // until it stands where the others do, or further: what they are told next is the next for it, too
      for (let at = since; !this.#options.signal.aborted; ) {
        const told = await this.#catchUp(feed, at, asker);
        if (!told.empty && !listener.tell(told)) return leave;
        at = told.position;
        if (!follows(at, feed.at)) continue;
        feed.listeners.set(listener, at);
        break;
      }
    } finally {
      feed.joining--;
      if (!feed.listeners.has(listener)) leave();
    }
    void this.#look();
    return leave;
  }

  async #feed(asked: FeedQuery): Promise<Feed> {
    const { manifest, position: at } = this.#options.follower;
    const telling = tellingOf(this.#options.follower, asked.view);
    const knownFrom = await this.#knownFrom(manifest, asked.view, at);
    const known = this.#feeds.get(asked.key);
    if (known) return known;
    const feed: Feed = { asked, telling, at, knownFrom, basis: null, listeners: new Map(), joining: 0, complaint: "" };
    this.#feeds.set(asked.key, feed);
    return feed;
  }

  /**
   * From where on whoever was told something was told it as it is told now: of a version before
   * with another meaning of the view, and of a generation that was rejected, nobody knows who has
   * heard.
   */
  async #knownFrom(manifest: VersionManifest, view: string, now: Position): Promise<Position> {
    let told: string[] = [];
    for (let shard = 0; shard < manifest.definition.shards; shard++)
      told = told.concat(await this.#options.store.list(layout.generations(manifest.number, shard)));
    const rejected = told.some((name) => name.endsWith(".rejected"));
    const before = (await this.#options.versions.list()).findLast(({ number }) => number < manifest.number);
    const same = before === undefined || viewIdentity(before, view) === viewIdentity(manifest, view);
    const proved = before === undefined || before.cause === "origin" || isProved(manifest.proof, view);
    return same && proved && !rejected ? manifest.cut : now;
  }

  /** What a listener that stands at `since` has to know to stand where the answers do. */
  async #catchUp(feed: Feed, since: Position | null, asker: Asker): Promise<Told> {
    if (!since || !covers(since, feed.knownFrom)) return this.#reset(this.#options.follower.position);
    try {
      return await this.#changes(feed, since, asker);
    } catch (error) {
      if (asker.gone.aborted || isCode(error, "SERVE_BUSY")) throw error;
      // a file that is damaged or was compacted away: what is read anew is as good
      return this.#reset(this.#options.follower.position);
    }
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      while (this.#feeds.size > 0 && !this.#options.signal.aborted) {
        for (const feed of [...this.#feeds.values()]) await this.#tell(feed);
        await pause(everyMs, this.#options.signal);
      }
    } finally {
      this.#looking = false;
    }
  }

  async #tell(feed: Feed): Promise<void> {
    let told: Told;
    try {
      const { manifest, telling, position } = this.#options.follower;
      const now = tellingOf({ manifest, telling }, feed.asked.view);
      if (!continues(feed.asked.view, feed.telling, now, manifest)) {
        feed.telling = now;
        feed.knownFrom = position;
        told = await this.#reset(position);
      } else {
        feed.telling = now;
        if (equals(feed.at, position)) return;
        told = await this.#changes(feed, feed.at, this.#asker);
      }
      feed.complaint = "";
    } catch (error) {
      const { view } = feed.asked;
      const complaint = `serve: changes of ${view} are told later: ${messageOf(error)}`;
      if (complaint !== feed.complaint) this.#options.say(complaint);
      feed.complaint = complaint;
      // compaction has replaced a file meanwhile: the next look finds its successor
      if (!isCode(error, "SERVE_VIEW_FAILED")) return;
      // whoever reads anew is told why there is no answer
      told = await this.#reset(this.#options.follower.position);
    }
    feed.at = told.position;
    if (told.empty) return;
    for (const [listener, at] of [...feed.listeners]) {
      // it came upon this by what it had missed
      if (told.event === "rows" && covers(at, told.position)) continue;
      feed.listeners.set(listener, told.position);
      if (!listener.tell(told)) feed.listeners.delete(listener);
    }
  }

  /** @throws STORE_MISSING, STORE_CORRUPT, SERVE_BUSY */
  async #changes(feed: Feed, since: Position, asker: Asker): Promise<Told> {
    const { view, filters } = feed.asked;
    return withServed(this.#options, asker, async (served, session) => {
      const { position } = served;
      const known = served.views.get(view);
      const answerable = known && !known.failed && known.damaged === null && hasKnownRows(known.definition);
      // what is served may be of another telling by now: the next look sees to that
      if (
        !answerable ||
        !follows(position, since) ||
        !continues(feed.asked.view, feed.telling, tellingOf(served, view), served.manifest)
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
      // whoever may not see every group is not told which of them fail
      const failing = known.definition.rollUp?.having ? [] : changes.failing;
      const failed = failing.length > 0 ? `,"failed":[${failing.join(",")}]` : "";
      const data = `{${place},"rows":[${rows.join(",")}],"removed":[${removed.join(",")}]${failed}}`;
      return { ...toldAs("rows", position, text, data), empty: rows.length + removed.length + failing.length === 0 };
    });
  }

  async #reset(position: Position): Promise<Told> {
    const text = await this.#options.positions.textOf(position);
    return { ...toldAs("reset", position, text, JSON.stringify({ position: text })), empty: false };
  }

  #endAll(): void {
    for (const { listeners } of this.#feeds.values()) for (const listener of listeners.keys()) listener.end();
    this.#feeds.clear();
  }
}

function toldAs<E extends Told["event"]>(event: E, position: Position, text: string, data: string) {
  return { event, position, bytes: Buffer.from(`id: ${text}\nevent: ${event}\ndata: ${data}\n\n`) };
}

/**
 * True where rows of the one go on with rows of the other: the same telling, or a version that was
 * proved to be equal at its cut.
 */
function continues(view: string, before: Telling, now: Telling, { proof }: VersionManifest): boolean {
  if (before.identity !== now.identity) return false;
  return before.version === now.version ? before.delta === now.delta : isProved(proof, view);
}

function tellingOf({ manifest, telling }: Pick<ServedVersion, "manifest" | "telling">, view: string): Telling {
  return { identity: viewIdentity(manifest, view), version: manifest.number, delta: telling };
}

/** What a view means, and how its rows are made of its partials. */
export function viewIdentity({ definition }: Pick<VersionManifest, "definition">, view: string): string {
  const found = definition.views.find((each) => each.name === view);
  return found ? `${found.identity} ${found.finalize}` : "";
}
