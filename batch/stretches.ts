/** Cuts the past into stretches that are folded one by one, so that an interrupted fold can be resumed. */
import type { Archive } from "../shared/archive/archive.ts";
import { offsetAt, type Position, places, positionOf, type Range, rangesBetween } from "../shared/position.ts";

/** The size of a stretch, over all partitions; the file that reaches the limit is still included. */
export interface StretchLimits {
  /** Bytes of archive files. */
  readonly bytes: number;
  readonly offsets: number;
}

/** Where the stretch that begins at `from` ends: at `target`, or earlier when that exceeds the limits. */
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

/** About how many records lie between (offsets have gaps). An added partition begins at 0. */
export function distance(from: Position, upto: Position): number {
  return places(upto).reduce((sum, { stream, partition, offset }) => {
    return sum + Math.max(0, offset - (offsetAt(from, stream, partition) ?? 0));
  }, 0);
}

/** The bytes of files that overlap the range. */
function bytesIn(archive: Archive, { stream, partition, from, upto }: Range): number {
  const inside = archive.of(stream, partition).filter((segment) => segment.upto > from && segment.from < upto);
  return inside.reduce((sum, { file }) => sum + file.bytes, 0);
}

/** Where `bytesMax` bytes of the range's archive end, in whole files, since a divided file would be read twice. */
function filled(archive: Archive, { stream, partition, from, upto }: Range, bytesMax: number): number {
  let bytes = 0;
  for (const segment of archive.of(stream, partition)) {
    if (segment.upto <= from) continue;
    bytes += segment.file.bytes;
    if (bytes >= bytesMax) return segment.upto;
  }
  return upto;
}
