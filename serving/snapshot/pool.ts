import type { Duck, Session } from "../../shared/duckdb/duck.ts";
import { type Asker, Waiting } from "../../shared/waiting.ts";
import type { Reader } from "./reader.ts";

/** Questions that wait for a session. */
const waitingMax = 256;
/** Of one client. */
const clientMax = 128;
const waitMsMax = 10_000;

/** So long, all in all, a reader may let others wait for its session. */
const patienceMs = 30_000;

/**
 * A few sessions, each lent to one query at a time: statements of one session run one after the
 * other. Whoever reads slowly may do so as long as nobody else wants the session; questions wait
 * for so long, and so many of them.
 */
export class SessionPool {
  readonly #all: readonly Session[];
  readonly #free: Session[];
  readonly #patienceMs: number;
  readonly #waiting = new Waiting<Session>({ max: waitingMax, clientMax, msMax: waitMsMax, what: "questions" });
  readonly #readers = new Map<Session, Reader>();
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
   * @param reader of what the session is taken for, if its rows go to someone who may be slow; who
   * gives it up gives the session back
   * @throws SERVE_BUSY; why the asker is gone
   */
  async take(asker: Asker, reader: Reader | null = null): Promise<Session> {
    const session = this.#free.pop() ?? (await this.#turn(asker));
    if (reader) this.#readers.set(session, reader);
    return session;
  }

  /** Lends a session for as long as the work takes. @throws SERVE_BUSY; why the asker is gone; what `work` throws */
  async lend<T>(asker: Asker, work: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.take(asker);
    try {
      return await work(session);
    } finally {
      this.giveBack(session);
    }
  }

  giveBack(session: Session): void {
    this.#readers.delete(session);
    const next = this.#waiting.next();
    if (next) next.go(session);
    else this.#free.push(session);
  }

  /** How long someone waits before others are hurried. */
  get #hurryMs(): number {
    return this.#patienceMs / 30;
  }

  close(): void {
    this.#rest();
    for (const session of this.#all) session.close();
  }

  #turn(asker: Asker): Promise<Session> {
    this.#watch ??= setInterval(() => this.#hurry(), this.#hurryMs).unref();
    return this.#waiting.wait(asker);
  }

  #hurry(): void {
    if (this.#waiting.count === 0) this.#rest();
    else if (this.#waiting.longestMs >= this.#hurryMs) this.#giveSlowestUp();
  }

  #giveSlowestUp(): void {
    const slow = [...this.#readers.values()].filter((reader) => reader.waits && reader.idleMs > this.#patienceMs);
    slow.sort((left, right) => right.idleMs - left.idleMs)[0]?.giveUp();
  }

  #rest(): void {
    if (this.#watch) clearInterval(this.#watch);
    this.#watch = null;
  }
}
