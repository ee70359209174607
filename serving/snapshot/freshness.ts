/** How far an answer lies behind the log, by looks at the log's end: no producer's clock is trusted. */
import { equals, follows, type Position } from "../../shared/position.ts";

/** What the log's end was at a moment, ms since the epoch, taken before it was asked for. */
interface EndPoll {
  readonly at: number;
  readonly end: Position;
}

/** A look this old says nothing of now: the log can't be asked. */
const recentMs = 1000;
/** How many polls are kept one by one; at four a second, ten minutes. */
const looksMax = 2400;
/** Of older ones so many make one, and so many of those are kept: two days, told to a quarter of a minute. */
const looksPerMark = 60;
const marksMax = 12_000;
/** Partitions of all looks of either kind, however few looks that are: a few megabytes. */
const placesMax = 400_000;

/** The newest looks; where they get too many, the older half is forgotten. */
class PollHistory {
  readonly #max: number;
  #list: EndPoll[] = [];
  #places = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get list(): readonly EndPoll[] {
    return this.#list;
  }

  push(look: EndPoll, places: number): void {
    this.#list.push(look);
    this.#places += places;
    if (this.#list.length <= this.#max && this.#places <= placesMax) return;
    this.#list = this.#list.slice(-Math.ceil(this.#list.length / 2));
    this.#places /= 2;
  }
}

export class Freshness {
  readonly #marks = new PollHistory(marksMax);
  readonly #looks = new PollHistory(looksMax);
  #noted = 0;

  /** Notes a look at the log's end. */
  note(at: number, end: Position): void {
    const before = this.end;
    // while nothing comes it is one end, looked at again and again
    const same = before !== null && equals(before, end);
    const look = { at, end: same ? before : end };
    const places = Object.values(end).reduce((sum, offsets) => sum + Object.keys(offsets).length, 1);
    this.#looks.push(look, same ? 1 : places);
    if (this.#noted++ % looksPerMark === 0) this.#marks.push(look, places);
  }

  /** The newest look's end; null before the first. */
  get end(): Position | null {
    return this.#looks.list.at(-1)?.end ?? null;
  }

  /**
   * Milliseconds since the newest look whose end `position` covers: everything that was in the log
   * then is in the answer. 0 where that is the newest look and a recent one, so it is right up to
   * the time between two looks. Null: not known.
   */
  lagMs(position: Position, now: number): number | null {
    const newest = this.#looks.list.at(-1);
    if (!newest) return null;
    if (follows(position, newest.end) && now - newest.at <= recentMs) return 0;
    const isCovered = (look: EndPoll) => follows(position, look.end);
    const covered =
      this.#looks.list.findLast(isCovered) ?? this.#marks.list.findLast(isCovered) ?? this.#marks.list[0]!;
    return Math.max(0, Math.round(now - covered.at));
  }
}
