/** Dead letters as a person reads them: listed, counted by reason, and whether their corrected events were appended. */
import type { DuckDBBlobValue } from "@duckdb/node-api";
import { Records } from "../archive/records.ts";
import type { StreamDefinition } from "../definition.ts";
import { quoteText, type Session } from "../duckdb/duck.ts";
import { replayPrefix } from "../duplicates/partition.ts";
import type { Log } from "../log/log.ts";
import { ofStreams, type Position, rangesBetween } from "../position.ts";
import type { VersionManifest } from "../store/layout.ts";
import { endOf } from "../store/origin.ts";
import type { Store } from "../store/store.ts";
import { collectLetters, LetterTable } from "./dead-letters.ts";

/** A dead letter as it is listed, and given back corrected. */
export interface ListedLetter {
  readonly stream: string;
  readonly partition: number;
  readonly offset: number;
  readonly reason: string;
  /** What was sent, as text; null: nothing (a tombstone). */
  readonly value: string | null;
  readonly replayed: boolean;
}

export interface DeadLetters {
  readonly store: Store;
  readonly log: Log;
  readonly session: Session;
  readonly manifest: VersionManifest;
}

/** The request under which a dead letter's corrected event is appended. */
export function replayOf({ stream, partition, offset }: { stream: string; partition: number; offset: number }): string {
  return `${replayPrefix}${stream}/${partition}/${offset}`;
}

/** Reasons without the values in them, and how often each. */
export interface Reason {
  readonly reason: string;
  readonly letters: number;
  readonly replayed: number;
}

/** The dead letters up to the log's end, in a table: there may be more of them than memory holds. */
export class LetterList implements AsyncDisposable {
  readonly #session: Session;
  readonly #table: LetterTable;

  constructor(session: Session, table: LetterTable) {
    this.#session = session;
    this.#table = table;
  }

  /** @throws STORE_CORRUPT, STORE_GAP, LOG_RANGE */
  static async open(
    { store, log, session, manifest }: DeadLetters,
    streams: readonly StreamDefinition[],
  ): Promise<LetterList> {
    const records = new Records(store, log, manifest.origin);
    const table = await LetterTable.create(session);
    for (const stream of streams) {
      const end: Position = await endOf(log, [stream]);
      const ranges = rangesBetween(ofStreams(manifest.origin, [stream.name]), end);
      await collectLetters(records, session, stream, ranges, table);
    }
    return new LetterList(session, table);
  }

  async count(): Promise<{ readonly letters: number; readonly replayed: number }> {
    const [row] = await this.#session.rows(
      `SELECT count(*) AS letters, count_if(replayed) AS replayed FROM (${this.#all})`,
    );
    return { letters: Number(row!.letters), replayed: Number(row!.replayed) };
  }

  /** The most frequent first. */
  async reasons(): Promise<Reason[]> {
    const kind = "regexp_replace(reason, ': .* is not an? ', ': … is not a ', 's') AS kind";
    const counts = "count(*) AS letters, count_if(replayed) AS replayed";
    const rows = await this.#session.rows(
      `SELECT ${kind}, ${counts} FROM (${this.#all}) GROUP BY kind ORDER BY letters DESC, kind`,
    );
    return rows.map((row) => ({
      reason: String(row.kind),
      letters: Number(row.letters),
      replayed: Number(row.replayed),
    }));
  }

  /** By stream, partition and offset. @param limit null: all */
  async *letters(limit: number | null = null): AsyncGenerator<ListedLetter> {
    const most = limit === null ? "" : ` LIMIT ${limit}`;
    const result = await this.#session.connection.stream(
      `SELECT * FROM (${this.#all}) ORDER BY stream, partition, "offset"${most}`,
    );
    for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
      for (const [stream, partition, offset, reason, value, replayed] of chunk.getRows()) {
        yield {
          stream: String(stream),
          partition: Number(partition),
          offset: Number(offset),
          reason: String(reason),
          value: value === null ? null : Buffer.from((value as DuckDBBlobValue).bytes).toString(),
          replayed: replayed === true,
        };
      }
    }
  }

  /** Of these letters' names, those that there are, and whether they were replayed. */
  async known(names: readonly string[]): Promise<Map<string, boolean>> {
    if (names.length === 0) return new Map();
    const named = `SELECT ${nameOf} AS name, replayed FROM (${this.#all})`;
    const rows = await this.#session.rows(
      `SELECT name, replayed FROM (${named}) WHERE name IN (${names.map(quoteText).join(", ")})`,
    );
    return new Map(rows.map((row) => [String(row.name), row.replayed === true]));
  }

  get #all(): string {
    const { letters, replays } = this.#table;
    return `SELECT *, ${nameOf} IN (SELECT request FROM ${replays}) AS replayed FROM ${letters}`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#table.close();
  }
}

/** See replayOf. */
const nameOf = `${quoteText(replayPrefix)} || stream || '/' || partition || '/' || "offset"`;
