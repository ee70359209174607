/** What breaks, and what must hold all the same: the contract of every fault that `make faults` puts in. */

export interface FaultOptions {
  /** How many times it is put in. */
  readonly n: number;
  readonly seed: number;
  /** Progress, on standard error. */
  readonly say: (line: string) => void;
}

export interface FaultReport {
  /** How many times it was put in, which may be more or less than asked (every k there is, all kinds of files). */
  readonly n: number;
  /** What did not hold, one line each with all that is needed to see it again; empty: everything held. */
  readonly failures: readonly string[];
  /** What was counted beside, for the table. */
  readonly facts: Readonly<Record<string, number | string>>;
  /** Why it could not be put in here (no java, no strace, not root). */
  readonly skipped?: string;
  /** A machine that lacks it may be a good one all the same (a container without rights): not even CI needs it. */
  readonly mayLack?: true;
}

export interface Fault {
  readonly name: string;
  readonly promise: string;
  readonly how: string;
  /** N of a full run, and of the short share in CI. */
  readonly full: number;
  readonly short: number;
  run(options: FaultOptions): Promise<FaultReport>;
}

/** xorshift32: numbers in [0, 1) that depend on the seed alone. */
export function randomOf(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}
