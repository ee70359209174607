/** Dead letters: what they were, and their corrected events appended, each exactly once. */
import { Decoder } from "../shared/decode/decode.ts";
import type { StreamDefinition } from "../shared/definition.ts";
import type { Session } from "../shared/duckdb/duck.ts";
import { replayPrefix } from "../shared/duplicates/partition.ts";
import { TidemarkError } from "../shared/errors.ts";
import { History } from "../shared/history/history.ts";
import { appendPatiently } from "../shared/ingest/append.ts";
import { ArrayBatch } from "../shared/log/batch.ts";
import type { Log } from "../shared/log/log.ts";
import { ofStreams, type Position, rangesBetween } from "../shared/position.ts";
import type { VersionManifest } from "../shared/store/layout.ts";
import { endOf, logStream } from "../shared/store/origin.ts";
import type { Store } from "../shared/store/store.ts";

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

/** All up to the log's end, by stream, partition and offset. @throws STORE_CORRUPT, STORE_GAP, LOG_RANGE */
export async function listDeadLetters(
  { store, log, session, manifest }: DeadLetters,
  streams: readonly StreamDefinition[],
): Promise<ListedLetter[]> {
  const history = new History(store, log, manifest.origin);
  const found: ListedLetter[] = [];
  for (const stream of streams) {
    const end: Position = await endOf(log, [stream]);
    const ranges = rangesBetween(ofStreams(manifest.origin, [stream.name]), end);
    const own: Omit<ListedLetter, "replayed">[] = [];
    const replays = new Set<string>();
    for await (const { letters, replays: more } of history.deadLetters(session, stream, ranges)) {
      for (const request of more) replays.add(request);
      for (const letter of letters) own.push({ ...letter, value: letter.value?.toString() ?? null });
    }
    found.push(...own.map((letter) => ({ ...letter, replayed: replays.has(replayOf(letter)) })));
  }
  return found;
}

/** Reasons without the values in them, and how often each. */
export function countByReason(
  letters: readonly ListedLetter[],
): { reason: string; letters: number; replayed: number }[] {
  const counts = new Map<string, { letters: number; replayed: number }>();
  for (const { reason, replayed } of letters) {
    const kind = reason.replace(/: .* is not an? /s, ": … is not a ");
    const count = counts.get(kind) ?? { letters: 0, replayed: 0 };
    counts.set(kind, { letters: count.letters + 1, replayed: count.replayed + (replayed ? 1 : 0) });
  }
  return [...counts].map(([reason, count]) => ({ reason, ...count })).sort((a, b) => b.letters - a.letters);
}

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
 * Appends corrected events, each to the partition of its dead letter and under a request id of its own: again, it has no effect.
 * All are judged first; where one is wrong, none is appended.
 * @throws USAGE naming a letter that there is not, or a value that is still no event; LOG_APPEND
 */
export async function replayDeadLetters(
  letters: DeadLetters,
  streams: readonly StreamDefinition[],
  corrections: readonly Correction[],
): Promise<Replayed> {
  const listed = new Map((await listDeadLetters(letters, streams)).map((letter) => [replayOf(letter), letter]));
  let already = 0;
  const fresh: { stream: StreamDefinition; correction: Correction }[] = [];
  for (const correction of corrections) {
    const name = `${correction.stream} partition ${correction.partition} offset ${correction.offset}`;
    const known = listed.get(replayOf(correction));
    const stream = streams.find((each) => each.name === correction.stream);
    if (!known || !stream)
      throw new TidemarkError("USAGE", `${name} is no dead letter`, "see tidemark dead-letters list");
    if (known.replayed) {
      already++;
      continue;
    }
    const record = { offset: 0, timestamp: 0, key: null, value: Buffer.from(correction.value) };
    const decoded = await new Decoder(letters.session, stream).decode([new ArrayBatch(0, 0, 1, [record])]);
    await decoded.drop();
    if (decoded.dead[0])
      throw new TidemarkError(
        "USAGE",
        `${name} is still no event: ${decoded.dead[0].reason}`,
        "nothing was replayed: correct it and run it again",
      );
    fresh.push({ stream, correction });
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
