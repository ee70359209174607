/**
 * When a schedule's run is due. A schedule is of times on the clock of a place, whose clocks are changed: a time that such a change leaves out
 * is due when the clock goes on, and one that comes twice is due the first time. What runs every hour follows time itself: it neither pauses
 * while the clock shows an hour again, nor catches up what there was no time for. Whatever was due while nobody looked (a machine that slept,
 * a run that took long) is due once.
 */
import { WallTimes } from "../shared/project/schedule.ts";

const quarterMs = 15 * 60_000;
const hourMs = 4 * quarterMs;
/** No change of clocks is larger: days were left out where a place moved over the date line. */
const changeMsMax = 26 * hourMs;
/** So far back a clock may be set, and nothing that has run runs again. */
const setBackMsMax = 25 * hourMs;

export class Timetable {
  readonly #times: WallTimes;
  readonly #clock: WallClock;
  readonly #everyHour: boolean;
  /** Up to when all that was due has run. */
  #since: number;
  /** Before it nothing is due, as long as the clock only goes on. */
  #nextAt = Number.NEGATIVE_INFINITY;
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** @param since what was due up to then has run, ms since the epoch */
  constructor(schedule: string, timezone: string, since: number) {
    this.#times = new WallTimes(schedule);
    this.#clock = new WallClock(timezone);
    this.#everyHour = this.#times.everyHour;
    this.#since = since;
  }

  /** When the run was due that has not been taken yet; null: none is due. Taken once, however many were. */
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

  /** How long nothing becomes due, up to the next quarter of an hour at most: the clock may be changed then. */
  waitMs(now: number): number {
    if (now >= this.#lookedAt && now < this.#nextAt) return this.#nextAt - now;
    const wall = this.#clock.at(now);
    return Math.min(Math.max(1, this.#times.next(wall) - wall), quarterMs - (now % quarterMs));
  }

  /** By what the clock shows at most up to a moment: it shows an hour again without coming to anything new. */
  #lastOfClock(now: number): number | null {
    const wall = this.#times.last(this.#clock.highest(now));
    if (wall <= this.#clock.highest(this.#since)) return null;
    return Math.min(now, Math.max(this.#since + 1, this.#clock.when(wall, now)));
  }

  /** By every stretch of time in which the clock is not changed. */
  #lastOfTime(now: number): number | null {
    let end = now;
    for (const change of [...this.#clock.changes(this.#since, now).reverse(), null]) {
      const offset = this.#clock.at(end) - end;
      // a change is the first moment of the stretch after it
      const start = change ?? this.#since + 1;
      const wall = this.#times.last(end + offset);
      if (wall >= start + offset) return wall - offset;
      end = start - 1;
    }
    return null;
  }
}

/** What clocks show in a time zone, as ms since the epoch would be in UTC. */
class WallClock {
  readonly #format: Intl.DateTimeFormat;
  /** By whole hours, which are asked for again and again. */
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

  /** The most that it has shown up to then, but for what it showed before its last day. */
  highest(time: number): number {
    let most = this.at(time);
    for (const change of this.changes(time - changeMsMax, time)) most = Math.max(most, this.at(change - 1));
    return most;
  }

  /** When it shows this, about `now`; where it never does, when it goes on after that. */
  when(wall: number, now: number): number {
    const guess = wall - this.#offset(now);
    const found = [guess, wall - this.#offset(guess - changeMsMax)].filter((time) => this.at(time) === wall);
    if (found.length > 0) return Math.min(...found);
    return this.changes(guess - changeMsMax, guess + changeMsMax).find((change) => this.at(change) >= wall) ?? guess;
  }

  /** The first moments with another offset, ascending, in `(from, upto]`. */
  changes(from: number, upto: number): number[] {
    const found: number[] = [];
    // nowhere are clocks changed twice within half a day; whole hours where that may be, for they are known
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
