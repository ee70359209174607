import type { LogRecord, RecordBatch, RequestId, RequestRun } from "./log.ts";

const newline = 10;
const carriageReturn = 13;
const filler = 32;

/**
 * A batch whose parts are made when first asked for, and once: a consumer of `lines` never pays for `records()`.
 * `[from, upto)` may be wider than the records in it.
 */
export abstract class LazyBatch implements RecordBatch {
  readonly partition: number;
  readonly from: number;
  readonly upto: number;
  readonly count: number;
  #offsets: Float64Array | undefined;
  #timestamps: Float64Array | undefined;
  #lines: Buffer | null | undefined;
  #records: readonly LogRecord[] | undefined;
  #requests: readonly RequestRun[] | undefined;

  constructor(partition: number, from: number, upto: number, count: number) {
    this.partition = partition;
    this.from = from;
    this.upto = upto;
    this.count = count;
  }

  get offsets(): Float64Array {
    this.#offsets ??= this.makeOffsets();
    return this.#offsets;
  }

  get timestamps(): Float64Array {
    this.#timestamps ??= this.makeTimestamps();
    return this.#timestamps;
  }

  get lines(): Buffer | null {
    if (this.#lines === undefined) this.#lines = this.makeLines();
    return this.#lines;
  }

  get requests(): readonly RequestRun[] {
    this.#requests ??= this.makeRequests();
    return this.#requests;
  }

  records(): readonly LogRecord[] {
    this.#records ??= this.makeRecords();
    return this.#records;
  }

  abstract get bytes(): number;
  protected abstract makeOffsets(): Float64Array;
  protected abstract makeTimestamps(): Float64Array;
  protected abstract makeLines(): Buffer | null;
  protected abstract makeRequests(): readonly RequestRun[];
  protected abstract makeRecords(): readonly LogRecord[];
}

/** Neighbouring ids as runs. */
export class RunsOf {
  readonly runs: RequestRun[] = [];
  #last: { request: string; sequence: number; index: number; count: number } | null = null;

  /** The id of the record at `index`, if it has one; indexes ascend. */
  add(index: number, id: RequestId | undefined): void {
    const last = this.#last;
    if (!id) return;
    const next = last && last.request === id.request && last.sequence + last.count === id.sequence;
    if (next && last.index + last.count === index) last.count++;
    else {
      this.#last = { request: id.request, sequence: id.sequence, index, count: 1 };
      this.runs.push(this.#last);
    }
  }
}

export function runsOf(ids: Iterable<RequestId | undefined>): RequestRun[] {
  const found = new RunsOf();
  let index = 0;
  for (const id of ids) found.add(index++, id);
  return found.runs;
}

/** The ids that runs speak of, by index. */
export function idsOf(runs: readonly RequestRun[], count: number): (RequestId | undefined)[] {
  const ids = Array.from<RequestId | undefined>({ length: count });
  for (const { request, sequence, index, count: length } of runs)
    for (let i = 0; i < length; i++) ids[index + i] = { request, sequence: sequence + i };
  return ids;
}

/** A batch over records that exist one by one already. */
export class ArrayBatch extends LazyBatch {
  readonly #array: readonly LogRecord[];

  constructor(partition: number, from: number, upto: number, records: readonly LogRecord[]) {
    super(partition, from, upto, records.length);
    this.#array = records;
  }

  get bytes(): number {
    return this.#array.reduce((sum, record) => sum + recordBytes(record), 0);
  }

  protected makeOffsets(): Float64Array {
    return Float64Array.from(this.#array, (record) => record.offset);
  }

  protected makeTimestamps(): Float64Array {
    return Float64Array.from(this.#array, (record) => record.timestamp);
  }

  protected makeLines(): Buffer | null {
    let size = this.count;
    for (const { value } of this.#array) {
      if (!value) return null;
      size += value.length;
    }
    const out = Buffer.allocUnsafe(size);
    const ends = new Int32Array(this.count);
    let at = 0;
    for (let i = 0; i < this.count; i++) {
      at += this.#array[i]!.value!.copy(out, at);
      ends[i] = at++;
    }
    return endLines(out, ends);
  }

  protected makeRequests(): readonly RequestRun[] {
    return runsOf(this.#array.map((record) => record.id));
  }

  protected makeRecords(): readonly LogRecord[] {
    return this.#array;
  }
}

/** Neighbouring batches of one partition as one. */
class JoinedBatch extends LazyBatch {
  readonly #parts: readonly RecordBatch[];
  readonly bytes: number;

  constructor(parts: readonly RecordBatch[]) {
    const head = parts[0]!;
    super(
      head.partition,
      head.from,
      parts.at(-1)!.upto,
      parts.reduce((sum, part) => sum + part.count, 0),
    );
    this.#parts = parts;
    this.bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  }

  protected makeOffsets(): Float64Array {
    return joinNumbers(this.#parts, this.count, (part) => part.offsets);
  }

  protected makeTimestamps(): Float64Array {
    return joinNumbers(this.#parts, this.count, (part) => part.timestamps);
  }

  protected makeLines(): Buffer | null {
    const lines: Buffer[] = [];
    for (const part of this.#parts) {
      if (!part.lines) return null;
      lines.push(part.lines);
    }
    return Buffer.concat(lines);
  }

  protected makeRequests(): readonly RequestRun[] {
    const runs: RequestRun[] = [];
    let before = 0;
    for (const part of this.#parts) {
      for (const run of part.requests) runs.push({ ...run, index: before + run.index });
      before += part.count;
    }
    return runs;
  }

  protected makeRecords(): readonly LogRecord[] {
    return this.#parts.flatMap((part) => part.records());
  }
}

/** One batch over adjacent batches of one partition; `parts` is not empty. */
export function joinBatches(parts: readonly RecordBatch[]): RecordBatch {
  return parts.length === 1 ? parts[0]! : new JoinedBatch(parts);
}

function joinNumbers(
  parts: readonly RecordBatch[],
  count: number,
  of: (part: RecordBatch) => Float64Array,
): Float64Array {
  const out = new Float64Array(count);
  let at = 0;
  for (const part of parts) {
    out.set(of(part), at);
    at += part.count;
  }
  return out;
}

/** The part of these batches below `upto`, at most `recordsMax` records. */
export function clipBatches(
  batches: readonly RecordBatch[],
  upto: number,
  recordsMax = Number.POSITIVE_INFINITY,
): RecordBatch[] {
  const clipped: RecordBatch[] = [];
  let left = recordsMax;
  for (const batch of batches) {
    if (left <= 0 || batch.from >= upto) break;
    const end = Math.min(upto, left < batch.count ? batch.offsets[left]! : batch.upto);
    left -= batch.count;
    if (end >= batch.upto) clipped.push(batch);
    else {
      const records = batch.records().filter((record) => record.offset < end);
      clipped.push(new ArrayBatch(batch.partition, batch.from, end, records));
      break;
    }
  }
  return clipped;
}

/** Key and value bytes of one record. */
export function recordBytes(record: { readonly key: Buffer | null; readonly value: Buffer | null }): number {
  return (record.key?.length ?? 0) + (record.value?.length ?? 0);
}

/**
 * The values that lie at `[starts[i], ends[i])` of `bytes`, as lines; a negative start is a missing value.
 *
 * @returns null when a value is missing or holds a line break
 */
export function copyLines(bytes: Buffer, starts: Int32Array, ends: Int32Array, count: number): Buffer | null {
  let size = count;
  for (let i = 0; i < count; i++) {
    if (starts[i]! < 0) return null;
    size += ends[i]! - starts[i]!;
  }
  const out = Buffer.allocUnsafe(size);
  const lineEnds = new Int32Array(count);
  let at = 0;
  for (let i = 0; i < count; i++) {
    at += bytes.copy(out, at, starts[i]!, ends[i]!);
    lineEnds[i] = at++;
  }
  return endLines(out, lineEnds);
}

/**
 * Ends the line at every position of `ends`, in place. The places hold a harmless byte first, so that one
 * native search over all bytes finds a line break that a value has of its own; `\r` counts as one too.
 */
function endLines(out: Buffer, ends: Int32Array): Buffer | null {
  for (let i = 0; i < ends.length; i++) out[ends[i]!] = filler;
  if (hasLineBreak(out)) return null;
  for (let i = 0; i < ends.length; i++) out[ends[i]!] = newline;
  return out;
}

export function hasLineBreak(bytes: Buffer): boolean {
  return bytes.indexOf(newline) >= 0 || bytes.indexOf(carriageReturn) >= 0;
}
