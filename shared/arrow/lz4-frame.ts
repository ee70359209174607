/** LZ4 frames (lz4.org), into a room of a known size: whatever a frame says of itself, no more is written. */

const magic = 0x184d2204;
const uncompressed = 0x80000000;

/** @throws RangeError where it is not exactly `size` bytes, or no frame */
export function lz4Frame(bytes: Uint8Array, size: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== magic) throw new RangeError("no LZ4 frame");
  const flags = view.getUint8(4);
  if (flags >> 6 !== 1) throw new RangeError("an LZ4 frame of another version");
  const blockChecksums = flags & 0x10 ? 4 : 0;
  let at = 7 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0);
  const out = new Uint8Array(size);
  let end = 0;
  for (;;) {
    const word = view.getUint32(at, true);
    at += 4;
    if (word === 0) break;
    const length = word & ~uncompressed;
    const block = bytes.subarray(at, at + length);
    if (block.length < length) throw new RangeError("an LZ4 block is cut off");
    if (word >>> 31) {
      out.set(block, end);
      end += length;
    } else end = unpack(block, out, end);
    at += length + blockChecksums;
  }
  if (end !== size) throw new RangeError("an LZ4 frame of another length");
  return out;
}

/** One block behind what is there already. @returns where it ends */
function unpack(block: Uint8Array, out: Uint8Array, start: number): number {
  let at = 0;
  let end = start;
  const more = (nibble: number) => {
    let length = nibble;
    if (nibble < 15) return length;
    for (let byte = 255; byte === 255; length += byte) {
      if (at >= block.length) throw new RangeError("an LZ4 block is cut off");
      byte = block[at++]!;
    }
    return length;
  };
  while (at < block.length) {
    const token = block[at++]!;
    const literals = more(token >> 4);
    if (at + literals > block.length || end + literals > out.length) throw new RangeError("an LZ4 block is too long");
    out.set(block.subarray(at, at + literals), end);
    at += literals;
    end += literals;
    // the last sequence has no match
    if (at === block.length) return end;
    const distance = block[at]! | (block[at + 1]! << 8);
    at += 2;
    const length = more(token & 15) + 4;
    if (distance === 0 || distance > end || end + length > out.length) throw new RangeError("an LZ4 block is damaged");
    if (distance >= length) out.copyWithin(end, end - distance, end - distance + length);
    else for (let i = 0; i < length; i++) out[end + i] = out[end + i - distance]!;
    end += length;
  }
  return end;
}
