/** Rows as an Arrow IPC stream: one record batch for each chunk of rows. This file is the only door to apache-arrow. */
import {
  type DuckDBBlobValue,
  type DuckDBDateValue,
  type DuckDBDecimalValue,
  DuckDBTimestampMillisecondsValue,
  type DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  type DuckDBTimestampTZValue,
  type DuckDBTimestampValue,
  type DuckDBTimeValue,
  type DuckDBValue,
} from "@duckdb/node-api";
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
  TimestampNanosecond,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
} from "apache-arrow";
import { textOf } from "./json.ts";

interface Column {
  readonly name: string;
  readonly type: string;
}

type Rows = readonly (readonly DuckDBValue[])[];

/** How a column's values become an Arrow vector's data. */
interface Carrier {
  readonly type: DataType;
  readonly data: (values: readonly DuckDBValue[]) => Data;
}

/**
 * The stream's bytes, piece by piece. Integers of up to 64 bits, doubles, decimals, times, texts and blobs have Arrow types of their
 * own; a HUGEINT is a Decimal(38, 0); whatever Arrow has no type for here (lists, structs, maps, UUIDs) is text, JSON where it nests.
 */
export async function* arrowStream(
  columns: readonly Column[],
  chunks: AsyncIterable<Rows>,
): AsyncGenerator<Uint8Array> {
  const carriers = columns.map((column) => carrierOf(column.type));
  const schema = new Schema(columns.map((column, i) => new Field(column.name, carriers[i]!.type, true)));
  const pieces = new Pieces();
  const writer = new RecordBatchStreamWriter();
  writer.reset(pieces, schema);
  for await (const rows of chunks) {
    writer.write(batchOf(schema, carriers, rows));
    yield* pieces.take();
  }
  writer.finish();
  yield* pieces.take();
}

/** Where the writer puts its bytes: taken after each batch, so that nothing is written ahead of whoever reads. */
class Pieces extends AsyncByteQueue {
  take(): Uint8Array[] {
    return this._values.splice(0) as Uint8Array[];
  }
}

function batchOf(schema: Schema, carriers: readonly Carrier[], rows: Rows): RecordBatch {
  const children = carriers.map((carrier, i) => carrier.data(rows.map((row) => row[i] ?? null)));
  return new RecordBatch(
    schema,
    makeData({ type: new Struct(schema.fields), length: rows.length, nullCount: 0, children }),
  );
}

/** Little-endian bits, 1 where there is a value. */
function validity(values: readonly DuckDBValue[]): { nullCount: number; nullBitmap: Uint8Array } {
  const nullBitmap = new Uint8Array(Math.ceil(values.length / 64) * 8);
  let nullCount = 0;
  for (const [i, value] of values.entries()) {
    if (value === null) nullCount++;
    else nullBitmap[i >> 3]! |= 1 << (i & 7);
  }
  return { nullCount, nullBitmap };
}

/** Values of a fixed width: numbers, or bigints where they have 64 bits. */
function fixed<V>(
  type: DataType,
  make: (length: number) => { [place: number]: V },
  number: (value: DuckDBValue) => V,
): Carrier {
  return {
    type,
    data: (values) => {
      const data = make(values.length);
      for (const [i, value] of values.entries()) if (value !== null) data[i] = number(value);
      return makeData({ type, length: values.length, ...validity(values), data } as Parameters<typeof makeData>[0]);
    },
  };
}

function bool(): Carrier {
  const type = new Bool();
  return {
    type,
    data: (values) => {
      const data = new Uint8Array(Math.ceil(values.length / 64) * 8);
      for (const [i, value] of values.entries()) if (value === true) data[i >> 3]! |= 1 << (i & 7);
      return makeData({ type, length: values.length, ...validity(values), data });
    },
  };
}

/** 128-bit two's complement, the low word first. */
function decimal(precision: number, scale: number, unscaled: (value: DuckDBValue) => bigint): Carrier {
  const type = new Decimal(scale, precision, 128);
  return {
    type,
    data: (values) => {
      const words = new BigUint64Array(values.length * 2);
      for (const [i, value] of values.entries()) {
        if (value === null) continue;
        const bits = BigInt.asUintN(128, unscaled(value));
        words[2 * i] = BigInt.asUintN(64, bits);
        words[2 * i + 1] = bits >> 64n;
      }
      return makeData({ type, length: values.length, ...validity(values), data: new Uint32Array(words.buffer) });
    },
  };
}

function variable(type: Utf8 | Binary, bytes: (value: DuckDBValue) => Uint8Array): Carrier {
  return {
    type,
    data: (values) => {
      const parts = values.map((value) => (value === null ? empty : bytes(value)));
      const valueOffsets = new Int32Array(values.length + 1);
      for (const [i, part] of parts.entries()) valueOffsets[i + 1] = valueOffsets[i]! + part.length;
      const data = Buffer.concat(parts);
      return makeData({ type, length: values.length, ...validity(values), valueOffsets, data } as Parameters<
        typeof makeData
      >[0]);
    },
  };
}

const empty = new Uint8Array(0);
const text = () => variable(new Utf8(), (value) => Buffer.from(textOf(value)));
const bigints = (length: number) => new BigInt64Array(length);

function carrierOf(type: string): Carrier {
  switch (type) {
    case "BOOLEAN":
      return bool();
    case "TINYINT":
      return fixed(new Int8(), (length) => new Int8Array(length), Number);
    case "SMALLINT":
      return fixed(new Int16(), (length) => new Int16Array(length), Number);
    case "INTEGER":
      return fixed(new Int32(), (length) => new Int32Array(length), Number);
    case "BIGINT":
      return fixed(new Int64(), bigints, (value) => value as bigint);
    case "UTINYINT":
      return fixed(new Uint8(), (length) => new Uint8Array(length), Number);
    case "USMALLINT":
      return fixed(new Uint16(), (length) => new Uint16Array(length), Number);
    case "UINTEGER":
      return fixed(new Uint32(), (length) => new Uint32Array(length), Number);
    case "UBIGINT":
      return fixed(
        new Uint64(),
        (length) => new BigUint64Array(length),
        (value) => value as bigint,
      );
    case "HUGEINT":
      return decimal(38, 0, (value) => value as bigint);
    case "FLOAT":
      return fixed(new Float32(), (length) => new Float32Array(length), Number);
    case "DOUBLE":
      return fixed(new Float64(), (length) => new Float64Array(length), Number);
    case "DATE":
      return fixed(
        new DateDay(),
        (length) => new Int32Array(length),
        (value) => (value as DuckDBDateValue).days,
      );
    case "TIME":
      return fixed(new TimeMicrosecond(), bigints, (value) => (value as DuckDBTimeValue).micros);
    case "TIMESTAMP":
    case "TIMESTAMP_S":
    case "TIMESTAMP_MS":
      return fixed(new TimestampMicrosecond(), bigints, micros);
    case "TIMESTAMP_NS":
      return fixed(new TimestampNanosecond(), bigints, (value) => (value as DuckDBTimestampNanosecondsValue).nanos);
    case "TIMESTAMP WITH TIME ZONE":
      return fixed(new TimestampMicrosecond("UTC"), bigints, micros);
    case "BLOB":
      return variable(new Binary(), (value) => (value as DuckDBBlobValue).bytes);
  }
  const [, precision, scale] = /^DECIMAL\((\d+),(\d+)\)$/.exec(type) ?? [];
  if (precision) return decimal(Number(precision), Number(scale), (value) => (value as DuckDBDecimalValue).value);
  return text();
}

function micros(value: DuckDBValue): bigint {
  if (value instanceof DuckDBTimestampSecondsValue) return value.seconds * 1_000_000n;
  if (value instanceof DuckDBTimestampMillisecondsValue) return value.millis * 1000n;
  return (value as DuckDBTimestampValue | DuckDBTimestampTZValue).micros;
}
