/**
 * A filter's value, read by the same rules as events, so that the same text means the same value;
 * and its SQL.
 */

import { decimalOf, isDecimal, isFloat, listElementOf, structFieldsOf } from "../../shared/compiler/types.ts";
import { ExactText } from "../../shared/decode/exact-text.ts";
import { typedValue } from "../../shared/decode/strict.ts";
import { quoteText } from "../../shared/duckdb/duck.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { isJson } from "../../shared/values/json-text.ts";
import { hasOffset, readClock, readDay, readInstant } from "../../shared/values/read-times.ts";

const whole = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|BIGNUM)$/;
const double = /^[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|nan|inf(?:inity)?)$/i;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Digits of a second's fraction. */
const fractions: Readonly<Record<string, number>> = {
  TIMESTAMP: 6,
  TIMESTAMP_S: 0,
  TIMESTAMP_MS: 3,
  TIMESTAMP_NS: 9,
  "TIMESTAMP WITH TIME ZONE": 6,
};

/**
 * The value as text that DuckDB reads without loss. Nonexistent days and numbers out of range are
 * left for DuckDB to refuse.
 * @throws USAGE naming the column
 */
export function readValue(name: string, type: string, written: string): string {
  if (type === "VARCHAR" || type.startsWith("ENUM(")) return written;
  const value = textOf(type, written.trim());
  if (value !== null) return value;
  if (/^(MAP|UNION)\(|\[\d+\]$/.test(type))
    throw new TidemarkError("USAGE", `a filter on ${name}, a ${type.slice(0, 60)}, is not available`, "filter in SQL");
  // in a URL, an unescaped + means a space
  const plus = / [\d:]+$/.test(written) ? "correct the value; a + in a URL is written %2B" : "correct the value";
  throw new TidemarkError("USAGE", `filter on ${name}: "${written.slice(0, 60)}" is not a ${type}`, plus);
}

function textOf(type: string, text: string): string | null {
  const only = (pattern: RegExp) => (pattern.test(text) ? text : null);
  if (whole.test(type)) return only(/^[-+]?\d+$/);
  if (isDecimal(type)) {
    const { scale } = decimalOf(type);
    return only(new RegExp(`^[-+]?(\\d+\\.?\\d{0,${scale}}0*|\\.\\d{1,${Math.max(scale, 1)}}0*)$`));
  }
  if (isFloat(type)) return only(double);
  const digits = fractions[type];
  if (digits !== undefined) return readInstant(text, digits);
  if (isNested(type)) return isJson(text) ? new ExactText([field(type)], null).of(`{"v":${text}}`) : null;
  switch (type) {
    case "DATE":
      return readDay(text);
    case "TIME":
      return readClock(text);
    case "BLOB":
      return only(base64);
    case "UUID":
      return only(uuid);
    case "JSON":
      return isJson(text) ? text : null;
    default:
      return /^(MAP|UNION)\(|\[\d+\]$/.test(type) ? null : text;
  }
}

/** SQL of a value. @param place of its text, as readValue gave it, among a statement's parameters */
export function valueSql(type: string, value: string, place: string): string {
  const text = `${place}::VARCHAR`;
  if (type === "BLOB") return `from_base64(${text})`;
  // DuckDB would drop the offset
  if (/^TIMESTAMP(_S|_MS)?$/.test(type) && hasOffset(value))
    return `CAST(timezone('UTC', CAST(${text} AS TIMESTAMPTZ)) AS ${type})`;
  if (isNested(type)) {
    const read = typedValue(type, `json_extract(CAST(${text} AS JSON), '/v')`);
    return `coalesce(${read}, error(${quoteText(`the value is not a ${type}`)}))`;
  }
  return `CAST(${text} AS ${type})`;
}

const field = (type: string) => ({ name: "v", type, nullable: true });

function isNested(type: string): boolean {
  return listElementOf(type) !== null || structFieldsOf(type) !== null;
}
