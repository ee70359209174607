/**
 * The share of dead letters in a stream's newest records: an incident while it is high. Decided by the log, not
 * by the clock.
 */
import type { DeadLetter } from "../shared/decode/dead-letter.ts";
import type { Incidents, Trouble } from "../shared/store/incidents.ts";

/** How many of the newest records count, rounded up to whole micro-batches. */
const newest = 1000;
/** Too high: above `shareMax`, with at least `deadMin` dead letters. */
const shareMax = 0.01;
const deadMin = 10;

/** Records and dead letters of a stream in a micro-batch. */
export interface StreamOutcome {
  readonly records: number;
  readonly dead: readonly DeadLetter[];
}

interface Batch {
  readonly records: number;
  readonly dead: number;
}

interface Recent {
  batches: Batch[];
  /**
   * The dead letter that the incident quotes: the same one until the incident is cleared, so that it rarely
   * changes.
   */
  example: DeadLetter | null;
}

export class DeadRate {
  readonly #incidents: Incidents;
  readonly #recent = new Map<string, Recent>();

  constructor(incidents: Incidents) {
    this.#incidents = incidents;
  }

  /** To be called once for each micro-batch of a stream, in order. @param views those that read the stream */
  async note(stream: string, { records, dead }: StreamOutcome, views: readonly string[]): Promise<void> {
    const recent = this.#recent.get(stream) ?? { batches: [], example: null };
    this.#recent.set(stream, recent);
    recent.batches.push({ records, dead: dead.length });
    recent.example ??= dead[0] ?? null;
    while (recordsOf(recent.batches.slice(1)) >= newest) recent.batches.shift();
    const [all, bad] = [recordsOf(recent.batches), recent.batches.reduce((sum, each) => sum + each.dead, 0)];
    if (bad >= deadMin && bad > shareMax * all)
      await this.#incidents.raise("dead-letters", stream, { ...troubleOf(stream, all, bad, recent.example!), views });
    // a process that has just started hasn't read enough records to clear its predecessor's incident
    else if (all >= newest) {
      recent.example = null;
      await this.#incidents.clear("dead-letters", stream);
    }
  }
}

function troubleOf(stream: string, all: number, bad: number, { partition, offset, reason }: DeadLetter): Trouble {
  const percent = bad === all ? "all" : bad > all / 10 ? `${Math.floor((10 * bad) / all) * 10} %` : "over 1 %";
  const message =
    `${percent} of the newest records of stream ${stream} are dead letters and count nowhere ` +
    `(partition ${partition} offset ${offset}: ${reason}): fix their producer, or change the stream's fields; ` +
    `tidemark dead-letters list ${stream} --count lists all reasons, and dead-letters replay appends corrected ones`;
  return { code: "DEAD_LETTERS", message, streams: [stream] };
}

function recordsOf(batches: readonly Batch[]): number {
  return batches.reduce((sum, each) => sum + each.records, 0);
}
