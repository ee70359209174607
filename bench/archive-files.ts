/** An archive of many events without a log: Parquet segments and manifests of the very shape that archiving gives. */
import { decoderOf } from "../shared/archive/segments.ts";
import type { StreamDefinition } from "../shared/definition.ts";
import { quoteText, type Session } from "../shared/duckdb/duck.ts";
import { type Position, positionOf } from "../shared/position.ts";
import { layout, type Segment } from "../shared/store/layout.ts";
import { seal } from "../shared/store/sealed.ts";
import type { Store } from "../shared/store/store.ts";
import { createTwice } from "../shared/store/twice.ts";
import { eventRows, partitions } from "./project.ts";

const rowsPerFile = 1_000_000;

export interface BenchArchive {
  readonly origin: Position;
  readonly cut: Position;
  readonly files: readonly string[];
}

export async function makeArchive(
  store: Store,
  session: Session,
  stream: StreamDefinition,
  count: number,
  signal: AbortSignal,
): Promise<BenchArchive> {
  const perPartition = Math.ceil(count / partitions);
  const files: string[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    for (let from = 0; from < perPartition; from += rowsPerFile) {
      signal.throwIfAborted();
      const upto = Math.min(from + rowsPerFile, perPartition);
      files.push(await writeSegment(store, session, stream, partition, from, upto));
    }
  }
  const everywhere = (offset: number) =>
    positionOf(Array.from({ length: partitions }, (_, partition) => ({ stream: stream.name, partition, offset })));
  return { origin: everywhere(0), cut: everywhere(perPartition), files };
}

async function writeSegment(
  store: Store,
  session: Session,
  stream: StreamDefinition,
  partition: number,
  from: number,
  upto: number,
): Promise<string> {
  const scratch = store.scratch("segment.parquet");
  const place =
    `i AS __offset, make_timestamp(${Date.UTC(2026, 0, 1)} * 1000::BIGINT + i * 1000) AS __timestamp, ` +
    "encode(device) AS __key, NULL::BLOB AS __raw, NULL::VARCHAR AS __fault";
  const rows = eventRows(partition, from, upto).replace("SELECT ", "SELECT i, ");
  await session.run(
    `COPY (SELECT * EXCLUDE (i), ${place} FROM (${rows})) TO ${quoteText(scratch)} (FORMAT parquet, COMPRESSION zstd)`,
  );
  const name = layout.segmentFile(stream.name, partition, from, upto, "bench");
  const file = await store.publish(scratch, name, { durable: true });
  const segment: Segment = {
    stream: stream.name,
    partition,
    from,
    upto,
    file,
    rows: upto - from,
    dead: 0,
    duplicates: 0,
    late: 0,
    requests: [],
    dedup: null,
    decoder: decoderOf(stream),
    latest: Date.UTC(2026, 0, 1) + upto,
  };
  await createTwice(store, layout.segment(stream.name, partition, from), seal(segment));
  return (await store.open([file]))[0]!.path;
}
