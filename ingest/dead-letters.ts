/** Dead letters: what they were, and their corrected events appended, each exactly once. */

import type { DuckDBBlobValue } from "@duckdb/node-api";
import { Records } from "../shared/archive/records.ts";
import { Decoder } from "../shared/decode/decode.ts";
import type { StreamDefinition } from "../shared/definition.ts";
import { quoteText, type Session } from "../shared/duckdb/duck.ts";
import { replayPrefix } from "../shared/duplicates/partition.ts";
import { TidemarkError } from "../shared/errors.ts";
import { collectLetters, LetterTable } from "../shared/history/dead-letters.ts";
import { ArrayBatch } from "../shared/log/batch.ts";
import type { Log } from "../shared/log/log.ts";
import { ofStreams, type Position, rangesBetween } from "../shared/position.ts";
import type { VersionManifest } from "../shared/store/layout.ts";
import { endOf, logStream } from "../shared/store/origin.ts";
import type { Store } from "../shared/store/store.ts";
import { appendPatiently } from "./append.ts";

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
function replayOf({ stream, partition, offset }: { stream: string; partition: number; offset: number }): string {
  return `${replayPrefix}${stream}/${partition}/${offset}`;
}

/** Reasons without the values in them, and how often each. */
export interface Reason {
  readonly reason: string;
  readonly letters: number;
  readonly replayed: number;
}

/** The dead letters up to the log's end, in a table: there may be more of them than memory holds. */
export class LetterList {
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
    const rows = await this.#session.rows(
      `SELECT regexp_replace(reason, ': .* is not an? ', ': … is not a ', 's') AS kind, count(*) AS letters, count_if(replayed) AS replayed FROM (${this.#all}) GROUP BY kind ORDER BY letters DESC, kind`,
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
    const rows = await this.#session.rows(
      `SELECT name, replayed FROM (SELECT ${nameOf} AS name, replayed FROM (${this.#all})) WHERE name IN (${names.map(quoteText).join(", ")})`,
    );
    return new Map(rows.map((row) => [String(row.name), row.replayed === true]));
  }

  get #all(): string {
    const { letters, replays } = this.#table;
    return `SELECT *, ${nameOf} IN (SELECT request FROM ${replays}) AS replayed FROM ${letters}`;
  }

  close(): Promise<void> {
    return this.#table.drop();
  }
}

/** See replayOf. */
const nameOf = `${quoteText(replayPrefix)} || stream || '/' || partition || '/' || "offset"`;

/** Corrections looked up at a time. */
const namesAtATime = 1000;

export interface Correction {
  readonly stream: string;
  readonly partition: number;
  readonly offset: number;
  /** The corrected event's JSON text. */
  readonly value: string;
}

export interface Replayed {
  readonly replayed: number;
  /** Had been replayed before. */
  readonly already: number;
}

/**
 * Appends corrected events, each to the partition of its dead letter and under a request id of its
 * own: again, it has no effect. All are judged first; where one is wrong, none is appended.
 * @throws USAGE naming a letter that there is not, or a value that is still no event; LOG_APPEND
 */
export async function replayDeadLetters(
  letters: DeadLetters,
  streams: readonly StreamDefinition[],
  corrections: readonly Correction[],
): Promise<Replayed> {
  let already = 0;
  const fresh: { stream: StreamDefinition; correction: Correction }[] = [];
  const list = await LetterList.open(letters, streams);
  try {
    for (let at = 0; at < corrections.length; at += namesAtATime) {
      const some = corrections.slice(at, at + namesAtATime);
      const known = await list.known(some.map(replayOf));
      for (const correction of some) {
        const name = `${correction.stream} partition ${correction.partition} offset ${correction.offset}`;
        const replayed = known.get(replayOf(correction));
        const stream = streams.find((each) => each.name === correction.stream);
        if (replayed === undefined || !stream)
          throw new TidemarkError("USAGE", `${name} is no dead letter`, "see tidemark dead-letters list");
        if (replayed) {
          already++;
          continue;
        }
        await judge(letters.session, stream, correction, name);
        fresh.push({ stream, correction });
      }
    }
  } finally {
    await list.close();
  }
  for (const { stream, correction } of fresh) {
    const record = {
      partition: correction.partition,
      key: null,
      value: Buffer.from(correction.value),
      id: { request: replayOf(correction), sequence: 0 },
    };
    await appendPatiently(letters.log, logStream(stream), [record], 30_000);
  }
  return { replayed: fresh.length, already };
}

/** @throws USAGE where it is still no event */
async function judge(session: Session, stream: StreamDefinition, correction: Correction, name: string): Promise<void> {
  const record = { offset: 0, timestamp: 0, key: null, value: Buffer.from(correction.value) };
  const decoded = await new Decoder(session, stream).decode([new ArrayBatch(0, 0, 1, [record])]);
  await decoded.drop();
  if (!decoded.dead[0]) return;
  throw new TidemarkError(
    "USAGE",
    `${name} is still no event: ${decoded.dead[0].reason}`,
    "nothing was replayed: correct it and run it again",
  );
}
