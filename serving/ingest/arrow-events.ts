/** Events in an Arrow IPC stream: a row each, columns by name. */
import { type Data, DataType, type RecordBatch, RecordBatchReader, type Vector } from "apache-arrow";
import { messageOf, TidemarkError } from "../../shared/errors.ts";
import type { Incoming } from "./bodies.ts";

/** Of JSON that a body may unfold into: a dictionary's value may stand in a million rows. */
const unfoldedMax = 64 << 20;

type Writer = (row: number) => string;

/** The first of them. @throws USAGE where it can't be read, or has a column that no event can have */
export function arrowEvents(body: Buffer, countMax: number): Incoming[] {
  const found: Incoming[] = [];
  let bytes = 0;
  try {
    for (const batch of RecordBatchReader.from(body)) {
      const writers = batch.schema.fields.map(({ name }, i) => ({
        name: JSON.stringify(name),
        write: writerOf(name, batch, i),
      }));
      for (let row = 0; row < batch.numRows && found.length < countMax; row++) {
        const text = `{${writers.map(({ name, write }) => `${name}:${write(row)}`).join(",")}}`;
        bytes += text.length;
        if (bytes > unfoldedMax)
          throw new TidemarkError(
            "USAGE",
            `the rows are more than ${unfoldedMax >> 20} MB of events`,
            "send fewer at a time",
          );
        found.push({ value: Buffer.from(text) });
      }
    }
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    throw new TidemarkError(
      "USAGE",
      `the body is no Arrow IPC stream that can be read: ${messageOf(error)}`,
      "send one without compression",
    );
  }
  return found;
}

function writerOf(name: string, batch: RecordBatch, at: number): Writer {
  const vector = batch.getChildAt(at)!;
  const text = textOf(name, vector);
  return (row) => (vector.isValid(row) ? text(row) : "null");
}

function textOf(name: string, vector: Vector): Writer {
  const { type } = vector;
  if (DataType.isDictionary(type) || DataType.isUtf8(type) || DataType.isLargeUtf8(type)) {
    const inner: DataType = DataType.isDictionary(type) ? (type.dictionary as DataType) : type;
    if (DataType.isUtf8(inner) || DataType.isLargeUtf8(inner)) return (row) => JSON.stringify(vector.get(row));
  }
  if (DataType.isNull(type)) return () => "null";
  if (DataType.isBool(type)) return (row) => String(vector.get(row));
  if (DataType.isInt(type)) return (row) => String(vector.get(row));
  if (DataType.isFloat(type) && type.precision > 0) {
    return (row) => {
      const value = Number(vector.get(row));
      // JSON has no word for these: events write them as texts
      return Number.isFinite(value) ? JSON.stringify(value) : `"${value}"`;
    };
  }
  if (DataType.isDecimal(type)) return (row) => decimalText(vector.get(row) as Uint32Array, type.scale);
  if (DataType.isDate(type)) return (row) => `"${new Date(Number(vector.get(row))).toISOString().slice(0, 10)}"`;
  if (DataType.isTimestamp(type)) {
    const perSecond = [1n, 1_000n, 1_000_000n, 1_000_000_000n][type.unit]!;
    const zone = type.timezone ? "Z" : "";
    return (row) => `"${timeText(rawOf(vector, row), perSecond)}${zone}"`;
  }
  throw new TidemarkError(
    "USAGE",
    `column "${name}" is a ${String(type)}, which is not taken`,
    "cast it to text, a number, a date or a timestamp",
  );
}

/** A 64-bit value as it is stored: what the vector gives for a timestamp has lost its last digits. */
function rawOf(vector: Vector, row: number): bigint {
  const data = vector.data[0] as Data;
  return (data.values as BigInt64Array)[row]!;
}

function timeText(value: bigint, perSecond: bigint): string {
  const seconds = value >= 0n ? value / perSecond : -((-value + perSecond - 1n) / perSecond);
  const rest = value - seconds * perSecond;
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19).replace("T", " ");
  const digits = String(perSecond).length - 1;
  return rest === 0n ? whole : `${whole}.${rest.toString().padStart(digits, "0")}`;
}

/** Little-endian words of a two's complement integer, with a decimal point. */
function decimalText(words: Uint32Array, scale: number): string {
  const bits = BigInt(words.length * 32);
  let value = words.reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n);
  if (value >> (bits - 1n)) value -= 1n << bits;
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, "0");
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return value < 0n ? `-${text}` : text;
}
