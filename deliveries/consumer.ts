/** Keeps one target equal to a view: its rows once, and then what changes, each with the position that it leads to. */
import { createHash } from "node:crypto";
import { type Feeds, viewIdentity } from "../serving/live/feed.ts";
import { hasKnownRows } from "../serving/question/group-keys.ts";
import { keyedRows } from "../serving/question/keyed-rows.ts";
import { viewNamed } from "../serving/snapshot/answerable.ts";
import type { Follower } from "../serving/snapshot/follower.ts";
import type { SessionPool } from "../serving/snapshot/pool.ts";
import { withServed } from "../serving/snapshot/served-session.ts";
import type { Definition, ViewDefinition } from "../shared/definition.ts";
import { isCode, TidemarkError } from "../shared/errors.ts";
import { pause } from "../shared/pause.ts";
import { follows, formatPosition, type Position, parsePosition } from "../shared/position.ts";
import type { ConsumerSection } from "../shared/project/consumers.ts";
import type { VersionManifest } from "../shared/store/layout.ts";
import type { Asker } from "../shared/waiting.ts";
import { WaitingChanges } from "./changes.ts";
import { beatMs, type Target } from "./target.ts";

export interface ConsumerOptions {
  readonly consumer: ConsumerSection;
  readonly target: Target;
  readonly follower: Follower;
  readonly pool: SessionPool;
  readonly feeds: Feeds;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
  /** Called once the target states a position. */
  readonly works: () => Promise<void>;
}

/** How often a process that waits asks whether the target is free. */
const retakeMs = 1000;

export class Consumer {
  readonly #options: ConsumerOptions;
  readonly #asker: Asker;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#asker = { client: `consumer ${options.consumer.name}`, line: this, gone: options.signal };
  }

  /**
   * Until the signal. While another process has the target it waits.
   * @throws CONSUMER_VIEW, CONSUMER_TARGET, CONSUMER_VALUE, SERVE_*, DATABASE_*, CACHE_*: it is to be begun again
   */
  async run(): Promise<void> {
    const { target, signal, say, consumer } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#keep();
      } catch (error) {
        if (signal.aborted) break;
        if (!isCode(error, "CONSUMER_FENCED")) throw error;
        say(`${consumer.name}: another process keeps it; waiting until that is gone`);
        await this.#waitUntilFree();
      }
    }
    await target.release();
  }

  async #waitUntilFree(): Promise<void> {
    const { target, signal } = this.#options;
    await pause(retakeMs, signal);
    while (!signal.aborted && !(await target.isFree())) await pause(retakeMs, signal);
  }

  async #keep(): Promise<void> {
    const { target, follower, consumer, say, signal, works } = this.#options;
    const { manifest } = follower;
    const stated = await target.take(viewIn(manifest.definition, consumer));
    const isCurrent = stated.position !== null && stated.identity === derivedFrom(manifest, consumer);
    let at = isCurrent ? parsePosition(stated.position!, follower.origin) : await this.#fill();
    say(`${consumer.name}: keeps ${placeOf(consumer)} equal to ${consumer.from}, from ${formatPosition(at)} on`);
    await works();
    while (!signal.aborted) at = await this.#follow(at);
  }

  /** Applies what changes from a position on, until it has to be asked for again. @returns the position then */
  async #follow(since: Position): Promise<Position> {
    const { feeds, follower, consumer, target, signal, works } = this.#options;
    const { from: view } = consumer;
    const key = JSON.stringify([view, viewIdentity(follower.manifest, view), "consumer"]);
    const waiting = new WaitingChanges();
    // a listener of itself: what it has not taken yet is not sent to others either
    const leave = await feeds.listen({ view, filters: [], key }, since, waiting, this.#asker);
    let at = since;
    let beaten = performance.now();
    try {
      while (!signal.aborted) {
        const next = await waiting.next(beatMs, signal);
        if (next.kind === "ended") return at;
        if (next.kind === "change") {
          const { changes, position } = next.change;
          if (!changes) {
            at = await this.#fill();
            await works();
            return at;
          }
          if (!follows(position, at)) continue;
          if (changes.failing.length > 0) throw this.#failing(changes.failing.length);
          await target.apply(changes.rows, changes.removed, formatPosition(position));
          at = position;
        } else if (next.kind === "passed" && follows(next.position, at)) at = next.position;
        if (performance.now() - beaten < beatMs) continue;
        await target.beat(formatPosition(at));
        beaten = performance.now();
      }
      return at;
    } finally {
      leave();
    }
  }

  /** @returns the position of the rows that the target has then */
  #fill(): Promise<Position> {
    const { follower, pool, consumer, target } = this.#options;
    return withServed({ follower, pool }, this.#asker, async (served, session) => {
      const { manifest, position } = served;
      const view = viewIn(manifest.definition, consumer);
      const rows = keyedRows(session, viewNamed(served, view.name));
      await target.fill(
        { view, rows },
        { position: formatPosition(position), identity: derivedFrom(manifest, consumer) },
      );
      return position;
    });
  }

  #failing(groups: number): TidemarkError {
    const { from } = this.#options.consumer;
    return new TidemarkError(
      "SERVE_VIEW_FAILED",
      `view "${from}" has no value for ${groups} of its groups`,
      "correct its SQL and run a batch; the target stays as it is until then",
      { view: from },
    );
  }
}

/** @throws CONSUMER_VIEW */
export function viewIn({ views }: Definition, { name, from }: ConsumerSection): ViewDefinition {
  const view = views.find((each) => each.name === from);
  if (!view)
    throw new TidemarkError(
      "CONSUMER_VIEW",
      `consumer ${name}: there is no view "${from}"`,
      `there are: ${views.map((each) => each.name).join(", ") || "none"}; a new one is there after a batch`,
    );
  if (hasKnownRows(view)) return view;
  throw new TidemarkError(
    "CONSUMER_VIEW",
    `consumer ${name}: rows of view "${from}" can't be identified: it does not show all its group keys`,
    "show them",
  );
}

/** What a target's rows are derived from, and how they are written there. */
export function derivedFrom(manifest: VersionManifest, { from, to }: ConsumerSection): string {
  const { url: _secret, ...settings } = to;
  const all = [1, viewIdentity(manifest, from), manifest.definition.timezone, settings];
  return createHash("sha256").update(JSON.stringify(all)).digest("hex").slice(0, 32);
}

export function placeOf({ to }: ConsumerSection): string {
  return to.kind === "postgres" ? `table ${to.schema}.${to.table}` : `keys ${to.prefix}…`;
}
