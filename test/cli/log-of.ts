import { join } from "node:path";
import type { LogRecord } from "../../shared/log/log.ts";
import { openLog } from "../../shared/log/open.ts";

/** A record with the partition that it lies in, its value as text. */
type Found = Omit<LogRecord, "value"> & { readonly partition: number; readonly value: string };

/** The records of stream s in the embedded log of a project in this folder; without `of`, their values. */
export function recordsIn(dir: string): Promise<string[]>;
export function recordsIn<T>(dir: string, of: (record: Found) => T): Promise<T[]>;
export async function recordsIn(
  dir: string,
  of: (record: Found) => unknown = ({ value }) => value,
): Promise<unknown[]> {
  const log = await openLog({ data: join(dir, ".tidemark") });
  try {
    const stream = { name: "s", topic: "s", existing: false, partitions: 3 };
    const { first } = await log.ensure(stream);
    const ends = await log.end(stream);
    const reader = await log.read(stream, new Map(first.map((offset, partition) => [partition, offset])));
    const found: unknown[] = [];
    for (let left = ends.reduce((sum, end) => sum + end, 0); left > 0; )
      for (const batch of await reader.next(1 << 20, 100)) {
        found.push(
          ...batch.records().map((each) => of({ ...each, partition: batch.partition, value: String(each.value) })),
        );
        left -= batch.upto - batch.from;
      }
    await reader.close();
    return found;
  } finally {
    await log.close();
  }
}
