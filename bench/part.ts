/** What every part of the bench gets and gives. */

/** One line of the table. A ratio is measured, the median of each round's own; it is never the ratio of two medians. */
export interface Figure {
  readonly name: string;
  /** The median with its unit, e.g. "812 ms". */
  readonly median: string;
  /** Least to greatest, in the same unit. */
  readonly spread: string;
  readonly ratio: number | null;
  readonly goal: Goal | null;
}

/** A bound on the ratio, or on the median where there is no ratio. */
export interface Goal {
  readonly text: string;
  readonly reached: boolean;
}

export interface Bench {
  /** Multiplies every number of events and rows; 1 for figures to quote. */
  readonly scale: number;
  readonly rounds: number;
  /** How long latency is measured. */
  readonly minutes: number;
  /** A folder of the part's own, removed at the end. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

export interface Part {
  readonly name: string;
  readonly run: (bench: Bench) => Promise<Figure[]>;
}
