/**
 * Log time by its own words, over all timestamps of a partition at once: slowly, and reading ahead to what comes
 * after.
 */
import { stampMax } from "../../shared/duplicates/log-time.ts";

const dayMs = 86_400_000;
const behindMax = 1000;

export interface Moment {
  /** Log time. */
  readonly now: number;
  /** The time at which its id is compared. */
  readonly at: number;
  /**
   * Where it lies for those that come after `settled`, which is the place of the record that settled it.
   * Before, it is as if it were now.
   */
  readonly time: number;
  readonly settled: number;
  /** What timestamps were then. */
  readonly stamp: number;
  /** Its own timestamp is none, or one that nothing had confirmed. */
  readonly strange: boolean;
}

export function logTimes(stamps: readonly number[]): Moment[] {
  let [time, stamp, behind, jump] = [0, 0, 0, 0];
  return stamps.map((own, place) => {
    const sure = () => ({ now: time, at: time, time, settled: place, stamp, strange: false });
    if (own <= 0 || own >= stampMax) return { ...sure(), strange: true };
    if (stamp === 0) [time, stamp] = [own, own];
    if (jump !== 0 && own !== jump && own >= jump - dayMs) {
      time += jump - stamp;
      [stamp, jump, behind] = [jump, 0, 0];
    }
    if (own > stamp + dayMs) {
      if (jump !== own) [jump, behind] = [own, jump === 0 ? behind : 0];
      const { settled, isConfirmed } = settling(stamps, place, stamp, behind);
      const ahead = own - stamp;
      return { now: time, at: time + ahead, time: isConfirmed ? time + ahead : time, settled, stamp, strange: true };
    }
    if (own <= stamp - dayMs) {
      if (++behind >= behindMax) [stamp, behind, jump] = [own, 0, 0];
      return sure();
    }
    [behind, jump] = [0, 0];
    if (own > stamp) [time, stamp] = [time + own - stamp, own];
    return sure();
  });
}

/** Which record says what the jump at a place was. */
function settling(stamps: readonly number[], place: number, stamp: number, behind: number) {
  const jump = stamps[place]!;
  for (let next = place + 1; next < stamps.length; next++) {
    const own = stamps[next]!;
    if (own <= 0 || own >= stampMax || own === jump) continue;
    if (own >= jump - dayMs) return { settled: next, isConfirmed: true };
    if (own > stamp - dayMs || ++behind >= behindMax) return { settled: next, isConfirmed: false };
  }
  return { settled: Number.POSITIVE_INFINITY, isConfirmed: false };
}
