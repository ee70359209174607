/** The reader of an answer's rows: how long it has kept its session idle, and whether it was canceled. */
export class AnswerReader {
  readonly #onCancel: () => void;
  #idleMs = 0;
  #since: number | null = null;
  #canceled = false;

  constructor(onCancel: () => void) {
    this.#onCancel = onCancel;
  }

  /** True while it has rows and has not asked for more. */
  get waits(): boolean {
    return this.#since !== null;
  }

  /** In total. */
  get idleMs(): number {
    return this.#idleMs + (this.#since === null ? 0 : performance.now() - this.#since);
  }

  cancel(): void {
    this.#canceled = true;
    this.#onCancel();
  }

  /** The same pieces. Fails once it is canceled, so that a client can't take a part for the whole answer. */
  async *reads<T>(pieces: AsyncGenerator<T>): AsyncGenerator<T> {
    try {
      for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
        this.#since = performance.now();
        yield next.value;
        this.#idleMs = this.idleMs;
        this.#since = null;
        if (this.#canceled) throw new Error("the rows were read too slowly while others waited");
      }
    } finally {
      this.#since = null;
      await pieces.return(undefined);
    }
  }
}
