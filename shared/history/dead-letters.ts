/** Dead letters in a table of the session's own: there may be more of them than memory holds. */
import type { Session } from "../duckdb/duck.ts";
import { freshName } from "../duckdb/duck.ts";

export interface Letter {
  readonly stream: string;
  readonly partition: number;
  readonly offset: number;
  readonly reason: string;
  /** What was sent; null: nothing (a tombstone). */
  readonly value: Buffer | null;
}

export class LetterTable {
  readonly #session: Session;
  /** Columns: stream, partition, offset, reason, value. */
  readonly letters = freshName("letters");
  /** Requests under which dead letters were replayed: column request. */
  readonly replays = freshName("replays");

  private constructor(session: Session) {
    this.#session = session;
  }

  static async create(session: Session): Promise<LetterTable> {
    const table = new LetterTable(session);
    await session.run(
      `CREATE TEMP TABLE ${table.letters} (stream VARCHAR, partition INTEGER, "offset" BIGINT, reason VARCHAR, value BLOB)`,
    );
    await session.run(`CREATE TEMP TABLE ${table.replays} (request VARCHAR)`);
    return table;
  }

  /** @param select of stream, partition, offset, reason and value, in the log's order */
  async addFrom(select: string): Promise<void> {
    await this.#session.run(`INSERT INTO ${this.letters} ${select}`);
  }

  async add(letters: Iterable<Letter>): Promise<void> {
    const appender = await this.#session.connection.createAppender(this.letters, undefined, "temp");
    for (const { stream, partition, offset, reason, value } of letters) {
      appender.appendVarchar(stream);
      appender.appendInteger(partition);
      appender.appendBigInt(BigInt(offset));
      appender.appendVarchar(reason);
      if (value === null) appender.appendNull();
      else appender.appendBlob(value);
      appender.endRow();
    }
    appender.closeSync();
  }

  /** @param select of requests */
  async replayedFrom(select: string): Promise<void> {
    await this.#session.run(`INSERT INTO ${this.replays} ${select}`);
  }

  async replayed(requests: Iterable<string>): Promise<void> {
    const appender = await this.#session.connection.createAppender(this.replays, undefined, "temp");
    for (const request of requests) {
      appender.appendVarchar(request);
      appender.endRow();
    }
    appender.closeSync();
  }

  async drop(): Promise<void> {
    await this.#session.run(`DROP TABLE IF EXISTS ${this.letters}`);
    await this.#session.run(`DROP TABLE IF EXISTS ${this.replays}`);
  }
}
