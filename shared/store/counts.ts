/** What became of the records of a stretch of the log. */

export interface Counts {
  /** Valid events that count. */
  readonly events: number;
  readonly dead: number;
  /** Suppressed: their event, or their request, had counted before. */
  readonly duplicates: number;
  /** Of the events, those that came so late that a copy may have been forgotten. */
  readonly late: number;
}

export const noCounts: Counts = { events: 0, dead: 0, duplicates: 0, late: 0 };

export function addCounts(a: Counts, b: Counts): Counts {
  return {
    events: a.events + b.events,
    dead: a.dead + b.dead,
    duplicates: a.duplicates + b.duplicates,
    late: a.late + b.late,
  };
}

export function sumCounts(all: Iterable<Counts>): Counts {
  let sum = noCounts;
  for (const each of all) sum = addCounts(sum, each);
  return sum;
}
