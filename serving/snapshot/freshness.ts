/** How far an answer lags behind the log, by polls of the log's end: no producer's clock is trusted. */
import { equals, follows, type Position } from "../../shared/position.ts";

/** The log's end, and when it was read: ms since the epoch, taken before the read. */
interface EndPoll {
  readonly at: number;
  readonly end: Position;
}

/** A poll that is older says nothing about now: the log can't be reached. */
const recentMs = 1000;
/** How many polls are kept one by one; at four a second, ten minutes. */
const pollsMax = 2400;
/** Of older polls every 60th is kept, and 12,000 of those: two days, to a quarter of a minute. */
const pollsPerMark = 60;
const marksMax = 12_000;
/** Offsets in all polls of either kind, however few polls that is: a few megabytes. */
const placesMax = 400_000;

/** The newest polls; when there are too many, the older half is dropped. */
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

  push(poll: EndPoll, places: number): void {
    this.#list.push(poll);
    this.#places += places;
    if (this.#list.length <= this.#max && this.#places <= placesMax) return;
    this.#list = this.#list.slice(-Math.ceil(this.#list.length / 2));
    this.#places /= 2;
  }
}

export class Freshness {
  readonly #marks = new PollHistory(marksMax);
  readonly #polls = new PollHistory(pollsMax);
  #noted = 0;

  /** Records a poll of the log's end. */
  note(at: number, end: Position): void {
    const before = this.end;
    // while nothing arrives, all polls share one end
    const same = before !== null && equals(before, end);
    const poll = { at, end: same ? before : end };
    const places = Object.values(end).reduce((sum, offsets) => sum + Object.keys(offsets).length, 1);
    this.#polls.push(poll, same ? 1 : places);
    if (this.#noted++ % pollsPerMark === 0) this.#marks.push(poll, places);
  }

  /** The log's end by the newest poll; null before the first. */
  get end(): Position | null {
    return this.#polls.list.at(-1)?.end ?? null;
  }

  /**
   * Milliseconds since the newest poll whose end `position` covers: everything that was in the log
   * then is in the answer. 0 where that is the newest poll and a recent one, so it is exact up to the
   * interval between two polls. Null: not known.
   */
  lagMs(position: Position, now: number): number | null {
    const newest = this.#polls.list.at(-1);
    if (!newest) return null;
    if (follows(position, newest.end) && now - newest.at <= recentMs) return 0;
    const isCovered = (poll: EndPoll) => follows(position, poll.end);
    const covered =
      this.#polls.list.findLast(isCovered) ?? this.#marks.list.findLast(isCovered) ?? this.#marks.list[0]!;
    return Math.max(0, Math.round(now - covered.at));
  }
}
