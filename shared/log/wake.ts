/** Lets readers at the end of a log sleep until something happens or their time is up. */
export class Wake {
  readonly #sleepers = new Set<() => void>();

  /** Resolves at the next `wake()`, or after `ms` milliseconds. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#sleepers.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#sleepers.add(done);
    });
  }

  wake(): void {
    for (const done of [...this.#sleepers]) done();
  }
}
