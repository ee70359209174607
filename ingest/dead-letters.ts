/** Appends corrected events in the place of dead letters, each exactly once. */
import type { Changelog, StreamDefinition } from "../shared/definition.ts";
import { TidemarkError } from "../shared/errors.ts";
import { type DeadLetters, LetterList, replayOf } from "../shared/history/letter-list.ts";
import { logStream } from "../shared/store/origin.ts";
import { appendPatiently } from "./append.ts";
import { Judge } from "./judge.ts";

/** How many corrections are checked for in the list at a time. */
const namesAtATime = 1000;

export interface Correction {
  readonly stream: string;
  readonly partition: number;
  readonly offset: number;
  /** The corrected event's JSON text. */
  readonly value: string;
}

export interface ReplayCounts {
  readonly replayed: number;
  /** Corrections that had been replayed before. */
  readonly already: number;
}

/**
 * Appends corrected events, each to the partition of its dead letter and under a request id of its
 * own, so that repeating it has no effect. All are checked first; if one is invalid, none is appended.
 * @throws USAGE naming a dead letter that does not exist, one of a changelog, or a value that is still invalid;
 *   LOG_APPEND
 */
export async function replayDeadLetters(
  letters: DeadLetters,
  streams: readonly StreamDefinition[],
  corrections: readonly Correction[],
): Promise<ReplayCounts> {
  const { session, log } = letters;
  const judges = new Map(streams.map((stream) => [stream.name, { stream, judge: new Judge(session, stream) }]));
  await using list = await LetterList.open(letters, streams);
  let already = 0;
  const fresh: { readonly stream: StreamDefinition; readonly correction: Correction }[] = [];
  for (let at = 0; at < corrections.length; at += namesAtATime) {
    const some = corrections.slice(at, at + namesAtATime);
    const known = await list.known(some.map(replayOf));
    for (const correction of some) {
      const name = `${correction.stream} partition ${correction.partition} offset ${correction.offset}`;
      const replayed = known.get(replayOf(correction));
      const own = judges.get(correction.stream);
      if (own?.stream.changelog) throw ofChangelog(name, own.stream.name, own.stream.changelog);
      if (replayed === undefined || !own)
        throw new TidemarkError("USAGE", `${name} is not a dead letter`, "see tidemark dead-letters list");
      if (replayed) {
        already++;
        continue;
      }
      const fault = (await own.judge.faults([Buffer.from(correction.value)])).get(0);
      if (fault !== undefined) {
        const todo = "nothing was replayed: correct it and run it again";
        throw new TidemarkError("USAGE", `${name} is still not a valid event: ${fault}`, todo);
      }
      fresh.push({ stream: own.stream, correction });
    }
  }
  for (const { stream, correction } of fresh) {
    const record = {
      partition: correction.partition,
      key: null,
      value: Buffer.from(correction.value),
      id: { request: replayOf(correction), sequence: 0 },
    };
    await appendPatiently(log, logStream(stream), [record], 30_000);
  }
  return { replayed: fresh.length, already };
}

/** A changelog has one writer: what others append to it does not count. */
function ofChangelog(letter: string, stream: string, { from }: Changelog): TidemarkError {
  const where =
    from === undefined
      ? `send the row as it is now: tidemark load ${stream}, or POST /v1/streams/${stream}/events`
      : "source" in from
        ? `correct the row in ${from.table}, or have it read again: tidemark sources resnapshot ${stream}`
        : `correct the row in topic ${from.topic}`;
  return new TidemarkError(
    "USAGE",
    `${letter} is of a changelog, which tidemark sources alone writes`,
    `nothing was replayed: ${where}`,
  );
}
