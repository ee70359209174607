/**
 * Timestamps more than a day ahead of log time, or invalid: an incident for each partition, for an hour after
 * the last one.
 */
import type { StrangeStamp } from "../shared/duplicates/duplicates.ts";
import { stampMax } from "../shared/duplicates/log-time.ts";
import type { Incidents, Trouble } from "../shared/store/incidents.ts";

/** How long a partition's incident lasts after the last such timestamp. */
const reportedMs = 60 * 60 * 1000;

export class StrangeStamps {
  readonly #incidents: Incidents;
  readonly #now: () => number;
  readonly #reported = new Map<string, { readonly at: number; readonly trouble: Trouble }>();
  #changed = true;

  constructor(incidents: Incidents, now: () => number) {
    this.#incidents = incidents;
    this.#now = now;
  }

  note(stream: string, stamps: readonly StrangeStamp[]): void {
    for (const { partition, offset, stamp, before } of stamps) {
      const what =
        stamp === null
          ? `has an impossible timestamp (before 1970 or after ${lastYear}: is its unit not milliseconds?)`
          : `is stamped ${timeText(stamp)}, more than a day after its partition's log time, ${timeText(before)}`;
      const message =
        `the record at offset ${offset} of stream ${stream} partition ${partition} ${what}; log time ` +
        `${stamp === null ? "ignores it" : "moves there only once a later append confirms it"}, ` +
        `and the record counts as late: check its producer's clock`;
      const trouble = { code: "LOG_TIME", message, streams: [stream] };
      this.#reported.set(`${stream}/${partition}`, { at: this.#now(), trouble });
      this.#changed = true;
    }
  }

  /** To be called from time to time. */
  async report(): Promise<void> {
    for (const [subject, { at }] of this.#reported) {
      if (this.#now() - at < reportedMs) continue;
      this.#reported.delete(subject);
      this.#changed = true;
    }
    if (!this.#changed) return;
    this.#changed = false;
    await this.#incidents.settle(
      "log-time",
      new Map([...this.#reported].map(([subject, { trouble }]) => [subject, trouble])),
    );
  }
}

const lastYear = timeText(stampMax).slice(0, 4);

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
