/**
 * What was sent and what became of it: every record has a number of its own, so that a lost or doubled one can
 * be known.
 */
export class Ledger {
  #next = 0;
  readonly #attempts: number[] = [];
  /** Numbers in the order of their acknowledgements. */
  readonly acknowledged: number[] = [];
  /** Appends of these were rejected at least once: whether they arrived is unknown. */
  readonly uncertain = new Set<number>();

  /** New numbers, not sent yet. */
  take(count: number): number[] {
    return Array.from({ length: count }, () => {
      this.#attempts[this.#next] = 0;
      return this.#next++;
    });
  }

  sending(numbers: readonly number[]): void {
    for (const number of numbers) this.#attempts[number]!++;
  }

  arrived(numbers: readonly number[]): void {
    this.acknowledged.push(...numbers);
  }

  rejected(numbers: readonly number[]): void {
    for (const number of numbers) this.uncertain.add(number);
  }

  /**
   * What does not agree with the log.
   *
   * @param found how often each number is in the log
   * @param expected the number of acknowledged ones that must be there already
   */
  judge(found: ReadonlyMap<number, number>, expected = this.acknowledged.length): string[] {
    const failures: string[] = [];
    const missing = this.acknowledged.slice(0, expected).filter((number) => !found.has(number));
    if (missing.length > 0) failures.push(`${missing.length} acknowledged records are missing: ${some(missing)}`);
    const doubled: number[] = [];
    const strange: number[] = [];
    for (const [number, count] of found) {
      const attempts = this.#attempts[number] ?? 0;
      if (attempts === 0) strange.push(number);
      else if (count > attempts) doubled.push(number);
    }
    if (doubled.length > 0)
      failures.push(`${doubled.length} are there more often than they were sent: ${some(doubled)}`);
    if (strange.length > 0) failures.push(`${strange.length} were never sent: ${some(strange)}`);
    return failures;
  }

  /** Numbers that were sent again after an uncertain end and are now there more than once, as the contract allows. */
  doubledAfterRetry(found: ReadonlyMap<number, number>): number {
    return [...this.uncertain].filter((number) => (found.get(number) ?? 0) > 1).length;
  }
}

export function some(list: readonly unknown[]): string {
  return `${list.slice(0, 8).join(", ")}${list.length > 8 ? ", …" : ""}`;
}
