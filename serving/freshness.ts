/** How far an answer lies behind the log, by looks at the log's end: no producer's clock is trusted. */
import { covers, type Position } from "../shared/position.ts";

/** What the log's end was at a moment, ms since the epoch, taken before it was asked for. */
interface Look {
  readonly at: number;
  readonly end: Position;
}

/** A look this old says nothing of now: the log can't be asked. */
const recentMs = 1000;
/** Looks kept before they are thinned; at four a second, ten minutes. */
const looksMax = 2400;

export class Freshness {
  #looks: Look[] = [];

  /** Notes a look at the log's end. */
  note(at: number, end: Position): void {
    this.#looks.push({ at, end });
    if (this.#looks.length > looksMax) this.#thin(at);
  }

  /** The older a look, the farther it may be from the next: a lag of hours is still told, a twentieth too long at most. */
  #thin(now: number): void {
    const kept: Look[] = [];
    for (const look of this.#looks.toReversed()) {
      const last = kept.at(-1);
      const oldest = look === this.#looks[0];
      if (!last || oldest || last.at - look.at >= (now - look.at) / 20) kept.push(look);
    }
    this.#looks = kept.reverse();
  }

  /** The newest look's end; null before the first. */
  get end(): Position | null {
    return this.#looks.at(-1)?.end ?? null;
  }

  /**
   * Milliseconds since the newest look whose end `position` covers: everything that was in the log then is in the answer.
   * 0 where that is the newest look and a recent one, so it is right up to the time between two looks. Null: not known.
   */
  lagMs(position: Position, now: number): number | null {
    const newest = this.#looks.at(-1);
    if (!newest) return null;
    if (covers(position, newest.end) && now - newest.at <= recentMs) return 0;
    const covered = this.#looks.findLast((look) => covers(position, look.end)) ?? this.#looks[0]!;
    return Math.max(0, Math.round(now - covered.at));
  }
}
