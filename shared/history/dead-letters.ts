/** Dead letters in a table of the session's own: there may be more of them than memory holds. */
import type { Records } from "../archive/records.ts";
import type { StreamDefinition } from "../definition.ts";
import { freshName, quoteText, type Session } from "../duckdb/duck.ts";
import { suppressedFaults } from "../duplicates/faults.ts";
import { replayPrefix } from "../duplicates/partition.ts";
import type { Range } from "../position.ts";
import type { Segment } from "../store/layout.ts";
import { readCounted } from "./history.ts";

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

  async close(): Promise<void> {
    await this.#session.run(`DROP TABLE IF EXISTS ${this.letters}`);
    await this.#session.run(`DROP TABLE IF EXISTS ${this.replays}`);
  }
}

/**
 * Puts the dead letters of these ranges into a table, with what was sent, and the requests of dead letters that
 * were replayed.
 * @throws STORE_CORRUPT, STORE_GAP; LOG_RANGE where neither archive nor log has an offset any more
 */
export async function collectLetters(
  records: Records,
  session: Session,
  stream: StreamDefinition,
  ranges: readonly Range[],
  table: LetterTable,
): Promise<void> {
  for (const range of ranges.filter((each) => each.stream === stream.name)) {
    const segments = await records.segments(stream.name, range.partition);
    for (const segment of segments.filter((each) => each.from < range.upto && each.upto > range.from))
      await collectArchived(records, stream, range, segment, table);
    const from = Math.max(segments.at(-1)?.upto ?? range.from, range.from);
    if (from >= range.upto) continue;
    await readCounted(records, session, stream, { ...range, from }, async (decoded, batches) => {
      for (const { requests } of batches) await table.replayed(replaysIn(requests));
      if (decoded.dead.length === 0) return;
      const values = new Map(batches.flatMap((batch) => batch.records()).map(({ offset, value }) => [offset, value]));
      await table.add(decoded.dead.map((letter) => ({ ...letter, value: values.get(letter.offset) ?? null })));
    });
  }
}

async function collectArchived(
  records: Records,
  stream: StreamDefinition,
  { partition, from, upto }: Range,
  segment: Segment,
  table: LetterTable,
): Promise<void> {
  if (segment.dead === 0 && segment.requests?.length === 0) return;
  await records.check(stream, [segment]);
  const file = await records.rowsOf(segment);
  await table.addFrom(
    `SELECT ${quoteText(stream.name)}, ${partition}, __offset, __fault, __raw FROM ${file}
     WHERE __fault NOT IN (${suppressedFaults}) AND __offset >= ${from} AND __offset < ${upto} ORDER BY __offset`,
  );
  if (segment.requests !== null) return table.replayed(replaysIn(segment.requests));
  await table.replayedFrom(
    `SELECT DISTINCT __request FROM ${file} WHERE starts_with(__request, ${quoteText(replayPrefix)})`,
  );
}

function* replaysIn(requests: Iterable<{ readonly request: string }>): Generator<string> {
  for (const { request } of requests) if (request.startsWith(replayPrefix)) yield request;
}
