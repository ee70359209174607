import { type Data, DataType } from "apache-arrow";

/** One after the other, or as views: whatever says where they lie. Null for a type that has none. */
export function bytesOf(data: Data): ((row: number) => Uint8Array) | null {
  const { type } = data;
  const bytes = data.values as Uint8Array;
  if (DataType.isUtf8View(type) || DataType.isBinaryView(type)) return viewsOf(data);
  if (DataType.isFixedSizeBinary(type)) {
    const size = type.byteWidth;
    return (row) => part(bytes, row * size, size);
  }
  const has = [DataType.isUtf8, DataType.isLargeUtf8, DataType.isBinary, DataType.isLargeBinary].some((is) => is(type));
  if (!has) return null;
  const offsets = data.valueOffsets as unknown as ArrayLike<number | bigint>;
  return (row) => part(bytes, Number(offsets[row]), Number(offsets[row + 1]) - Number(offsets[row]));
}

const viewBytes = 16;
/** Shorter ones lie in the view itself. */
const inlineMax = 12;

function viewsOf(data: Data): (row: number) => Uint8Array {
  const bytes = data.values as Uint8Array;
  const views = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return (row) => {
    const at = row * viewBytes;
    const length = views.getInt32(at, true);
    if (length <= inlineMax) return part(bytes, at + 4, length);
    const [buffer, offset] = [views.getInt32(at + 8, true), views.getInt32(at + 12, true)];
    return part(data.variadicBuffers[buffer] ?? new Uint8Array(0), offset, length);
  };
}

function part(bytes: Uint8Array, from: number, length: number): Uint8Array {
  if (from < 0 || length < 0 || from + length > bytes.length)
    throw new RangeError("a value lies outside of its buffer");
  return bytes.subarray(from, from + length);
}
