/** How far an answer lies behind the log, by looks at the log's end: no producer's clock is trusted. */
import { covers, type Position } from "../shared/position.ts";

/** What the log's end was at a moment, ms since the epoch, taken before it was asked for. */
interface Look {
  readonly at: number;
  readonly end: Position;
}

/** A look this old says nothing of now: the log can't be asked. */
const recentMs = 1000;
/** Looks kept one by one; at four a second, ten minutes. */
const looksMax = 2400;
/** Of older ones so many make one, and so many of those are kept: two days, told to a quarter of a minute. */
const looksPerMark = 60;
const marksMax = 12_000;

export class Freshness {
  #marks: Look[] = [];
  #looks: Look[] = [];
  #noted = 0;

  /** Notes a look at the log's end. */
  note(at: number, end: Position): void {
    this.#looks.push({ at, end });
    if (this.#noted++ % looksPerMark === 0) this.#marks.push({ at, end });
    if (this.#looks.length > looksMax) this.#looks = this.#looks.slice(-looksMax / 2);
    if (this.#marks.length > marksMax) this.#marks = this.#marks.slice(-marksMax / 2);
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
    const isCovered = (look: Look) => covers(position, look.end);
    const covered = this.#looks.findLast(isCovered) ?? this.#marks.findLast(isCovered) ?? this.#marks[0]!;
    return Math.max(0, Math.round(now - covered.at));
  }
}
