import { TidemarkError } from "../errors.ts";
import type { LogStream } from "./log.ts";

/** The log's expected failures, worded once for all three implementations. */

function named(stream: LogStream): string {
  return stream.name === stream.topic ? `stream ${stream.name}` : `stream ${stream.name} (topic ${stream.topic})`;
}

/** The reader's next offset is below what the log still holds, or beyond its end. */
export function outOfRange(
  stream: LogStream,
  partition: number,
  offset: number,
  first: number,
  end: number,
): TidemarkError {
  const below = offset < first;
  return new TidemarkError(
    "LOG_RANGE",
    `cannot read ${named(stream)}, partition ${partition}, from offset ${offset}: ` +
      `the log ${below ? `begins at ${first}` : `ends at ${end}`}`,
    below
      ? "list what archive and log still hold: tidemark repair"
      : "check that this is the log the position was taken from",
    { stream: stream.name, partition, offset, first, end },
  );
}

export function streamMissing(stream: LogStream, where: string): TidemarkError {
  return new TidemarkError(
    "LOG_STREAM_MISSING",
    `cannot find ${named(stream)} in ${where}`,
    "create it, or correct its topic in the project",
    {
      stream: stream.name,
      topic: stream.topic,
    },
  );
}

export function noPartition(stream: LogStream, partition: number, partitions: number): TidemarkError {
  return new TidemarkError(
    "LOG_PARTITIONS",
    `there is no partition ${partition} in ${named(stream)}: it has ${partitions}`,
    "",
    { stream: stream.name, partition, partitions },
  );
}

/** The append failed, or its outcome cannot be known. */
export function notAppended(stream: LogStream, why: string, cause?: unknown): TidemarkError {
  return new TidemarkError(
    "LOG_APPEND",
    `not all records are known to have reached ${named(stream)}: ${why}`,
    "append them again; a duplicate window drops those that arrived",
    { stream: stream.name },
    cause,
  );
}

/** Kafka keeps what others wrote, in forms that may be newer, or much older. */
export function unknownFormat(stream: LogStream, partition: number, offset: number, why: string): TidemarkError {
  return new TidemarkError(
    "LOG_FORMAT",
    `cannot read ${named(stream)}, partition ${partition}, from offset ${offset}: ${why}`,
    "have its producers write record batches of format 2, plain or with gzip, snappy, lz4 or zstd",
    { stream: stream.name, partition, offset },
  );
}

/** Stored bytes are not what was written. `offsets` names what cannot be read. */
export function corruptLog(stream: string, partition: number, offsets: string, why: string): TidemarkError {
  return new TidemarkError(
    "LOG_CORRUPT",
    `damaged log: stream ${stream}, partition ${partition}, ${offsets}: ${why}`,
    "restore the log's folder, or read these offsets from the archive",
    { stream, partition, offsets },
  );
}

export function closed(what: string): Error {
  return new Error(`${what} is closed`);
}
