/**
 * CRC-32C (Castagnoli), which Kafka's record batches carry; Node's own crc32 is another polynomial. Eight bytes
 * a step.
 */
const polynomial = 0x82f63b78;
const tables = makeTables();

function makeTables(): Int32Array {
  const out = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    out[byte] = crc;
  }
  for (let i = 256; i < out.length; i++) {
    const before = out[i - 256]!;
    out[i] = (before >>> 8) ^ out[before & 0xff]!;
  }
  return out;
}

/** @returns an unsigned 32-bit number */
export function crc32c(bytes: Uint8Array): number {
  const t = tables;
  const length = bytes.length;
  const stop = length - (length & 7);
  let crc = -1;
  let i = 0;
  for (; i < stop; i += 8) {
    const low = crc ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    crc =
      t[1792 + (low & 0xff)]! ^
      t[1536 + ((low >>> 8) & 0xff)]! ^
      t[1280 + ((low >>> 16) & 0xff)]! ^
      t[1024 + (low >>> 24)]! ^
      t[768 + bytes[i + 4]!]! ^
      t[512 + bytes[i + 5]!]! ^
      t[256 + bytes[i + 6]!]! ^
      t[bytes[i + 7]!]!;
  }
  for (; i < length; i++) crc = (crc >>> 8) ^ t[(crc ^ bytes[i]!) & 0xff]!;
  return ~crc >>> 0;
}
