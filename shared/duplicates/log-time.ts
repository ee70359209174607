/**
 * Log time: the time of day in a partition, derived from its records' timestamps alone, so that archive, speed
 * and any replay agree. It never goes back, and no single record, append or producer can pin it:
 * - a timestamp that no clock shows (see stampMax) moves nothing;
 * - one more than a day ahead moves it only once a later append confirms it, by a timestamp from a day before
 *   that one on. The records of an append share one timestamp, so that none confirms itself. Until then such a
 *   record's id is searched at its own time (it may be right: then whatever came before is long ago), and it
 *   counts as late; its request at log time, for what was sent again is the same at any time;
 * - after a thousand records in a row that are more than a day behind it, it goes on with theirs: then what it
 *   followed was wrong.
 */

/**
 * Timestamps from here on, and up to 0, are invalid: readers of logs that take any number clip to `[0, stampMax]`.
 * 9999-12-31T23:59:59.999Z.
 */
export const stampMax = 253_402_300_799_999;
const dayMs = 24 * 60 * 60 * 1000;
const behindMax = 1000;

/** The state of log time at an offset, ms. */
export interface Clock {
  /** Log time. */
  readonly time: number;
  /** The timestamp that it is at; 0: none yet. The two differ once log time was corrected. */
  readonly stamp: number;
  /** The timestamp of a jump that nothing has confirmed; 0: there is none. */
  readonly jump: number;
  /** How many records in a row were more than a day behind. */
  readonly behind: number;
}

export const noClock: Clock = { time: 0, stamp: 0, jump: 0, behind: 0 };

/** The clock of a log time that was the running maximum of timestamps. */
export function clockOfLatest(latest: number): Clock {
  return { ...noClock, time: latest, stamp: latest };
}

/** A timestamp, clipped to the valid range: some logs take any number. */
export function stampWithin(timestamp: number): number {
  return timestamp >= 0 ? Math.min(timestamp, stampMax) : 0;
}

/**
 * The timestamp that the embedded log gives an append: its clock, never below the timestamp before, unless that
 * lies more than a day ahead.
 */
export function stampOf(now: number, before: number): number {
  return before > now + dayMs ? now : Math.max(now, before);
}

/** How a record's timestamp relates to those before it. */
export type Strange = "none" | "ahead" | null;

export class LogTime implements Clock {
  time: number;
  stamp: number;
  jump: number;
  behind: number;
  /** The time at which the id of the last record is searched. */
  at: number;
  /** Whether that record's timestamp was invalid, or is a jump. */
  strange: Strange = null;
  /** Whether it confirmed or refuted an unconfirmed jump before it. */
  settled: "confirmed" | "dropped" | null = null;
  /** The log time of that jump. */
  settledAt = 0;
  /** Since `restart`, log time was a running maximum of timestamps, and nothing more. */
  steady = false;

  constructor({ time, stamp, jump, behind }: Clock = noClock) {
    this.time = time;
    this.stamp = stamp;
    this.jump = jump;
    this.behind = behind;
    this.at = time;
  }

  /** To whom nothing before matters but this. */
  get clock(): Clock {
    const { time, stamp, jump, behind } = this;
    return { time, stamp, jump, behind };
  }

  set({ time, stamp, jump, behind }: Clock): void {
    this.time = time;
    this.stamp = stamp;
    this.jump = jump;
    this.behind = behind;
    this.at = time;
  }

  restart(): void {
    this.steady = this.jump === 0 && this.behind === 0;
  }

  /** The next record of the partition. */
  pass(stamp: number): void {
    this.settled = null;
    this.strange = null;
    const isNear = stamp > this.stamp - dayMs && stamp <= this.stamp + dayMs;
    if (isNear && this.jump === 0 && this.stamp > 0 && stamp > 0 && stamp < stampMax) {
      if (stamp > this.stamp) {
        this.time += stamp - this.stamp;
        this.stamp = stamp;
      }
      this.behind = 0;
    } else this.#passStrange(stamp);
    if (this.strange !== "ahead") this.at = this.time;
  }

  #passStrange(stamp: number): void {
    if (stamp <= 0 || stamp >= stampMax) {
      this.steady = false;
      this.strange = "none";
      return;
    }
    if (this.stamp === 0) {
      this.time = Math.max(this.time, stamp);
      this.stamp = stamp;
      return;
    }
    this.steady = false;
    if (this.jump !== 0 && stamp !== this.jump && stamp >= this.jump - dayMs) {
      this.time += this.jump - this.stamp;
      this.stamp = this.jump;
      this.#settle("confirmed");
    }
    if (stamp > this.stamp + dayMs) {
      if (this.jump !== 0 && this.jump !== stamp) this.#settle("dropped");
      this.jump = stamp;
      this.at = this.time + stamp - this.stamp;
      this.strange = "ahead";
    } else if (stamp > this.stamp - dayMs) {
      if (this.jump !== 0) this.#settle("dropped");
      this.behind = 0;
      this.time += Math.max(0, stamp - this.stamp);
      this.stamp = Math.max(stamp, this.stamp);
    } else if (++this.behind >= behindMax) {
      if (this.jump !== 0) this.#settle("dropped");
      this.stamp = stamp;
      this.behind = 0;
    }
  }

  #settle(how: "confirmed" | "dropped"): void {
    this.settled = how;
    this.settledAt = this.time;
    this.jump = 0;
    this.behind = 0;
  }
}
