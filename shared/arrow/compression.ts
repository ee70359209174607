/**
 * The two codecs of Arrow's IPC. Each buffer says before its frame how long it gets; no more is unpacked than
 * that, nor than is allowed.
 */
import { CompressionType, compressionRegistry } from "apache-arrow";
import { decompress as zstd } from "fzstd";
import { lz4Frame } from "./lz4-frame.ts";

/** One buffer of a file of one's own. */
const plenty = 1 << 30;
let left = plenty;
let bounded = false;

/** Runs `read`, which is synchronous; all buffers that it unpacks may come to at most `bytes`. */
export function unpackingAtMost<T>(bytes: number, read: () => T): T {
  [left, bounded] = [bytes, true];
  try {
    return read();
  } finally {
    [left, bounded] = [plenty, false];
  }
}

function unpack(frame: Uint8Array, codec: (frame: Uint8Array, size: number) => Uint8Array): Uint8Array {
  // apache-arrow passes the bytes after the length
  const size = Number(new DataView(frame.buffer, frame.byteOffset - 8, 8).getBigInt64(0, true));
  if (size < 0 || size > left) throw new RangeError("its compressed buffers are too large");
  if (bounded) left -= size;
  return codec(frame, size);
}

const zstdFrame = (frame: Uint8Array, size: number) => {
  const found = zstd(frame, new Uint8Array(size));
  if (found.length !== size) throw new RangeError("a zstd frame of another length");
  return found;
};

compressionRegistry.set(CompressionType.LZ4_FRAME, { decode: (frame) => unpack(frame, lz4Frame) });
compressionRegistry.set(CompressionType.ZSTD, { decode: (frame) => unpack(frame, zstdFrame) });
