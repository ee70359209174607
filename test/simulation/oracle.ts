/** What every answer must be, computed from what was appended, in plain loops. */
import type { Position } from "../../shared/position.ts";
import { logTimes, type Moment } from "../support/log-time.ts";

export interface Sent {
  readonly partition: number;
  /** Null: no event of the stream (a dead letter). */
  readonly event: { readonly e: string; readonly g: string; readonly x: number } | null;
  readonly request: string;
  readonly sequence: number;
  /** Its timestamp in the log. */
  readonly time: number;
}

interface Kept extends Sent {
  readonly fate: "counts" | "dead" | "duplicate" | "repeated";
}

const hour = (time: number) => Math.floor(time / 3_600_000);

export class Oracle {
  readonly #windowMs: number;
  /** By partition, in offset order. */
  readonly kept: Kept[][];

  constructor(partitions: number, windowMs: number) {
    this.#windowMs = windowMs;
    this.kept = Array.from({ length: partitions }, () => []);
  }

  /** A record that the log has, with its timestamp there. */
  append(sent: Sent): void {
    const own = this.kept[sent.partition]!;
    own.push({ ...sent, fate: "counts" });
    // an open jump may be settled by now: fates never change by that, but what they were decided by is recomputed
    const moments = logTimes(own.map(({ time }) => time));
    own[own.length - 1] = { ...sent, fate: this.#fateOf(sent, own.slice(0, -1), moments) };
  }

  #fateOf(sent: Sent, before: readonly Kept[], moments: readonly Moment[]): Kept["fate"] {
    const { now, at } = moments.at(-1)!;
    const timeOf = (place: number) =>
      moments[place]!.settled > before.length ? Number.POSITIVE_INFINITY : moments[place]!.time;
    const isRepeated = before.some(
      ({ request, sequence, fate }, place) =>
        request === sent.request &&
        sequence === sent.sequence &&
        fate !== "repeated" &&
        hour(timeOf(place)) >= hour(now) - 24,
    );
    if (isRepeated) return "repeated";
    if (!sent.event) return "dead";
    const isDuplicate = before.some(
      ({ event, fate }, place) =>
        fate === "counts" && event!.e === sent.event!.e && timeOf(place) >= at - this.#windowMs,
    );
    return isDuplicate ? "duplicate" : "counts";
  }

  end(): Position {
    return { events: Object.fromEntries(this.kept.map((own, partition) => [partition, own.length])) };
  }

  /** Rows of the views, as JSON texts by view. */
  at(position: Position): Readonly<Record<string, string>> {
    const groups = new Map<string, { n: number; s: number }>();
    let [n, top, dead, suppressed] = [0, null as number | null, 0, 0];
    for (const [partition, own] of this.kept.entries()) {
      const upto = position.events?.[partition] ?? 0;
      for (const { fate, event } of own.slice(0, upto)) {
        if (fate === "dead") dead++;
        if (fate === "duplicate" || fate === "repeated") suppressed++;
        if (fate !== "counts") continue;
        const { g, x } = event!;
        const group = groups.get(g) ?? { n: 0, s: 0 };
        groups.set(g, { n: group.n + 1, s: group.s + x });
        n++;
        top = top === null || x > top ? x : top;
      }
    }
    const rows = [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([g, each]) => [g, each.n, each.s]);
    return {
      groups: JSON.stringify(rows),
      total: JSON.stringify([[n, top]]),
      counts: JSON.stringify([n, dead, suppressed]),
    };
  }
}
