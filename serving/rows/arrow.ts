/** Rows as an Arrow IPC stream: one record batch for each chunk of rows. */
import type { DuckDBDataChunk } from "@duckdb/node-api";
import {
  AsyncByteQueue,
  Binary,
  Bool,
  type Data,
  type DataType,
  DateDay,
  Decimal,
  Field,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  makeData,
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  TimeMicrosecond,
  TimestampMicrosecond,
  TimestampMillisecond,
  TimestampNanosecond,
  TimestampSecond,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
} from "apache-arrow";

import { TidemarkError } from "../../shared/errors.ts";
import { copyBytes, isValid, lengthAt, rawColumn, variableWidth } from "./raw-column.ts";
import type { RowColumn } from "./rows.ts";

/** How a column becomes an Arrow vector's data. */
interface Carrier {
  readonly type: DataType;
  readonly data: (chunks: readonly DuckDBDataChunk[], at: number, rows: number) => Data;
  /** What a chunk's column takes, about. */
  readonly bytesOf: (chunk: DuckDBDataChunk, at: number) => number;
}

/**
 * A record batch ends with the chunk that reaches either limit: small batches are slow to write and
 * read, and large ones take much memory.
 */
const batchRows = 32_768;
const batchBytes = 4 << 20;

/**
 * The stream's bytes, piece by piece. Integers of up to 64 bits, doubles, decimals, times, texts
 * and blobs have Arrow types of their own; a HUGEINT is a Decimal(38, 0); whatever Arrow has no
 * type for here (lists, structs, maps, UUIDs) is text, JSON where it nests.
 * @throws QUERY_FAILED at a HUGEINT of more than 38 digits
 */
export async function* arrowStream(
  columns: readonly RowColumn[],
  chunks: AsyncIterable<DuckDBDataChunk>,
): AsyncGenerator<Uint8Array> {
  const carriers = columns.map(carrierOf);
  const schema = new Schema(columns.map((column, i) => new Field(column.name, carriers[i]!.type, true)));
  const pieces = new Pieces();
  const writer = new RecordBatchStreamWriter();
  writer.reset(pieces, schema);
  let gathered: DuckDBDataChunk[] = [];
  let [rows, bytes] = [0, 0];
  for await (const chunk of chunks) {
    gathered.push(chunk);
    rows += chunk.rowCount;
    for (const [i, { bytesOf }] of carriers.entries()) bytes += bytesOf(chunk, i);
    if (rows < batchRows && bytes < batchBytes) continue;
    writer.write(batchOf(schema, carriers, gathered, rows));
    yield* pieces.take();
    [gathered, rows, bytes] = [[], 0, 0];
  }
  if (rows > 0) writer.write(batchOf(schema, carriers, gathered, rows));
  writer.finish();
  yield* pieces.take();
}

/** Where the writer puts its bytes: taken after each batch, so that nothing is written ahead of the reader. */
class Pieces extends AsyncByteQueue {
  take(): Uint8Array[] {
    return this._values.splice(0) as Uint8Array[];
  }
}

function batchOf(
  schema: Schema,
  carriers: readonly Carrier[],
  chunks: readonly DuckDBDataChunk[],
  rows: number,
): RecordBatch {
  const children = carriers.map((carrier, i) => carrier.data(chunks, i, rows));
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: rows, nullCount: 0, children }));
}

/** Little-endian bits, 1 where there is a value; Arrow needs none where there is one everywhere. */
class Validity {
  readonly #bits: Uint8Array;
  #nulls = 0;

  constructor(rows: number) {
    this.#bits = new Uint8Array(Math.ceil(rows / 64) * 8).fill(0xff);
  }

  setNull(row: number): void {
    this.#bits[row >> 3]! &= ~(1 << (row & 7));
    this.#nulls++;
  }

  get parts(): { nullCount: number; nullBitmap?: Uint8Array } {
    return this.#nulls === 0 ? { nullCount: 0 } : { nullCount: this.#nulls, nullBitmap: this.#bits };
  }
}

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Values of a fixed width, as DuckDB has them: `width` bytes each. The bytes in place of a NULL are
 * undefined, and are zeroed.
 */
function same(type: DataType, width: number, array: (bytes: ArrayBuffer) => ArrayLike<unknown>): Carrier {
  return {
    type,
    bytesOf: ({ rowCount }) => rowCount * width,
    data: (chunks, at, rows) => {
      const target = new Uint8Array(rows * width);
      const validity = new Validity(rows);
      let row = 0;
      for (const chunk of chunks) {
        const raw = rawColumn(chunk, at, width);
        const { rowCount } = chunk;
        target.set(raw.bytes, row * width);
        if (raw.validity) {
          for (let i = 0; i < rowCount; i++) {
            if (isValid(raw.validity, i)) continue;
            validity.setNull(row + i);
            target.fill(0, (row + i) * width, (row + i + 1) * width);
          }
        }
        row += rowCount;
      }
      return dataOf({ type, length: rows, ...validity.parts, data: array(target.buffer) });
    },
  };
}

/** Values that are written one by one. @param width of a value as DuckDB has it, bytes */
function each(
  type: DataType,
  width: number,
  targetOf: (rows: number) => ArrayBufferView<ArrayBuffer>,
  writerOf: (target: ArrayBuffer) => (from: DataView, row: number, to: number) => void,
): Carrier {
  return {
    type,
    bytesOf: ({ rowCount }) => rowCount * width,
    data: (chunks, at, rows) => {
      const data = targetOf(rows);
      const write = writerOf(data.buffer);
      const validity = new Validity(rows);
      let row = 0;
      for (const chunk of chunks) {
        const raw = rawColumn(chunk, at, width);
        const { rowCount } = chunk;
        for (let i = 0; i < rowCount; i++, row++) {
          if (isValid(raw.validity, i)) write(raw.view, i, row);
          else validity.setNull(row);
        }
      }
      return dataOf({ type, length: rows, ...validity.parts, data });
    },
  };
}

function bool(): Carrier {
  return each(
    new Bool(),
    1,
    (rows) => new Uint8Array(Math.ceil(rows / 64) * 8),
    (target) => {
      const bits = new Uint8Array(target);
      return (from, row, to) => {
        if (from.getUint8(row) !== 0) bits[to >> 3]! |= 1 << (to & 7);
      };
    },
  );
}

/** 128-bit two's complement, the low word first; DuckDB keeps as many bytes as the digits need. */
function decimal(precision: number, scale: number): Carrier {
  const type = new Decimal(scale, precision, 128);
  const width = precision <= 4 ? 2 : precision <= 9 ? 4 : precision <= 18 ? 8 : 16;
  if (width === 16) return same(type, width, (bytes) => new Uint32Array(bytes));
  return each(
    type,
    width,
    (rows) => new Uint32Array(rows * 4),
    (target) => {
      const words = new Int32Array(target);
      return (from, row, to) => {
        const low = width === 2 ? from.getInt16(row * 2, true) : from.getInt32(row * width, true);
        const high = width === 8 ? from.getInt32(row * 8 + 4, true) : low >> 31;
        words[4 * to] = low;
        words[4 * to + 1] = high;
        words[4 * to + 2] = words[4 * to + 3] = high >> 31;
      };
    },
  );
}

/** The upper halves of 10^38 and of its negative. */
const highMax = (10n ** 38n) >> 64n;

/** A HUGEINT as the decimal of most digits that is read everywhere; it may have one more. */
function hugeint(name: string): Carrier {
  return each(
    new Decimal(0, 38, 128),
    16,
    (rows) => new Uint32Array(rows * 4),
    (target) => {
      const halves = new BigInt64Array(target);
      return (from, row, to) => {
        const [low, high] = [from.getBigInt64(row * 16, true), from.getBigInt64(row * 16 + 8, true)];
        if (high >= highMax || high <= -highMax) checkDigits(name, (high << 64n) | BigInt.asUintN(64, low));
        halves[2 * to] = low;
        halves[2 * to + 1] = high;
      };
    },
  );
}

function checkDigits(name: string, value: bigint): void {
  if (value < 10n ** 38n && value > -(10n ** 38n)) return;
  throw new TidemarkError(
    "QUERY_FAILED",
    `column "${name}" has a number of 39 digits, and an Arrow decimal has 38`,
    "ask for JSON or CSV, or cast it to VARCHAR",
  );
}

/** Texts or blobs, as they are. */
function variable(type: Utf8 | Binary): Carrier {
  return {
    type,
    bytesOf: (chunk, at) => {
      const raw = rawColumn(chunk, at, variableWidth);
      const { rowCount } = chunk;
      let bytes = 4 * rowCount;
      for (let i = 0; i < rowCount; i++) if (isValid(raw.validity, i)) bytes += lengthAt(raw, i);
      return bytes;
    },
    data: (chunks, at, rows) => {
      const raws = chunks.map((chunk) => ({ raw: rawColumn(chunk, at, variableWidth), count: chunk.rowCount }));
      const valueOffsets = new Int32Array(rows + 1);
      const validity = new Validity(rows);
      let [row, end] = [0, 0];
      for (const { raw, count } of raws) {
        for (let i = 0; i < count; i++, row++) {
          if (isValid(raw.validity, i)) end += lengthAt(raw, i);
          else validity.setNull(row);
          valueOffsets[row + 1] = end;
        }
      }
      const data: Bytes = new Uint8Array(end);
      row = 0;
      for (const { raw, count } of raws) {
        for (let i = 0; i < count; i++, row++) {
          const start = valueOffsets[row]!;
          copyBytes(raw, i, valueOffsets[row + 1]! - start, data, start);
        }
      }
      return dataOf({ type, length: rows, ...validity.parts, valueOffsets, data });
    },
  };
}

/** Estimated size of a list or the like, which is only known once it is text. */
const textWidth = 64;

/** What Arrow has no type for, as text. */
function text({ writer }: RowColumn): Carrier {
  const type = new Utf8();
  return {
    type,
    bytesOf: ({ rowCount }) => rowCount * textWidth,
    data: (chunks, at, rows) => {
      const valueOffsets = new Int32Array(rows + 1);
      const validity = new Validity(rows);
      const parts: Buffer[] = [];
      let row = 0;
      for (const chunk of chunks) {
        for (const value of chunk.getColumnValues(at)) {
          const part = Buffer.from(writer.text(value));
          if (value === null) validity.setNull(row);
          parts.push(part);
          valueOffsets[row + 1] = valueOffsets[row]! + part.length;
          row++;
        }
      }
      return dataOf({ type, length: rows, ...validity.parts, valueOffsets, data: Buffer.concat(parts) });
    },
  };
}

/** apache-arrow's types distinguish vectors by type; these are chosen at run time. */
function dataOf(parts: {
  readonly type: DataType;
  readonly length: number;
  readonly data: unknown;
  readonly valueOffsets?: Int32Array;
}): Data {
  return makeData(parts as Parameters<typeof makeData>[0]);
}

const longs = (bytes: ArrayBuffer) => new BigInt64Array(bytes);

function carrierOf(column: RowColumn): Carrier {
  const { name, type } = column;
  switch (type) {
    case "BOOLEAN":
      return bool();
    case "TINYINT":
      return same(new Int8(), 1, (bytes) => new Int8Array(bytes));
    case "SMALLINT":
      return same(new Int16(), 2, (bytes) => new Int16Array(bytes));
    case "INTEGER":
      return same(new Int32(), 4, (bytes) => new Int32Array(bytes));
    case "BIGINT":
      return same(new Int64(), 8, longs);
    case "UTINYINT":
      return same(new Uint8(), 1, (bytes) => new Uint8Array(bytes));
    case "USMALLINT":
      return same(new Uint16(), 2, (bytes) => new Uint16Array(bytes));
    case "UINTEGER":
      return same(new Uint32(), 4, (bytes) => new Uint32Array(bytes));
    case "UBIGINT":
      return same(new Uint64(), 8, (bytes) => new BigUint64Array(bytes));
    case "HUGEINT":
      return hugeint(name);
    case "FLOAT":
      return same(new Float32(), 4, (bytes) => new Float32Array(bytes));
    case "DOUBLE":
      return same(new Float64(), 8, (bytes) => new Float64Array(bytes));
    case "DATE":
      return same(new DateDay(), 4, (bytes) => new Int32Array(bytes));
    case "TIME":
      return same(new TimeMicrosecond(), 8, longs);
    case "TIMESTAMP":
      return same(new TimestampMicrosecond(), 8, longs);
    case "TIMESTAMP_S":
      return same(new TimestampSecond(), 8, longs);
    case "TIMESTAMP_MS":
      return same(new TimestampMillisecond(), 8, longs);
    case "TIMESTAMP_NS":
      return same(new TimestampNanosecond(), 8, longs);
    case "TIMESTAMP WITH TIME ZONE":
      return same(new TimestampMicrosecond("UTC"), 8, longs);
    case "VARCHAR":
      return variable(new Utf8());
    case "BLOB":
      return variable(new Binary());
  }
  const [, precision, scale] = /^DECIMAL\((\d+),(\d+)\)$/.exec(type) ?? [];
  return precision ? decimal(Number(precision), Number(scale)) : text(column);
}
