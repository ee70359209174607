/**
 * Which of two changes of one key is the newer one. A connector that restarts repeats a run of changes (v1, v2, again
 * v1, v2, then v3), and repeated ones are skipped: else a row would be what it was for a while.
 *
 * PostgreSQL's LSNs ascend for the changes of one key, since each waits for the transaction of the one before. What is
 * skipped has to be a repetition for certain, because a change that is skipped wrongly is lost for ever, while one
 * that is taken wrongly is followed by the rest of its run. So a change is old only where its LSN and its
 * time both are: a server whose LSNs begin again (restored from a dump) has later times.
 */
export interface Origin {
  readonly lsn: bigint;
  /** Commit time, µs since 1970; of a snapshot's row, when it was read. */
  readonly micros: bigint;
  /** Of a snapshot, which may have the LSN of the first change after it. */
  readonly snapshot: boolean;
}

/** One short text per key. */
export function orderText({ lsn, micros, snapshot }: Origin): string {
  return `${lsn} ${micros}${snapshot ? " r" : ""}`;
}

/** @param known the order that was kept with the key; undefined: the key was never seen */
export function isNewer(next: string | null, known: string | null | undefined): boolean {
  if (next === null || known === null || known === undefined) return true;
  const [a, b] = [originOf(next), originOf(known)];
  if (a.lsn > b.lsn || a.micros > b.micros) return true;
  return a.lsn === b.lsn && b.snapshot && !a.snapshot;
}

function originOf(text: string): Origin {
  const [lsn = "0", micros = "0", mark] = text.split(" ");
  return { lsn: BigInt(lsn), micros: BigInt(micros), snapshot: mark === "r" };
}
