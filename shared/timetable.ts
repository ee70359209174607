/**
 * When a schedule's run is due. A schedule gives local times, and local clocks change: a time that a change
 * skips is due right after the change, and a time that comes twice is due the first time. An hourly schedule
 * follows elapsed time instead: it neither pauses while the clock repeats an hour nor catches up on a skipped
 * one. Runs that were missed (the machine slept, a run took long) are due once.
 */
import { WallTimes } from "./project/schedule.ts";

const quarterMs = 15 * 60_000;
const hourMs = 4 * quarterMs;
/** No clock change is larger; places that crossed the date line skipped a whole day. */
const changeMsMax = 26 * hourMs;
/** A clock may be set back by this much without repeating a run. */
const setBackMsMax = 25 * hourMs;

export class Timetable {
  readonly #times: WallTimes;
  readonly #clock: WallClock;
  readonly #everyHour: boolean;
  /** Everything due up to this time has run. */
  #since: number;
  /** Nothing is due before this time, unless the clock is set back. */
  #nextAt = Number.NEGATIVE_INFINITY;
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** @param since everything due up to this time has run, ms since the epoch */
  constructor(schedule: string, timezone: string, since: number) {
    this.#times = new WallTimes(schedule);
    this.#clock = new WallClock(timezone);
    this.#everyHour = this.#times.everyHour;
    this.#since = since;
  }

  /** Takes the run that is due: when it was due, or null. Several missed runs are taken as one. */
  take(now: number): number | null {
    const due = this.due(now);
    if (due !== null) this.#since = now;
    return due;
  }

  due(now: number): number | null {
    if (now >= this.#lookedAt && now < this.#nextAt) return null;
    this.#lookedAt = now;
    this.#nextAt = now;
    this.#nextAt += this.waitMs(now);
    if (this.#everyHour ? now < this.#since : now < this.#since - setBackMsMax) this.#since = now;
    if (now <= this.#since) return null;
    return this.#everyHour ? this.#lastOfTime(now) : this.#lastOfClock(now);
  }

  /** How long nothing becomes due, at most until the next quarter of an hour, when the clock may be changed. */
  waitMs(now: number): number {
    if (now >= this.#lookedAt && now < this.#nextAt) return this.#nextAt - now;
    const wall = this.#clock.at(now);
    return Math.min(Math.max(1, this.#times.next(wall) - wall), quarterMs - (now % quarterMs));
  }

  /**
   * The last due time by the highest local time shown so far: an hour that the clock repeats makes nothing due
   * again.
   */
  #lastOfClock(now: number): number | null {
    const wall = this.#times.last(this.#clock.highest(now));
    if (wall <= this.#clock.highest(this.#since)) return null;
    return Math.min(now, Math.max(this.#since + 1, this.#clock.when(wall, now)));
  }

  /** The last due time by elapsed time, over each span in which the clock is not changed. */
  #lastOfTime(now: number): number | null {
    let end = now;
    for (const change of [...this.#clock.changes(this.#since, now).reverse(), null]) {
      const offset = this.#clock.at(end) - end;
      // a change is the first moment of the span after it
      const start = change ?? this.#since + 1;
      const wall = this.#times.last(end + offset);
      if (wall >= start + offset) return wall - offset;
      end = start - 1;
    }
    return null;
  }
}

/** The local time of a time zone, as the ms since the epoch that UTC would have. */
class WallClock {
  readonly #format: Intl.DateTimeFormat;
  /** Offsets at whole hours, which are requested often. */
  readonly #offsets = new Map<number, number>();

  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat("en-US", {
      timeZone,
      calendar: "gregory",
      hourCycle: "h23",
      era: "short",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  at(time: number): number {
    return time + this.#offset(time);
  }

  /** The highest local time shown within about a day before. */
  highest(time: number): number {
    let most = this.at(time);
    for (const change of this.changes(time - changeMsMax, time)) most = Math.max(most, this.at(change - 1));
    return most;
  }

  /** When the clock shows `wall`, near `now`; if the time is skipped, when the clock goes on after it. */
  when(wall: number, now: number): number {
    const guess = wall - this.#offset(now);
    const found = [guess, wall - this.#offset(guess - changeMsMax)].filter((time) => this.at(time) === wall);
    if (found.length > 0) return Math.min(...found);
    return this.changes(guess - changeMsMax, guess + changeMsMax).find((change) => this.at(change) >= wall) ?? guess;
  }

  /** The first moments with another offset, ascending, in `(from, upto]`. */
  changes(from: number, upto: number): number[] {
    const found: number[] = [];
    // no zone changes its clocks twice within half a day; short ranges go by whole hours, which are cached
    const step = upto - from > 3 * changeMsMax ? 12 * hourMs : hourMs;
    for (let start = from; start < upto; ) {
      const end = Math.min(upto, Math.floor(start / hourMs) * hourMs + step);
      if (this.#offset(start) !== this.#offset(end)) found.push(this.#change(start, end));
      start = end;
    }
    return found;
  }

  #change(start: number, end: number): number {
    const before = this.#offset(start);
    let [low, high] = [start, end];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.#offset(middle) === before) low = middle;
      else high = middle;
    }
    return high;
  }

  #offset(time: number): number {
    const known = this.#offsets.get(time);
    if (known !== undefined) return known;
    const parts = Object.fromEntries(this.#format.formatToParts(time).map(({ type, value }) => [type, value]));
    const shown = Date.UTC(
      parts.era === "BC" ? 1 - Number(parts.year) : Number(parts.year),
      Number(parts.month) - 1,
      Number(parts.day),
      Number(parts.hour),
      Number(parts.minute),
      Number(parts.second),
    );
    const offset = shown - Math.floor(time / 1000) * 1000;
    if (time % hourMs === 0) {
      if (this.#offsets.size > 1000) this.#offsets.clear();
      this.#offsets.set(time, offset);
    }
    return offset;
  }
}
