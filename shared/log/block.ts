import { crc32 } from "node:zlib";
import { copyLines, hasLineBreak, idsOf, LazyBatch, recordBytes, runsOf } from "./batch.ts";
import type { LogRecord, NewRecord, RequestRun } from "./log.ts";

/**
 * A block: the consecutive records of one partition that one commit of the embedded log wrote, in one piece.
 *
 * ```
 *  0 magic "TMB1"   4 CRC-32 of the body, then of bytes 8..44    8 version   9 flags
 * 12 record count  16 first offset (double)                     24 log timestamp, ms (double)
 * 32 key bytes     36 value bytes                               40 extra bytes
 * 44 [key ends: count × u32][key missing: count × u8][keys]
 *    value ends: count × u32 [value missing: count × u8] values [extras: JSON of headers by record, and of runs of request ids]
 * ```
 * Numbers are little-endian, ends count from the start of their section. Sections in brackets depend on the flags.
 * In a block with `flagLines` every value is followed by `\n`: the values are the lines that DuckDB reads.
 */
const magic = 0x31424d54;
const version = 1;
const headSize = 44;
const flagKeys = 1;
const flagKeysMissing = 2;
const flagLines = 4;
const flagValuesMissing = 8;
const flagExtras = 16;

/** Rarely present fields of records. */
interface Extras {
  readonly headers?: readonly (Readonly<Record<string, string>> | null)[];
  readonly requests?: readonly RequestRun[];
}

/** A block without its place in the log: encoded outside the transaction, completed inside it. */
export interface Draft {
  readonly bytes: Buffer;
  readonly bodyCrc: number;
  readonly count: number;
}

/** Splits records into blocks of about `maxBytes`, at least one record each. */
export function draftBlocks(records: readonly NewRecord[], maxBytes: number): Draft[] {
  const drafts: Draft[] = [];
  let from = 0;
  let size = 0;
  records.forEach((record, i) => {
    const bytes = recordBytes(record);
    if (i > from && size + bytes > maxBytes) {
      drafts.push(draft(records.slice(from, i)));
      from = i;
      size = 0;
    }
    size += bytes;
  });
  if (from < records.length) drafts.push(draft(from === 0 ? records : records.slice(from)));
  return drafts;
}

function draft(records: readonly NewRecord[]): Draft {
  const count = records.length;
  let flags = 0;
  let keyBytes = 0;
  let valueBytes = 0;
  let [anyHeaders, anyId] = [false, false];
  for (const { key, value, headers, id } of records) {
    if (key) {
      flags |= flagKeys;
      keyBytes += key.length;
    } else flags |= flagKeysMissing;
    if (value) valueBytes += value.length;
    else flags |= flagValuesMissing;
    if (headers) anyHeaders = true;
    if (id) anyId = true;
  }
  if (anyHeaders || anyId) flags |= flagExtras;
  if (!(flags & flagKeys)) flags &= ~flagKeysMissing;
  const found: Extras = {
    ...(anyHeaders ? { headers: records.map((record) => record.headers ?? null) } : {}),
    ...(anyId ? { requests: runsOf(records.map((record) => record.id)) } : {}),
  };
  const extras = flags & flagExtras ? Buffer.from(JSON.stringify(found)) : null;

  // Laid out as lines first; when a value turns out to hold a line break, once more without terminators.
  if (!(flags & flagValuesMissing)) {
    const asLines = layOut(records, flags | flagLines, keyBytes, valueBytes + count, extras);
    if (asLines) return asLines;
  }
  return layOut(records, flags, keyBytes, valueBytes, extras)!;
}

function layOut(
  records: readonly NewRecord[],
  flags: number,
  keyBytes: number,
  valueBytes: number,
  extras: Buffer | null,
): Draft | null {
  const count = records.length;
  const extraBytes = extras?.length ?? 0;
  const bytes = Buffer.allocUnsafe(headSize + tablesSize(flags, count) + keyBytes + valueBytes + extraBytes);
  const view = viewOf(bytes);
  view.setUint32(0, magic, true);
  view.setUint8(8, version);
  view.setUint8(9, flags);
  view.setUint16(10, 0);
  view.setUint32(12, count, true);
  view.setUint32(32, keyBytes, true);
  view.setUint32(36, valueBytes, true);
  view.setUint32(40, extraBytes, true);

  const { keyEnds, keysMissing, keys, valueEnds, valuesMissing, values } = placesOf(flags, count, keyBytes);
  if (flags & flagKeys) {
    let end = 0;
    for (let i = 0; i < count; i++) {
      const { key } = records[i]!;
      if (key) end += key.copy(bytes, keys + end);
      view.setUint32(keyEnds + 4 * i, end, true);
      if (flags & flagKeysMissing) bytes[keysMissing + i] = key ? 0 : 1;
    }
  }

  const terminated = (flags & flagLines) !== 0;
  let end = 0;
  for (let i = 0; i < count; i++) {
    const { value } = records[i]!;
    if (value) end += value.copy(bytes, values + end);
    if (terminated) bytes[values + end++] = 32;
    view.setUint32(valueEnds + 4 * i, end, true);
    if (flags & flagValuesMissing) bytes[valuesMissing + i] = value ? 0 : 1;
  }
  if (terminated) {
    if (hasLineBreak(bytes.subarray(values, values + end))) return null;
    for (let i = 0; i < count; i++) bytes[values + view.getUint32(valueEnds + 4 * i, true) - 1] = 10;
  }
  extras?.copy(bytes, values + end);
  return { bytes, bodyCrc: crc32(bytes.subarray(headSize)), count };
}

/** Gives a draft its place: the block's bytes, ready to store. */
export function sealBlock(draft: Draft, base: number, timestamp: number): Buffer {
  const view = viewOf(draft.bytes);
  view.setFloat64(16, base, true);
  view.setFloat64(24, timestamp, true);
  view.setUint32(4, crc32(draft.bytes.subarray(8, headSize), draft.bodyCrc), true);
  return draft.bytes;
}

/** A checked block. Its records are `[base, base + count)`, all with one timestamp (ms). */
export interface Block {
  readonly bytes: Buffer;
  readonly base: number;
  readonly count: number;
  readonly timestamp: number;
}

/** @returns the block, or what is wrong with it */
export function openBlock(bytes: Buffer): Block | string {
  if (bytes.length < headSize) return `a block of ${bytes.length} bytes`;
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== magic) return "not a block";
  const crc = crc32(bytes.subarray(8, headSize), crc32(bytes.subarray(headSize)));
  if (view.getUint32(4, true) !== crc) return "the checksum does not match";
  if (view.getUint8(8) !== version) return `block version ${view.getUint8(8)} is not known here`;
  return {
    bytes,
    base: view.getFloat64(16, true),
    count: view.getUint32(12, true),
    timestamp: view.getFloat64(24, true),
  };
}

/** The records of a block from one of its offsets on. */
export class BlockBatch extends LazyBatch {
  readonly #block: Block;
  readonly #skip: number;

  /** @param from an offset of the block */
  constructor(partition: number, block: Block, from: number) {
    const upto = block.base + block.count;
    super(partition, from, upto, upto - from);
    this.#block = block;
    this.#skip = from - block.base;
  }

  get bytes(): number {
    const { view, flags, keyEnds, valueEnds, keyBytes, valueBytes } = this.#sections();
    const skip = this.#skip;
    const keysSkipped = skip > 0 && flags & flagKeys ? view.getUint32(keyEnds + 4 * (skip - 1), true) : 0;
    const valuesSkipped = skip > 0 ? view.getUint32(valueEnds + 4 * (skip - 1), true) : 0;
    return keyBytes - keysSkipped + valueBytes - valuesSkipped - (flags & flagLines ? this.count : 0);
  }

  protected makeOffsets(): Float64Array {
    const offsets = new Float64Array(this.count);
    for (let i = 0; i < offsets.length; i++) offsets[i] = this.from + i;
    return offsets;
  }

  protected makeTimestamps(): Float64Array {
    return new Float64Array(this.count).fill(this.#block.timestamp);
  }

  protected makeLines(): Buffer | null {
    const { view, flags, valueEnds, values, valueBytes } = this.#sections();
    if (flags & flagLines) {
      const skipped = this.#skip > 0 ? view.getUint32(valueEnds + 4 * (this.#skip - 1), true) : 0;
      return this.#block.bytes.subarray(values + skipped, values + valueBytes);
    }
    const { starts, ends } = this.#valueBounds();
    return copyLines(this.#block.bytes, starts, ends, this.count);
  }

  protected makeRecords(): readonly LogRecord[] {
    const { bytes, timestamp } = this.#block;
    const { view, flags, keyEnds, keysMissing, keys } = this.#sections();
    const { starts, ends } = this.#valueBounds();
    const { headers } = this.#extras();
    const ids = this.requests.length > 0 ? idsOf(this.requests, this.count) : null;
    const records: LogRecord[] = [];
    for (let i = 0; i < this.count; i++) {
      const at = this.#skip + i;
      let key: Buffer | null = null;
      if (flags & flagKeys && !(flags & flagKeysMissing && bytes[keysMissing + at])) {
        const start = at > 0 ? view.getUint32(keyEnds + 4 * (at - 1), true) : 0;
        key = bytes.subarray(keys + start, keys + view.getUint32(keyEnds + 4 * at, true));
      }
      const value = starts[i]! < 0 ? null : bytes.subarray(starts[i]!, ends[i]!);
      const record = { offset: this.from + i, timestamp, key, value };
      const [own, id] = [headers?.[at], ids?.[i]];
      records.push({ ...record, ...(own ? { headers: own } : {}), ...(id ? { id } : {}) });
    }
    return records;
  }

  protected makeRequests(): readonly RequestRun[] {
    const { requests = [] } = this.#extras();
    const skip = this.#skip;
    if (skip === 0) return requests;
    return requests
      .filter(({ index, count }) => index + count > skip)
      .map((run) => {
        const before = Math.max(0, skip - run.index);
        const [index, sequence] = [Math.max(0, run.index - skip), run.sequence + before];
        return { request: run.request, sequence, index, count: run.count - before };
      });
  }

  #extras(): Extras {
    const { flags, values, valueBytes } = this.#sections();
    if (!(flags & flagExtras)) return {};
    const extras = JSON.parse(this.#block.bytes.subarray(values + valueBytes).toString()) as Extras | Extras["headers"];
    // blocks of the first release hold the headers alone
    return Array.isArray(extras) ? { headers: extras } : (extras as Extras);
  }

  /** Where each value lies in the block; a negative start is a missing value. */
  #valueBounds(): { starts: Int32Array; ends: Int32Array } {
    const { view, flags, valueEnds, valuesMissing, values } = this.#sections();
    const terminator = flags & flagLines ? 1 : 0;
    const starts = new Int32Array(this.count);
    const ends = new Int32Array(this.count);
    let start = this.#skip > 0 ? view.getUint32(valueEnds + 4 * (this.#skip - 1), true) : 0;
    for (let i = 0; i < this.count; i++) {
      const at = this.#skip + i;
      const end = view.getUint32(valueEnds + 4 * at, true);
      const missing = flags & flagValuesMissing && this.#block.bytes[valuesMissing + at];
      starts[i] = missing ? -1 : values + start;
      ends[i] = values + end - terminator;
      start = end;
    }
    return { starts, ends };
  }

  #sections() {
    const view = viewOf(this.#block.bytes);
    const flags = view.getUint8(9);
    const keyBytes = view.getUint32(32, true);
    const valueBytes = view.getUint32(36, true);
    return { view, flags, keyBytes, valueBytes, ...placesOf(flags, this.#block.count, keyBytes) };
  }
}

function placesOf(flags: number, count: number, keyBytes: number) {
  const keyEnds = headSize;
  const keysMissing = keyEnds + (flags & flagKeys ? 4 * count : 0);
  const keys = keysMissing + (flags & flagKeysMissing ? count : 0);
  const valueEnds = keys + keyBytes;
  const valuesMissing = valueEnds + 4 * count;
  const values = valuesMissing + (flags & flagValuesMissing ? count : 0);
  return { keyEnds, keysMissing, keys, valueEnds, valuesMissing, values };
}

function tablesSize(flags: number, count: number): number {
  const perRecord =
    4 + (flags & flagKeys ? 4 : 0) + (flags & flagKeysMissing ? 1 : 0) + (flags & flagValuesMissing ? 1 : 0);
  return perRecord * count;
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
