import type { Session } from "../../shared/duckdb/duck.ts";
import type { Asker } from "../../shared/waiting.ts";
import type { ServedVersion } from "./loaded.ts";
import type { SessionPool } from "./pool.ts";
import type { Reader } from "./reader.ts";

/**
 * What an answer holds while it is made and read: a pinned snapshot, a session to ask it with, or the file that its
 * rows were written to. It is in one of these states:
 *
 * making: the answer is not there yet. What fails ends the lease with the scope that makes the answer.
 *
 * made: the answer has been handed out, and nobody has begun to read it. Its client may leave before the first byte;
 * then `abandon` ends the lease.
 *
 * reading: the lease ends with the answer's rows, however these end.
 *
 * over: all is given back.
 */
export class Lease implements Disposable {
  readonly served: ServedVersion;
  readonly #pool: SessionPool;
  #state: "making" | "made" | "reading" | "over" = "making";
  #session: Session | null = null;
  #file: Disposable | null = null;

  constructor(served: ServedVersion, pool: SessionPool) {
    this.served = served;
    this.#pool = pool;
  }

  /** @throws SERVE_BUSY; why the asker is gone */
  async session(asker: Asker, reader: Reader): Promise<Session> {
    this.#session = await this.#pool.take(asker, reader);
    await this.#session.inZone(this.served.manifest.definition.timezone);
    return this.#session;
  }

  /** The file is all that is still read: snapshot and session are given back. */
  keepOnly(file: Disposable): void {
    this.#file = file;
    this.#giveBack();
  }

  /** The answer's rows: the lease is over when they end, or are given up. */
  async *rows<T>(rows: AsyncGenerator<T>): AsyncGenerator<T> {
    if (this.#state === "over") return;
    this.#state = "reading";
    try {
      yield* rows;
    } finally {
      this.end();
    }
  }

  /** From here on the lease is its reader's to end. */
  handOut(): void {
    this.#state = "made";
  }

  abandon(): void {
    if (this.#state === "made") this.end();
  }

  end(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#giveBack();
    this.#file?.[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    if (this.#state === "making") this.end();
  }

  #giveBack(): void {
    this.served.release();
    if (this.#session) this.#pool.giveBack(this.#session);
    this.#session = null;
  }
}
