/** A CSV file's cells as JSON texts of a field's type. */
import { isDecimal, isFloat, isInteger, listElementOf, structFieldsOf } from "../../shared/compiler/types.ts";
import type { FieldDefinition } from "../../shared/definition.ts";
import type { CsvOptions } from "./csv-options.ts";
import { timeReader } from "./time-format.ts";

/**
 * Writes a cell as a JSON value of the field's type, or, when it is not one, as a string, which the decoder
 * then rejects with its reason. Undefined when the decoder would accept that string.
 */
export type CellWriter = (cell: string) => string | undefined;

export function cellWriter({ type }: FieldDefinition, options: CsvOptions): CellWriter {
  const numeric = numericText(type);
  if (numeric)
    return (cell) => {
      if (plainWhole.test(cell)) return cell;
      const plain = plainNumber(cell, options);
      return plain === undefined ? undefined : (numeric(plain) ?? quoted(cell));
    };
  if (listElementOf(type) !== null || structFieldsOf(type) !== null)
    return (cell) => (isJson(cell) ? oneLine(cell) : quoted(cell));
  if (type === "BOOLEAN") return (cell) => truths[cell.trim().toLowerCase()] ?? quoted(cell);
  if (type === "DATE") return timeWriter(options.dateFormat, (iso) => iso.replace(/ 00:00:00$/, ""));
  if (type.startsWith("TIMESTAMP")) return timeWriter(options.timestampFormat, (iso) => iso);
  if (type === "JSON") return (cell) => (isJson(cell) ? oneLine(cell) : undefined);
  return quoted;
}

/** Why a cell is invalid for which its writer returned undefined. */
export function notWritten({ type }: FieldDefinition, options: CsvOptions): string {
  if (type === "JSON") return "is not JSON";
  if (numericText(type)) return `has a "." where decimals begin with "${options.decimal}"`;
  return `is not written as ${type === "DATE" ? options.dateFormat : options.timestampFormat}`;
}

/** The form of nearly all numbers. */
const plainWhole = /^(?:0|-?[1-9]\d*)$/;

const quoted = (cell: string) => JSON.stringify(cell);

const truths: Readonly<Record<string, string>> = {
  true: "true",
  t: "true",
  1: "true",
  false: "false",
  f: "false",
  0: "false",
};

const zoned = /(:\d\d(?:[.,]\d+)?) ?(?:UTC|GMT|([+-]\d\d):?(\d\d))$/;

/** Rewrites an offset as ISO 8601: BigQuery writes ` UTC`, Salesforce `+0000`. */
function withIsoZone(time: string): string {
  return time.replace(zoned, (_, clock: string, hours?: string, minutes?: string) =>
    hours === undefined ? `${clock}Z` : `${clock}${hours}:${minutes}`,
  );
}

function timeWriter(format: string | null, kept: (iso: string) => string): CellWriter {
  if (format === null) return (cell) => quoted(withIsoZone(cell.trim()));
  const read = timeReader(format);
  return (cell) => {
    const iso = read(cell.trim());
    return iso === undefined ? undefined : quoted(kept(iso));
  };
}

function numericText(type: string): CellWriter | null {
  if (isInteger(type) || /^U?HUGEINT$/.test(type)) return wholeText;
  if (isDecimal(type)) return numberText;
  return isFloat(type) ? (text) => numberText(text) ?? notFinite(text) : null;
}

/** The number with a point as its decimal separator. */
function plainNumber(cell: string, { decimal }: CsvOptions): string | undefined {
  const text = cell.trim();
  if (decimal === ".") return text;
  return text.includes(".") ? undefined : text.replace(decimal, ".");
}

const number = /^([+-]?)0*(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/;

/** A number as JSON writes it; undefined when the text is not a number. */
function numberText(text: string): string | undefined {
  const found = number.exec(text);
  if (!found || !/\d/.test(text.replace(/[eE].*/, ""))) return undefined;
  const [, sign, whole, fraction = "", exponent] = found;
  const digits = `${whole || "0"}${fraction === "" ? "" : `.${fraction}`}`;
  return `${sign === "-" ? "-" : ""}${digits}${exponent === undefined ? "" : `e${exponent}`}`;
}

/** More digits than any integer type holds. */
const digitsMax = 50;

/** The digits of an integer, whatever its notation; otherwise the number as it is. */
function wholeText(text: string): string | undefined {
  const written = numberText(text);
  if (written === undefined || /^-?\d+$/.test(written)) return written === "-0" ? "0" : written;
  const [mantissa, exponent = "0"] = written.replace("-", "").split("e") as [string, string?];
  const [whole, fraction = ""] = mantissa.split(".") as [string, string?];
  const places = Number(exponent);
  const digits = whole + fraction;
  const point = whole.length + places;
  if (point > digitsMax || /[1-9]/.test(digits.slice(Math.max(0, point)))) return written;
  const found =
    digits
      .slice(0, Math.max(0, point))
      .padEnd(point, "0")
      .replace(/^0+(?=\d)/, "") || "0";
  return `${written.startsWith("-") && found !== "0" ? "-" : ""}${found}`;
}

function notFinite(text: string): string | undefined {
  const found = /^([+-]?)(nan|inf|infinity)$/i.exec(text);
  if (!found) return undefined;
  if (found[2]!.toLowerCase() === "nan") return '"NaN"';
  return found[1] === "-" ? '"-Infinity"' : '"Infinity"';
}

function isJson(cell: string): boolean {
  try {
    JSON.parse(cell);
    return true;
  } catch {
    return false;
  }
}

/** Removes line breaks, which valid JSON has outside of strings only. */
function oneLine(json: string): string {
  return json.replaceAll(/[\r\n]/g, " ");
}
