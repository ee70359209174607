/** Arrow values as JSON texts that the decoder reads back as the same values. */
import { isUtf8 } from "node:buffer";
import { type Data, DataType, Vector } from "apache-arrow";
import { listElementOf, structFieldsOf } from "../compiler/types.ts";
import { clockText, dayText, instantText } from "../values/times.ts";
import { bytesOf } from "./bytes.ts";

/** A value's JSON text, by its row. @throws UnwritableValue */
export type TextWriter = (row: number) => string;

/** A value that no JSON text of the field's type says. */
export class UnwritableValue extends Error {}

/** A column of a type that no field can have. */
export class NoColumn extends Error {}

/** Characters that may be written: a list in a list may say the same value a million times. */
export interface Room {
  left: number;
}

/** By TimeUnit. */
const perSecond = [1n, 1_000n, 1_000_000n, 1_000_000_000n] as const;

/** More would make a number's text a page. */
const scaleMax = 1000;

/**
 * @param target the field's type; "" where it is not known
 * @throws NoColumn
 */
export function textWriterOf(data: Data, target: string, room: Room): TextWriter {
  const write = plainWriterOf(data, target, room);
  return (row) => {
    const text = DataType.isNull(data.type) || !data.getValid(row) ? "null" : write(row);
    room.left -= text.length;
    if (room.left < 0) throw new NoRoom();
    return text;
  };
}

/** What is written gets too long. */
export class NoRoom extends Error {}

function plainWriterOf(data: Data, target: string, room: Room): TextWriter {
  const { type } = data;
  const numbers = data.values as ArrayLike<number | bigint>;
  const whole: TextWriter = (row) => String(numbers[row]);
  if (DataType.isNull(type)) return () => "null";
  if (DataType.isDictionary(type)) return entryWriterOf(data, target, room);
  // of a duration, how many of its units it has
  if (DataType.isInt(type) || DataType.isDuration(type)) return whole;
  if (DataType.isBool(type)) return readBy(data, String);
  if (DataType.isFloat(type)) return readBy(data, (value) => numberText(Number(value)));
  if (DataType.isDecimal(type)) return decimalWriterOf(data, type.scale, type.bitWidth);
  if (DataType.isDate(type)) {
    const days = type.unit === 0 ? 1 : 86_400_000;
    const midnight = target.startsWith("TIMESTAMP") ? " 00:00:00" : "";
    return (row) => {
      const text = dayText(Math.floor(Number(numbers[row]) / days));
      return `"${isInfinite(text) ? text : text + midnight}"`;
    };
  }
  if (DataType.isTime(type)) return (row) => `"${clockText(BigInt(numbers[row]!), perSecond[type.unit]!)}"`;
  if (DataType.isTimestamp(type)) {
    const zone = type.timezone && (target === "" || target === "TIMESTAMP WITH TIME ZONE") ? "Z" : "";
    return (row) => {
      const text = instantText(numbers[row] as bigint, perSecond[type.unit]!);
      if (isInfinite(text)) return `"${text}"`;
      return `"${target === "DATE" && !type.timezone ? text.replace(/ 00:00:00$/, "") : text + zone}"`;
    };
  }
  const bytes = bytesOf(data);
  if (bytes) {
    const isText = DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isUtf8View(type);
    return (row) => bytesText(bytes(row), isText, target);
  }
  return nestedWriterOf(data, target, room);
}

function nestedWriterOf(data: Data, target: string, room: Room): TextWriter {
  const { type } = data;
  if (DataType.isStruct(type)) {
    const fields = structFieldsOf(target) ?? [];
    const members = type.children.map(({ name }, at) => {
      const field = fields.find((each) => each.name.toLowerCase() === name.toLowerCase());
      const write = textWriterOf(data.children[at]!, field?.type ?? "", room);
      return { name: JSON.stringify(field?.name ?? name), write };
    });
    return (row) => `{${members.map(({ name, write }) => `${name}:${write(row)}`).join(",")}}`;
  }
  if (DataType.isMap(type)) return mapWriterOf(data, target, room);
  const isList = DataType.isList(type) || DataType.isLargeList(type) || DataType.isFixedSizeList(type);
  if (!isList) throw new NoColumn(String(type));
  const element = textWriterOf(data.children[0]!, listElementOf(target) ?? "", room);
  const size = DataType.isFixedSizeList(type) ? type.listSize : null;
  return (row) => {
    const [from, upto] = size === null ? rangeAt(data, row) : [row * size, (row + 1) * size];
    const texts: string[] = [];
    for (let at = from; at < upto; at++) texts.push(element(at));
    return `[${texts.join(",")}]`;
  };
}

/** As an object; for a list, as its entries. */
function mapWriterOf(data: Data, target: string, room: Room): TextWriter {
  const entries = data.children[0]!;
  const element = structFieldsOf(listElementOf(target) ?? "");
  const typeOf = (name: string) => (element ?? structFieldsOf(target))?.find((each) => each.name === name)?.type ?? "";
  const key = textWriterOf(entries.children[0]!, element ? typeOf("key") : "", room);
  const values = new Map<string, TextWriter>();
  const value = (type: string) => {
    const known = values.get(type) ?? textWriterOf(entries.children[1]!, type, room);
    values.set(type, known);
    return known;
  };
  return (row) => {
    const [from, upto] = rangeAt(data, row);
    const texts: string[] = [];
    for (let at = from; at < upto; at++) {
      const name = key(at);
      const text = name.startsWith('"') ? name : JSON.stringify(name);
      if (listElementOf(target) !== null) texts.push(`{"key":${name},"value":${value(typeOf("value"))(at)}}`);
      else texts.push(`${text}:${value(typeOf(JSON.parse(text) as string))(at)}`);
    }
    return listElementOf(target) !== null ? `[${texts.join(",")}]` : `{${texts.join(",")}}`;
  };
}

function rangeAt(data: Data, row: number): [number, number] {
  const offsets = data.valueOffsets as unknown as ArrayLike<number | bigint>;
  return [Number(offsets[row]), Number(offsets[row + 1])];
}

/** A dictionary's entries are written once each. */
function entryWriterOf(data: Data, target: string, room: Room): TextWriter {
  const chunks = data.dictionary!.data.map((chunk) => ({
    length: chunk.length,
    write: textWriterOf(chunk, target, room),
  }));
  const written = new Map<number, string>();
  return (row) => {
    const entry = Number((data.values as ArrayLike<number | bigint>)[row]);
    const known = written.get(entry);
    if (known !== undefined) return known;
    let at = entry;
    for (const { length, write } of chunks) {
      if (at >= 0 && at < length) {
        const text = write(at);
        written.set(entry, text);
        return text;
      }
      at -= length;
    }
    throw new RangeError("a dictionary has no such entry");
  };
}

function readBy(data: Data, text: (value: unknown) => string): TextWriter {
  const vector = new Vector([data]);
  return (row) => text(vector.get(row));
}

/** JSON has no word for what is not finite: events write it as a text. */
function numberText(value: number): string {
  return Number.isFinite(value) ? (Object.is(value, -0) ? "-0.0" : JSON.stringify(value)) : `"${value}"`;
}

function bytesText(bytes: Uint8Array, isText: boolean, target: string): string {
  if (!isText && target === "UUID" && bytes.length === 16)
    return `"${Buffer.from(bytes)
      .toString("hex")
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")}"`;
  if (!isText && target === "BLOB") return `"${Buffer.from(bytes).toString("base64")}"`;
  if (!isUtf8(bytes)) {
    if (isText || (target !== "" && target !== "JSON"))
      throw new UnwritableValue(`${bytes.length} bytes are not UTF-8`);
    return `"${Buffer.from(bytes).toString("base64")}"`;
  }
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
  // answers write it as a text, since Arrow has no such number
  if (target === "UHUGEINT" && /^\d+$/.test(text)) return text;
  const isJsonLike = target === "JSON" || structFieldsOf(target) !== null || listElementOf(target) !== null;
  if (!isJsonLike) return JSON.stringify(text);
  try {
    JSON.parse(text);
    return text.replaceAll(/[\r\n]/g, " ");
  } catch {
    throw new UnwritableValue(`text of ${text.length} characters is not JSON`);
  }
}

/** Little-endian words of a two's complement integer, with a decimal point where it is not whole. */
function decimalWriterOf(data: Data, scale: number, bits: number): TextWriter {
  if (Math.abs(scale) > scaleMax) throw new NoColumn(`decimal of scale ${scale}`);
  const words = data.values as Uint32Array;
  const stride = bits / 32;
  return (row) => {
    const own = words.subarray(row * stride, (row + 1) * stride);
    let value = own.reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n);
    if (value >> BigInt(bits - 1)) value -= 1n << BigInt(bits);
    const sign = value < 0n ? "-" : "";
    const digits = (value < 0n ? -value : value).toString();
    if (scale <= 0) return value === 0n ? "0" : `${sign}${digits}${"0".repeat(-scale)}`;
    const all = digits.padStart(scale + 1, "0");
    return `${sign}${all.slice(0, -scale)}.${all.slice(-scale)}`.replace(/\.?0+$/, "");
  };
}

function isInfinite(time: string): boolean {
  return time.endsWith("infinity");
}
