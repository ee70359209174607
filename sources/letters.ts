/**
 * What was committed to an outbox and is no event: in a reserved stream of the log, `__letters_<source>`, which is
 * never trimmed.
 */
import type { Log, LogStream } from "../shared/log/log.ts";
import { reservedTopic } from "../shared/reserved.ts";
import type { OutboxLetter } from "./outbox.ts";

const bytesAtATime = 4 << 20;
const waitMs = 1000;

/** As it is listed. */
export interface KeptLetter extends OutboxLetter {
  readonly source: string;
  /** When it was kept, ISO. */
  readonly at: string;
}

function lettersOf(project: string, source: string): LogStream {
  const name = `__letters_${source}`;
  const retentionMs = Number.POSITIVE_INFINITY;
  return { name, topic: reservedTopic(project, name), existing: false, partitions: 1, retentionMs };
}

/** @throws LOG_APPEND, LOG_UNREACHABLE */
export async function keepLetters(
  log: Log,
  project: string,
  source: string,
  letters: readonly OutboxLetter[],
): Promise<void> {
  if (letters.length === 0) return;
  const stream = lettersOf(project, source);
  await log.ensure(stream);
  const records = letters.map((letter) => ({ partition: 0, key: null, value: Buffer.from(JSON.stringify(letter)) }));
  await log.append(stream, records);
}

/** The oldest first; each once, also where it was read again after a crash. */
export async function* keptLetters(log: Log, project: string, source: string): AsyncGenerator<KeptLetter> {
  const stream = lettersOf(project, source);
  const { first } = await log.ensure(stream);
  const [end = 0] = await log.end(stream);
  let next = Math.max(first[0]!, (await log.first(stream))[0]!);
  if (next >= end) return;
  const seen = new Set<string>();
  const reader = await log.read(stream, new Map([[0, next]]));
  try {
    while (next < end)
      for (const batch of await reader.next(bytesAtATime, waitMs)) {
        next = batch.upto;
        for (const { value, timestamp } of batch.records()) {
          const text = value?.toString() ?? "";
          if (text === "" || seen.has(text)) continue;
          seen.add(text);
          const letter = JSON.parse(text) as OutboxLetter;
          yield { source, at: new Date(timestamp).toISOString(), ...letter };
        }
      }
  } finally {
    await reader.close();
  }
}

export async function countLetters(log: Log, project: string, source: string): Promise<number> {
  let count = 0;
  for await (const _ of keptLetters(log, project, source)) count++;
  return count;
}
