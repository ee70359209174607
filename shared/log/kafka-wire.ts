import { stampWithin } from "../duplicates/log-time.ts";
import { copyLines, LazyBatch, RunsOf } from "./batch.ts";
import { crc32c } from "./crc32c.ts";
import type { LogRecord, RecordBatch, RequestRun } from "./log.ts";
import { idOfText, requestHeader } from "./request-header.ts";

const nameBytes = Buffer.from(requestHeader);

/**
 * The bytes of Kafka's fetch API, version 11, and of its record batches, version 2 (magic 2, Kafka 0.11 and
 * later). kafkajs decodes these too, but record by record into objects, without checking the CRC, and drops the
 * offsets that emptied batches cover. Here a fetch becomes one slab of bytes and the places of keys and values
 * in it.
 */
export const fetchApi = { key: 1, version: 11 } as const;

export interface FetchPart {
  readonly partition: number;
  readonly offset: number;
  readonly bytesMax: number;
}

export interface FetchRequest {
  readonly topic: string;
  readonly waitMs: number;
  readonly bytesMax: number;
  readonly parts: readonly FetchPart[];
}

/** One partition's part of a fetch response, not yet decoded. */
export interface FetchResponsePart {
  readonly partition: number;
  /** Kafka's error code; 0 is none. */
  readonly error: number;
  readonly aborted: readonly Aborted[];
  readonly records: Buffer;
}

interface Aborted {
  readonly producer: bigint;
  readonly first: number;
}

/** By Kafka's number for them. */
export const codecNames = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
export type Compression = (typeof codecNames)[number];

/** Turns the bytes of a compressed record batch into plain ones; `codec` is Kafka's number for it (1 gzip … 4 zstd). */
export type Decompress = (codec: number, bytes: Buffer) => Promise<Buffer>;

/** Bytes that Kafka sent and that cannot be read. */
export class WireError extends Error {}

/** Bytes that may be sound, and are of a form that is not known here. */
export class UnknownFormat extends WireError {}

export function encodeFetch({ topic, waitMs, bytesMax, parts }: FetchRequest): Buffer {
  const name = Buffer.from(topic);
  const out = Buffer.alloc(4 + 4 + 4 + 4 + 1 + 4 + 4 + 4 + 2 + name.length + 4 + parts.length * 28 + 4 + 2);
  let at = out.writeInt32BE(-1); // not a replica
  at = out.writeInt32BE(waitMs, at);
  at = out.writeInt32BE(1, at); // answer at the first byte
  at = out.writeInt32BE(bytesMax, at);
  at = out.writeInt8(1, at); // read committed
  at = out.writeInt32BE(0, at); // no fetch session
  at = out.writeInt32BE(-1, at);
  at = out.writeInt32BE(1, at);
  at = out.writeInt16BE(name.length, at);
  at += name.copy(out, at);
  at = out.writeInt32BE(parts.length, at);
  for (const part of parts) {
    at = out.writeInt32BE(part.partition, at);
    at = out.writeInt32BE(-1, at); // leader epoch not known
    at = out.writeBigInt64BE(BigInt(part.offset), at);
    at = out.writeBigInt64BE(-1n, at);
    at = out.writeInt32BE(part.bytesMax, at);
  }
  at = out.writeInt32BE(0, at); // nothing forgotten
  out.writeInt16BE(0, at); // no rack
  return out;
}

export interface FetchResponse {
  readonly throttleMs: number;
  /** Kafka's error code for the whole request; 0 is none. */
  readonly error: number;
  readonly parts: readonly FetchResponsePart[];
}

/** Reads a fetch response; its buffers are views of `bytes`. */
export function decodeFetch(bytes: Buffer): FetchResponse {
  const parts: FetchResponsePart[] = [];
  const throttleMs = bytes.readInt32BE(0);
  const error = bytes.readInt16BE(4);
  let at = 10; // past the session id
  const topics = bytes.readInt32BE(at);
  at += 4;
  for (let t = 0; t < topics; t++) {
    at += 2 + bytes.readInt16BE(at);
    const count = bytes.readInt32BE(at);
    at += 4;
    for (let p = 0; p < count; p++) {
      const partition = bytes.readInt32BE(at);
      const error = bytes.readInt16BE(at + 4);
      at += 30; // past high watermark, last stable offset, log start offset
      const aborted: Aborted[] = [];
      const abortedCount = Math.max(bytes.readInt32BE(at), 0);
      at += 4;
      for (let a = 0; a < abortedCount; a++, at += 16) {
        aborted.push({ producer: bytes.readBigInt64BE(at), first: Number(bytes.readBigInt64BE(at + 8)) });
      }
      at += 4; // preferred read replica
      const size = Math.max(bytes.readInt32BE(at), 0);
      at += 4;
      parts.push({ partition, error, aborted, records: bytes.subarray(at, at + size) });
      at += size;
    }
  }
  return { throttleMs, error, parts };
}

interface WireHead {
  readonly base: number;
  readonly last: number;
  readonly attributes: number;
  readonly firstTimestamp: number;
  readonly maxTimestamp: number;
  readonly producer: bigint;
  readonly count: number;
  readonly body: Buffer;
}

const headBytes = 61;
const isLogAppendTime = 0x08;
const isTransactional = 0x10;
const isControl = 0x20;

/**
 * Everything the part holds from `from` on, or null when it holds no complete record batch beyond it. Markers
 * and aborted transactions are left out of the records and counted in `upto`, and so are offsets that
 * compaction emptied.
 *
 * @throws WireError
 */
export async function decodeRecords(
  { partition, records, aborted }: FetchResponsePart,
  from: number,
  decompress: Decompress,
): Promise<RecordBatch | null> {
  const heads = readHeads(records).filter((head) => head.last >= from);
  if (heads.length === 0) return null;
  const kept = committed(heads, aborted);
  const bodies = await Promise.all(kept.map(({ attributes, body }) => plain(attributes & 7, body, decompress)));
  const slab = bodies.every((body, i) => body === kept[i]!.body) ? null : Buffer.concat(bodies);
  const batch = new WireBatch(
    partition,
    from,
    heads.at(-1)!.last + 1,
    slab ?? records,
    kept.map((head, i) => ({ head, body: bodies[i]! })),
    slab !== null,
  );
  return batch;
}

async function plain(codec: number, body: Buffer, decompress: Decompress): Promise<Buffer> {
  return codec === 0 ? body : decompress(codec, body);
}

/** The complete record batches at the front of `bytes`; the last one may be cut off by the fetch's size. */
function readHeads(bytes: Buffer): WireHead[] {
  const heads: WireHead[] = [];
  for (let at = 0; at + headBytes <= bytes.length; ) {
    const base = Number(bytes.readBigInt64BE(at));
    const end = at + 12 + bytes.readInt32BE(at + 8);
    const magic = bytes[at + 16];
    if (magic !== 2)
      throw new UnknownFormat(
        `the record batch at offset ${base} has format ${magic}, and only 2 is known here (Kafka 0.11 and later)`,
      );
    if (end > bytes.length) break;
    if (crc32c(bytes.subarray(at + 21, end)) !== bytes.readUInt32BE(at + 17)) {
      throw new WireError(`the checksum of the record batch at offset ${base} does not match`);
    }
    heads.push({
      base,
      attributes: bytes.readInt16BE(at + 21),
      last: base + bytes.readInt32BE(at + 23),
      firstTimestamp: Number(bytes.readBigInt64BE(at + 27)),
      maxTimestamp: Number(bytes.readBigInt64BE(at + 35)),
      producer: bytes.readBigInt64BE(at + 43),
      count: bytes.readInt32BE(at + 57),
      body: bytes.subarray(at + headBytes, end),
    });
    at = end;
  }
  return heads;
}

/**
 * Leaves out markers, and the batches of transactions that were aborted (KIP-98: from its first offset to its
 * marker).
 */
function committed(heads: readonly WireHead[], aborted: readonly Aborted[]): WireHead[] {
  const starts = [...aborted].sort((a, b) => a.first - b.first);
  const aborting = new Set<bigint>();
  return heads.filter(({ last, attributes, producer, body }) => {
    while (starts.length > 0 && starts[0]!.first <= last) aborting.add(starts.shift()!.producer);
    if (attributes & isControl) {
      if (isAbortMarker(body)) aborting.delete(producer);
      return false;
    }
    return !(attributes & isTransactional && aborting.has(producer));
  });
}

/** A marker is one record whose key is a version and a type, both int16; type 0 aborts. */
function isAbortMarker(body: Buffer): boolean {
  const at = new Cursor(body, 0);
  at.varint(); // length
  at.at++; // attributes
  at.varint(); // timestamp
  at.varint(); // offset
  at.varint(); // key length
  return body.readInt16BE(at.at + 2) === 0;
}

class Cursor {
  at: number;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** A zigzag varint or varlong; exact up to 2^53. */
  varint(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.at++]!;
    let value = byte & 0x7f;
    let shift = 7;
    while (byte & 0x80) {
      byte = bytes[this.at++]!;
      if (shift < 28) value |= (byte & 0x7f) << shift;
      else value += (byte & 0x7f) * 2 ** shift;
      shift += 7;
      if (byte === undefined || shift > 70) throw new WireError("a record is cut off");
    }
    if (shift <= 28) return (value >>> 1) ^ -(value & 1);
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  text(length: number): string {
    const text = this.#bytes.toString("utf8", this.at, this.at + length);
    this.at += length;
    return text;
  }
}

/** Records as their places in one slab. */
class WireBatch extends LazyBatch {
  readonly bytes: number;
  readonly #slab: Buffer;
  readonly #offsets: Float64Array;
  readonly #timestamps: Float64Array;
  readonly #keyStarts: Int32Array;
  readonly #keyEnds: Int32Array;
  readonly #valueStarts: Int32Array;
  readonly #valueEnds: Int32Array;

  constructor(
    partition: number,
    from: number,
    upto: number,
    slab: Buffer,
    sources: readonly { head: WireHead; body: Buffer }[],
    concatenated: boolean,
  ) {
    const room = sources.reduce((sum, { head }) => sum + head.count, 0);
    const offsets = new Float64Array(room);
    const timestamps = new Float64Array(room);
    const keyStarts = new Int32Array(room);
    const keyEnds = new Int32Array(room);
    const valueStarts = new Int32Array(room);
    const valueEnds = new Int32Array(room);
    let n = 0;
    let total = 0;
    let behind = 0;
    for (const { head, body } of sources) {
      const start = concatenated ? behind : body.byteOffset - slab.byteOffset;
      behind += body.length;
      const cursor = new Cursor(slab, start);
      for (let i = 0; i < head.count; i++) {
        const length = cursor.varint();
        const end = cursor.at + length;
        if (length < 0 || end > start + body.length)
          throw new WireError(`a record after offset ${head.base} is cut off`);
        cursor.at++; // attributes, unused
        const timestamp = head.firstTimestamp + cursor.varint();
        const offset = head.base + cursor.varint();
        const keyLength = cursor.varint();
        const keyAt = cursor.at;
        if (keyLength > 0) cursor.at += keyLength;
        const valueLength = cursor.varint();
        const valueAt = cursor.at;
        cursor.at = end;
        if (offset < from) continue;
        offsets[n] = offset;
        timestamps[n] = stampWithin(head.attributes & isLogAppendTime ? head.maxTimestamp : timestamp);
        keyStarts[n] = keyLength < 0 ? -1 : keyAt;
        keyEnds[n] = keyLength < 0 ? -1 : keyAt + keyLength;
        valueStarts[n] = valueLength < 0 ? -1 : valueAt;
        // The headers begin where the value ends, present or not.
        valueEnds[n] = valueLength < 0 ? valueAt : valueAt + valueLength;
        if (keyLength > 0) total += keyLength;
        if (valueLength > 0) total += valueLength;
        n++;
      }
    }
    super(partition, from, upto, n);
    this.bytes = total;
    this.#slab = slab;
    this.#offsets = offsets.subarray(0, n);
    this.#timestamps = timestamps.subarray(0, n);
    this.#keyStarts = keyStarts;
    this.#keyEnds = keyEnds;
    this.#valueStarts = valueStarts;
    this.#valueEnds = valueEnds;
  }

  protected makeOffsets(): Float64Array {
    return this.#offsets;
  }

  protected makeTimestamps(): Float64Array {
    return this.#timestamps;
  }

  protected makeLines(): Buffer | null {
    return copyLines(this.#slab, this.#valueStarts, this.#valueEnds, this.count);
  }

  protected makeRecords(): readonly LogRecord[] {
    const records: LogRecord[] = [];
    for (let i = 0; i < this.count; i++) {
      const keyAt = this.#keyStarts[i]!;
      const valueAt = this.#valueStarts[i]!;
      const record = {
        offset: this.#offsets[i]!,
        timestamp: this.#timestamps[i]!,
        key: keyAt < 0 ? null : this.#slab.subarray(keyAt, this.#keyEnds[i]!),
        value: valueAt < 0 ? null : this.#slab.subarray(valueAt, this.#valueEnds[i]!),
      };
      const headers = this.#headers(i);
      if (!headers) records.push(record);
      else {
        const { [requestHeader]: text, ...others } = headers;
        const id = text === undefined ? undefined : idOfText(text);
        const rest = id ? others : headers;
        records.push({
          ...record,
          ...(Object.keys(rest).length > 0 ? { headers: rest } : {}),
          ...(id ? { id } : {}),
        });
      }
    }
    return records;
  }

  /** Reads nothing else of a record: nearly all have this one header, or none. */
  protected makeRequests(): readonly RequestRun[] {
    const runs = new RunsOf();
    const slab = this.#slab;
    for (let i = 0; i < this.count; i++) {
      const at = this.#valueEnds[i]!;
      // one byte 0: no headers
      if (slab[at] === 0) continue;
      const single = slab[at] === 2 && slab[at + 1] === nameBytes.length * 2;
      if (single && slab.compare(nameBytes, 0, nameBytes.length, at + 2, at + 2 + nameBytes.length) === 0) {
        const cursor = new Cursor(slab, at + 2 + nameBytes.length);
        const length = cursor.varint();
        if (length > 0) runs.add(i, idOfText(cursor.text(length)));
        continue;
      }
      const text = this.#headers(i)?.[requestHeader];
      if (text !== undefined) runs.add(i, idOfText(text));
    }
    return runs.runs;
  }

  /** Of headers with one name the last counts, as in Kafka's own `lastHeader`. */
  #headers(i: number): Record<string, string> | undefined {
    const cursor = new Cursor(this.#slab, this.#valueEnds[i]!);
    const count = cursor.varint();
    if (count <= 0) return undefined;
    const headers: Record<string, string> = {};
    for (let h = 0; h < count; h++) {
      const name = cursor.text(cursor.varint());
      const length = cursor.varint();
      headers[name] = length < 0 ? "" : cursor.text(length);
    }
    return headers;
  }
}
