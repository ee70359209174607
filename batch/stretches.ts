/** How the past is cut into stretches, each folded by itself, so that a fold can go on where another one ended. */
import type { Archive } from "../shared/archive/archive.ts";
import { offsetAt, type Position, places, positionOf, type Range, rangesBetween } from "../shared/position.ts";

/** How much a stretch holds, over all partitions: the file that reaches the limit is the last one of its partition. */
export interface StretchLimits {
  /** Of archive files. */
  readonly bytes: number;
  readonly offsets: number;
}

/** Where the stretch that begins at `from` ends: at `target`, or before it where that is more than a stretch. */
export function nextStretch(archive: Archive, from: Position, target: Position, limits: StretchLimits): Position {
  const behind = rangesBetween(from, target);
  const isWithin = behind.reduce((sum, range) => sum + bytesIn(archive, range), 0) <= limits.bytes;
  const share = {
    bytes: isWithin ? Number.POSITIVE_INFINITY : limits.bytes / behind.length,
    offsets: Math.max(1, Math.floor(limits.offsets / behind.length)),
  };
  const reached = behind.map((range) => ({
    stream: range.stream,
    partition: range.partition,
    offset: Math.min(range.upto, range.from + share.offsets, filled(archive, range, share.bytes)),
  }));
  return positionOf([...places(from), ...reached]);
}

/** About how many records lie between: offsets have gaps. A partition that was added begins at 0. */
export function distance(from: Position, upto: Position): number {
  return places(upto).reduce((sum, { stream, partition, offset }) => {
    return sum + Math.max(0, offset - (offsetAt(from, stream, partition) ?? 0));
  }, 0);
}

/** Of files that hold something of a range. */
function bytesIn(archive: Archive, { stream, partition, from, upto }: Range): number {
  const inside = archive.of(stream, partition).filter((segment) => segment.upto > from && segment.from < upto);
  return inside.reduce((sum, { file }) => sum + file.bytes, 0);
}

/** Where so many bytes of a partition's archive end; whole files, for a divided one is read twice. */
function filled(archive: Archive, { stream, partition, from, upto }: Range, bytesMax: number): number {
  let bytes = 0;
  for (const segment of archive.of(stream, partition)) {
    if (segment.upto <= from) continue;
    bytes += segment.file.bytes;
    if (bytes >= bytesMax) return segment.upto;
  }
  return upto;
}
