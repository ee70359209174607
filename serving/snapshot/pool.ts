import type { Duck, Session } from "../../shared/duckdb/duck.ts";
import { type Asker, Waiting } from "../../shared/waiting.ts";
import type { AnswerReader } from "./answer-reader.ts";

/** Questions that wait for a session. */
const waitingMax = 256;
/** Of these, questions of one client. */
const clientMax = 128;
const waitMsMax = 10_000;

/** How long in total a reader may keep others waiting for its session. */
const patienceMs = 30_000;

/**
 * A few sessions, each lent to one query at a time, since the statements of a session run one after
 * the other. A slow reader may keep its session as long as no question waits for one. How many
 * questions wait, and for how long, is bounded.
 */
export class SessionPool {
  readonly #all: readonly Session[];
  readonly #free: Session[];
  readonly #patienceMs: number;
  readonly #waiting = new Waiting<Session>({ max: waitingMax, clientMax, msMax: waitMsMax, what: "questions" });
  readonly #readers = new Map<Session, AnswerReader>();
  #watch: NodeJS.Timeout | null = null;

  private constructor(sessions: Session[], patience: number) {
    this.#all = sessions;
    this.#free = [...sessions];
    this.#patienceMs = patience;
  }

  static async open(duck: Duck, size: number, patience = patienceMs): Promise<SessionPool> {
    const sessions: Session[] = [];
    for (let i = 0; i < size; i++) sessions.push(await duck.session());
    return new SessionPool(sessions, patience);
  }

  /**
   * @param reader of the rows, if it may be slow: canceling it releases the session
   * @throws SERVE_BUSY; the reason why the asker is gone
   */
  async take(asker: Asker, reader: AnswerReader | null = null): Promise<Session> {
    const session = this.#free.pop() ?? (await this.#turn(asker));
    if (reader) this.#readers.set(session, reader);
    return session;
  }

  /** Lends a session until `work` is done. @throws SERVE_BUSY; the reason why the asker is gone; what `work` throws */
  async lend<T>(asker: Asker, work: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.take(asker);
    try {
      return await work(session);
    } finally {
      this.release(session);
    }
  }

  release(session: Session): void {
    this.#readers.delete(session);
    const next = this.#waiting.next();
    if (next) next.go(session);
    else this.#free.push(session);
  }

  /** How long a question waits before slow readers are canceled. */
  get #hurryMs(): number {
    return this.#patienceMs / 30;
  }

  close(): void {
    this.#stopWatch();
    for (const session of this.#all) session.close();
  }

  #turn(asker: Asker): Promise<Session> {
    this.#watch ??= setInterval(() => this.#checkReaders(), this.#hurryMs).unref();
    return this.#waiting.wait(asker);
  }

  #checkReaders(): void {
    if (this.#waiting.count === 0) this.#stopWatch();
    else if (this.#waiting.longestMs >= this.#hurryMs) this.#cancelSlowest();
  }

  #cancelSlowest(): void {
    const slow = [...this.#readers.values()].filter((reader) => reader.waits && reader.idleMs > this.#patienceMs);
    slow.sort((left, right) => right.idleMs - left.idleMs)[0]?.cancel();
  }

  #stopWatch(): void {
    if (this.#watch) clearInterval(this.#watch);
    this.#watch = null;
  }
}
