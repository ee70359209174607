/** Who reads an answer's rows, as they are asked for: how long it has let us wait, and whether it was given up. */
export class Reader {
  readonly #onGivenUp: () => void;
  #idleMs = 0;
  #since: number | null = null;
  #givenUp = false;

  constructor(onGivenUp: () => void) {
    this.#onGivenUp = onGivenUp;
  }

  /** True while it has rows and asks for no more. */
  get waits(): boolean {
    return this.#since !== null;
  }

  /** All in all. */
  get idleMs(): number {
    return this.#idleMs + (this.#since === null ? 0 : performance.now() - this.#since);
  }

  giveUp(): void {
    this.#givenUp = true;
    this.#onGivenUp();
  }

  /** The same pieces. Fails where it was given up meanwhile, so that a part is never taken for the whole. */
  async *reads<T>(pieces: AsyncGenerator<T>): AsyncGenerator<T> {
    try {
      for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
        this.#since = performance.now();
        yield next.value;
        this.#idleMs = this.idleMs;
        this.#since = null;
        if (this.#givenUp) throw new Error("the rows were read too slowly while others waited");
      }
    } finally {
      this.#since = null;
      await pieces.return(undefined);
    }
  }
}
