/** What a delta meets of timestamps that lie more than a day ahead, or are none: an incident for each partition, for some time. */
import type { StrangeStamp } from "../shared/duplicates/duplicates.ts";
import { stampMax } from "../shared/duplicates/log-time.ts";
import type { Incidents, Trouble } from "../shared/store/incidents.ts";

/** Told for so long after the last one. */
const toldMs = 60 * 60 * 1000;

export class StrangeStamps {
  readonly #incidents: Incidents;
  readonly #now: () => number;
  readonly #told = new Map<string, { readonly at: number; readonly trouble: Trouble }>();
  #changed = true;

  constructor(incidents: Incidents, now: () => number) {
    this.#incidents = incidents;
    this.#now = now;
  }

  note(stream: string, stamps: readonly StrangeStamp[]): void {
    for (const { partition, offset, stamp, before } of stamps) {
      const what =
        stamp === null
          ? `has no timestamp that a clock could show (it is below 1970 or beyond ${timeText(stampMax).slice(0, 4)}: in another unit than milliseconds?)`
          : `is stamped ${timeText(stamp)}, more than a day after ${timeText(before)}, where log time stands`;
      const message =
        `the record at offset ${offset} of stream ${stream} partition ${partition} ${what}; log time ` +
        `${stamp === null ? "does not move by it" : "moves there only once a later append confirms it"}, and it counts as late: look at its producer's clock`;
      const trouble = { code: "LOG_TIME", message, streams: [stream] };
      this.#told.set(`${stream}/${partition}`, { at: this.#now(), trouble });
      this.#changed = true;
    }
  }

  /** To be called from time to time. */
  async tell(): Promise<void> {
    for (const [subject, { at }] of this.#told) {
      if (this.#now() - at < toldMs) continue;
      this.#told.delete(subject);
      this.#changed = true;
    }
    if (!this.#changed) return;
    this.#changed = false;
    await this.#incidents.settle(
      "log-time",
      new Map([...this.#told].map(([subject, { trouble }]) => [subject, trouble])),
    );
  }
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
