/** What every answer must be, computed from what was appended, in plain loops. */
import type { Position } from "../../shared/position.ts";

export interface Sent {
  readonly partition: number;
  /** Null: no event of the stream (a dead letter). */
  readonly event: { readonly e: string; readonly g: string; readonly x: number } | null;
  readonly request: string;
  readonly sequence: number;
  readonly time: number;
}

interface Kept extends Sent {
  readonly fate: "counts" | "dead" | "duplicate" | "repeated";
  /** Log time here. */
  readonly clock: number;
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

  /** A record that the log has. */
  append(sent: Sent): void {
    const own = this.kept[sent.partition]!;
    own.push({ ...sent, fate: this.#fateOf(sent, own), clock: Math.max(sent.time, own.at(-1)?.clock ?? 0) });
  }

  #fateOf(sent: Sent, before: readonly Kept[]): Kept["fate"] {
    const clock = Math.max(sent.time, before.at(-1)?.clock ?? 0);
    const same = (each: Kept) => each.request === sent.request && each.sequence === sent.sequence;
    const first = before.findLast((each) => same(each) && each.fate !== "repeated");
    if (first && hour(first.clock) >= hour(clock) - 24) return "repeated";
    if (!sent.event) return "dead";
    const last = before.findLast((each) => each.fate === "counts" && each.event!.e === sent.event!.e);
    return last && last.clock >= clock - this.#windowMs ? "duplicate" : "counts";
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
