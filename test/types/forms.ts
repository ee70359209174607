/** Rows of each form as the plain text of their cells; null: NULL. */
import { DataType, RecordBatchReader, type TimeUnit, type Vector } from "apache-arrow";
import { membersOf } from "../../shared/values/json-parts.ts";
import { clockText, dayText, instantText, zonedText } from "../../shared/values/times.ts";
import { doubleText } from "../../shared/values/written.ts";
import type { OffsetAt } from "../../shared/values/zone-offsets.ts";

export type Cells = readonly (string | null)[][];

/** @param lines JSON objects. @param isJson of a column: its values stay JSON */
export function ofJson(lines: readonly string[], isJson: (name: string) => boolean): Cells {
  return lines.map((line) => [...membersOf(line)].map(([name, json]) => plain(json, isJson(name))));
}

/** What a JSON value is in CSV. */
export function plain(json: string, isJson: boolean): string | null {
  if (json === "null") return null;
  return !isJson && json.startsWith('"') ? (JSON.parse(json) as string) : json;
}

export function ofCsv(text: string): Cells {
  const rows: (string | null)[][] = [];
  let cells: (string | null)[] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gy;
  for (let match = cell.exec(text); match; match = cell.exec(text)) {
    cells.push(match[1] !== undefined ? match[1].replaceAll('""', '"') : match[2] === "" ? null : match[2]!);
    if (match[3] === ",") continue;
    rows.push(cells);
    cells = [];
  }
  return rows.slice(1);
}

const perSecond = (unit: TimeUnit) => [1n, 1000n, 1_000_000n, 1_000_000_000n][unit]!;

export function ofArrow(body: Uint8Array, offsetAt: OffsetAt): Cells {
  const rows: (string | null)[][] = [];
  for (const batch of RecordBatchReader.from(body)) {
    const columns = batch.schema.fields.map((_, i) => batch.getChildAt(i)!);
    for (let row = 0; row < batch.numRows; row++)
      rows.push(columns.map((column) => (column.isValid(row) ? cellOf(column, row, offsetAt) : null)));
  }
  return rows;
}

function cellOf(column: Vector, row: number, offsetAt: OffsetAt): string {
  const { type, values, valueOffsets } = column.data[0]!;
  const long = () => (values as BigInt64Array)[row]!;
  if (DataType.isDate(type)) return dayText((values as Int32Array)[row]!);
  if (DataType.isTime(type)) return clockText(long(), perSecond(type.unit));
  if (DataType.isTimestamp(type))
    return type.timezone ? zonedText(long(), offsetAt) : instantText(long(), perSecond(type.unit));
  if (DataType.isFloat(type)) return doubleText(column.get(row) as number).replaceAll('"', "");
  if (DataType.isDecimal(type)) return decimalText(values as Uint32Array, row, type.scale);
  if (DataType.isBinary(type)) return Buffer.from(column.get(row) as Uint8Array).toString("base64");
  // the reader drops a mark of the encoding
  if (DataType.isUtf8(type))
    return Buffer.from((values as Uint8Array).subarray(valueOffsets[row]!, valueOffsets[row + 1]!)).toString();
  return String(column.get(row));
}

function decimalText(words: Uint32Array, row: number, scale: number): string {
  const own = words.subarray(4 * row, 4 * row + 4);
  const value = BigInt.asIntN(
    128,
    own.reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n),
  );
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, "0");
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return value < 0n ? `-${text}` : text;
}
