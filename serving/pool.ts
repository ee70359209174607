import type { Duck, Session } from "../shared/duckdb/duck.ts";

/** A few sessions, each lent to one query at a time: statements of one session run one after the other. */
export class SessionPool {
  readonly #all: readonly Session[];
  readonly #free: Session[];
  readonly #waiting: ((session: Session) => void)[] = [];

  private constructor(sessions: Session[]) {
    this.#all = sessions;
    this.#free = [...sessions];
  }

  static async open(duck: Duck, size: number): Promise<SessionPool> {
    const sessions: Session[] = [];
    for (let i = 0; i < size; i++) sessions.push(await duck.session());
    return new SessionPool(sessions);
  }

  async take(): Promise<Session> {
    return this.#free.pop() ?? new Promise((resolve) => this.#waiting.push(resolve));
  }

  giveBack(session: Session): void {
    const next = this.#waiting.shift();
    if (next) next(session);
    else this.#free.push(session);
  }

  close(): void {
    for (const session of this.#all) session.close();
  }
}
