/** The records of a request that are already in the log, so that they are left out when it is sent again. */
import type { Log, LogStream } from "../shared/log/log.ts";

/** Sequence numbers of one partition, as ranges `[from, upto)`, ascending and disjoint. */
type Ranges = readonly (readonly [from: number, upto: number])[];

export type AppendedRanges = ReadonlyMap<number, Ranges>;

const bytesAtATime = 8 << 20;
const waitMs = 1000;

/**
 * @param from where to begin in each partition: no record of the request is before it
 * @throws LOG_RANGE where the log has dropped records meanwhile; LOG_UNREACHABLE
 */
export async function appendedOf(
  log: Log,
  stream: LogStream,
  request: string,
  from: readonly number[],
  signal?: AbortSignal,
): Promise<AppendedRanges> {
  const [first, end] = [await log.first(stream), await log.end(stream)];
  const next = new Map(end.map((_, partition) => [partition, Math.max(from[partition] ?? 0, first[partition] ?? 0)]));
  const found = new Map<number, [number, number][]>();
  const reader = await log.read(stream, next);
  try {
    while ([...next].some(([partition, at]) => at < end[partition]!)) {
      signal?.throwIfAborted();
      for (const { partition, upto, requests } of await reader.next(bytesAtATime, waitMs)) {
        next.set(partition, upto);
        for (const run of requests) {
          if (run.request !== request) continue;
          const ranges = found.get(partition) ?? [];
          found.set(partition, ranges);
          const last = ranges.at(-1);
          if (last && last[1] === run.sequence) last[1] += run.count;
          else ranges.push([run.sequence, run.sequence + run.count]);
        }
      }
    }
  } finally {
    await reader.close();
  }
  return new Map([...found].map(([partition, ranges]) => [partition, disjoint(ranges)]));
}

export function isAppended(appended: AppendedRanges, partition: number, sequence: number): boolean {
  const ranges = appended.get(partition) ?? [];
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle]![1] <= sequence) low = middle + 1;
    else high = middle;
  }
  return low < ranges.length && ranges[low]![0] <= sequence;
}

/** The same numbers, each once: a record that was appended twice occurs twice. */
function disjoint(ranges: readonly [number, number][]): Ranges {
  const joined: [number, number][] = [];
  for (const [from, upto] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = joined.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], upto);
    else joined.push([from, upto]);
  }
  return joined;
}
