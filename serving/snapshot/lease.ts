import type { Session } from "../../shared/duckdb/duck.ts";
import type { Asker } from "../../shared/waiting.ts";
import type { AnswerReader } from "./answer-reader.ts";
import type { ServedVersion } from "./loaded.ts";
import type { SessionPool } from "./pool.ts";

/**
 * What an answer holds while it is prepared and read: a pinned snapshot, a session to query it with, or the file that
 * its rows were written to. It is in one of these states:
 *
 * preparing: the answer is not ready. An error releases the lease with the scope that prepares the answer.
 *
 * prepared: the answer has been handed over, and reading has not begun. Its client may leave before the first byte;
 * then `releaseUnread` releases the lease.
 *
 * reading: the lease is released with the answer's last row, or when reading is canceled or fails.
 *
 * released: snapshot, session and file are given back.
 */
export class Lease implements Disposable {
  readonly served: ServedVersion;
  readonly #pool: SessionPool;
  #state: "preparing" | "prepared" | "reading" | "released" = "preparing";
  #session: Session | null = null;
  #file: Disposable | null = null;

  constructor(served: ServedVersion, pool: SessionPool) {
    this.served = served;
    this.#pool = pool;
  }

  /** @throws SERVE_BUSY; the reason why the asker is gone */
  async session(asker: Asker, reader: AnswerReader): Promise<Session> {
    this.#session = await this.#pool.take(asker, reader);
    await this.#session.inZone(this.served.manifest.definition.timezone);
    return this.#session;
  }

  /** Only the file is still needed: snapshot and session are released. */
  keepOnly(file: Disposable): void {
    this.#file = file;
    this.#releaseSnapshot();
  }

  /** The answer's rows: the lease is released when they end or are canceled. */
  async *rows<T>(rows: AsyncGenerator<T>): AsyncGenerator<T> {
    if (this.#state === "released") return;
    this.#state = "reading";
    try {
      yield* rows;
    } finally {
      this.release();
    }
  }

  /** From here on, reading the answer releases the lease. */
  handOver(): void {
    this.#state = "prepared";
  }

  releaseUnread(): void {
    if (this.#state === "prepared") this.release();
  }

  release(): void {
    if (this.#state === "released") return;
    this.#state = "released";
    this.#releaseSnapshot();
    this.#file?.[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    if (this.#state === "preparing") this.release();
  }

  #releaseSnapshot(): void {
    this.served.release();
    if (this.#session) this.#pool.release(this.#session);
    this.#session = null;
  }
}
