/** Lines in portions, for what is computed of many long ones at once would need more memory than there is. */
import type { Lines } from "./frame.ts";

/** DuckDB's own size of a vector: what it has in memory at once, in every expression over lines. */
const linesPerVector = 2048;
/** The strict reading takes some twenty times as much memory as the lines of a vector have bytes. */
const vectorBytesMax = 4 * 1024 * 1024;
const newline = 0x0a;

/** The same lines in the same order, in portions that end with a line; at least one. */
export function slicesOf({ buffers, longest }: Lines, bytesMax = vectorBytesMax): readonly (readonly Buffer[])[] {
  if (longest * linesPerVector <= bytesMax) return [buffers];
  const slices: Buffer[][] = [[]];
  let bytes = 0;
  for (const lines of buffers) {
    for (let start = 0; start < lines.length; ) {
      const room = bytesMax - bytes;
      const end = endOfLines(lines, start, room);
      if (bytes > 0 && end - start > room) {
        slices.push([]);
        bytes = 0;
        continue;
      }
      slices.at(-1)!.push(lines.subarray(start, end));
      bytes += end - start;
      start = end;
    }
  }
  return slices;
}

/** Where the last line ends that `room` has bytes for; the first one's end where it has none for that. */
function endOfLines(lines: Buffer, start: number, room: number): number {
  if (lines.length - start <= room) return lines.length;
  const last = room > 0 ? lines.lastIndexOf(newline, start + room - 1) : -1;
  const end = last >= start ? last : lines.indexOf(newline, start);
  return end < 0 ? lines.length : end + 1;
}
