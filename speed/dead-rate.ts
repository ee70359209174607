/** How many of a stream's newest records are dead letters: an incident while they are many. By the log alone, whatever the clock. */
import type { DeadLetter } from "../shared/decode/decoded.ts";
import type { Incidents, Trouble } from "../shared/store/incidents.ts";

/** The newest records that are looked at: so many, and the rest of their oldest micro-batch. */
const newest = 1000;
/** Many: more of them than this share, and not fewer than `deadMin`. */
const shareMax = 0.01;
const deadMin = 10;

/** What became of the records of a stream in a micro-batch. */
export interface Judged {
  readonly records: number;
  readonly dead: readonly DeadLetter[];
}

interface Batch {
  readonly records: number;
  readonly dead: number;
}

interface Recent {
  batches: Batch[];
  /** One of them that is told of; the same until all is well, so that what is told changes seldom. */
  example: DeadLetter | null;
}

export class DeadRate {
  readonly #incidents: Incidents;
  readonly #recent = new Map<string, Recent>();

  constructor(incidents: Incidents) {
    this.#incidents = incidents;
  }

  /** Once for each micro-batch of a stream, in their order. @param views those that read the stream */
  async note(stream: string, { records, dead }: Judged, views: readonly string[]): Promise<void> {
    const recent = this.#recent.get(stream) ?? { batches: [], example: null };
    this.#recent.set(stream, recent);
    recent.batches.push({ records, dead: dead.length });
    recent.example ??= dead[0] ?? null;
    while (recordsOf(recent.batches.slice(1)) >= newest) recent.batches.shift();
    const [all, bad] = [recordsOf(recent.batches), recent.batches.reduce((sum, each) => sum + each.dead, 0)];
    if (bad >= deadMin && bad > shareMax * all)
      await this.#incidents.raise("dead-letters", stream, { ...troubleOf(stream, all, bad, recent.example!), views });
    // a process that has just started has not seen enough to take back what one before it has said
    else if (all >= newest) {
      recent.example = null;
      await this.#incidents.clear("dead-letters", stream);
    }
  }
}

function troubleOf(stream: string, all: number, bad: number, { partition, offset, reason }: DeadLetter): Trouble {
  const percent = bad === all ? "all" : bad > all / 10 ? `${Math.floor((10 * bad) / all) * 10} %` : "over 1 %";
  const message =
    `${percent} of the newest records of stream ${stream} are dead letters and count nowhere (partition ${partition} offset ${offset}: ${reason}): ` +
    `mend what sends them, or change the stream's fields; tidemark dead-letters list ${stream} --count has all reasons, and dead-letters replay takes up what was corrected`;
  return { code: "DEAD_LETTERS", message, streams: [stream] };
}

function recordsOf(batches: readonly Batch[]): number {
  return batches.reduce((sum, each) => sum + each.records, 0);
}
