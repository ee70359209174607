/**
 * What a column of each PostgreSQL type may be declared as, what `inspect` proposes for it, and how PostgreSQL's text
 * of a value becomes the JSON text that Tidemark's decoder reads (docs/types.md). A type is allowed where it has a
 * value for each of the column's, but for the few that `ValueRefusal` names. Numbers stay texts.
 */
import { decimalOf, isDecimal, listElementOf } from "../../shared/compiler/types.ts";
import { listJson } from "./arrays.ts";
import { blobJson, dayJson, decimalJson, floatJson, instantJson, jsonJson, textJson, timeJson } from "./values.ts";

/** A column's type, of a domain its base's. */
export interface PgType {
  /** As pg_catalog names it ("int4", "varchar"); "enum", "citext"; all others: "other". Of an array, its elements'. */
  readonly name: string;
  readonly isList: boolean;
  /** -1: none. */
  readonly modifier: number;
  /** As people write it: "numeric(12,2)[]". */
  readonly written: string;
}

/** PostgreSQL's text of a value → JSON text. Throws ValueRefusal. */
export type ReadText = (text: string) => string;

const same: ReadText = (text) => text;
const quoted: ReadText = (text) => `"${text}"`;
const boolean: ReadText = (text) => (text === "t" ? "true" : "false");

interface Kind {
  /** The type that is proposed. */
  readonly own: string;
  /** Null where the declared type does not have all values. */
  reads(declared: string): ReadText | null;
}

const only = (own: string, read: ReadText): Kind => ({ own, reads: (declared) => (declared === own ? read : null) });

/** @param wider what else has all of its values */
const integer = (own: string, digits: number, wider: readonly string[]): Kind => ({
  own,
  reads: (declared) => {
    if (declared === own || wider.includes(declared)) return same;
    if (!isDecimal(declared)) return null;
    const { precision, scale } = decimalOf(declared);
    return precision - scale >= digits ? decimalJson(precision, scale) : null;
  },
});

const kinds: Readonly<Record<string, Kind>> = {
  int2: integer("SMALLINT", 5, ["INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE"]),
  int4: integer("INTEGER", 10, ["BIGINT", "HUGEINT", "DOUBLE"]),
  int8: integer("BIGINT", 19, ["HUGEINT"]),
  oid: integer("UINTEGER", 10, ["BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT", "DOUBLE"]),
  bool: only("BOOLEAN", boolean),
  float4: only("FLOAT", floatJson),
  float8: only("DOUBLE", floatJson),
  uuid: only("UUID", quoted),
  date: only("DATE", dayJson),
  time: only("TIME", timeJson),
  bytea: only("BLOB", blobJson),
  json: only("JSON", jsonJson),
  jsonb: only("JSON", jsonJson),
};

/** The type that a column is proposed to be declared as. */
export function proposedType(type: PgType): string {
  const element = proposedElement(type);
  return type.isList && element !== "VARCHAR" ? `${element}[]` : type.isList ? listOfTexts(type) : element;
}

/** Arrays of what has no type of its own are their texts. */
function listOfTexts({ name }: PgType): string {
  return name === "other" || name === "numeric" ? "VARCHAR" : "VARCHAR[]";
}

function proposedElement({ name, modifier }: PgType): string {
  if (name === "numeric") {
    const own = numericOf(modifier);
    return own === null || own.precision > 38 ? "VARCHAR" : `DECIMAL(${own.precision},${own.scale})`;
  }
  if (name === "timestamp") return "TIMESTAMP";
  if (name === "timestamptz") return "TIMESTAMP WITH TIME ZONE";
  return kinds[name]?.own ?? "VARCHAR";
}

/**
 * @param declared canonical DuckDB type of the field
 * @returns null where a column of the type can't be declared so
 */
export function textReader(type: PgType, declared: string): ReadText | null {
  if (declared === "VARCHAR") return textJson;
  if (!type.isList) return scalarReader(type, declared);
  const element = listElementOf(declared);
  if (element === null || type.name === "other") return null;
  const read = element === "VARCHAR" ? textJson : scalarReader(type, element);
  return read === null ? null : (text) => listJson(text, read);
}

function scalarReader({ name, modifier }: PgType, declared: string): ReadText | null {
  switch (name) {
    case "numeric":
      return numericReader(modifier, declared);
    case "timestamp":
      return isInstantType(declared, modifier) ? instantJson : null;
    case "timestamptz":
      // a TIMESTAMP is the time in UTC
      return declared === "TIMESTAMP WITH TIME ZONE" || isInstantType(declared, modifier) ? instantJson : null;
    default:
      return kinds[name]?.reads(declared) ?? null;
  }
}

/** True where it keeps as many digits as the column. */
function isInstantType(declared: string, digits: number): boolean {
  if (declared === "TIMESTAMP") return true;
  if (digits < 0) return false;
  return (declared === "TIMESTAMP_S" && digits === 0) || (declared === "TIMESTAMP_MS" && digits <= 3);
}

/** Null: any number of digits. */
function numericOf(modifier: number): { precision: number; scale: number } | null {
  if (modifier < 4) return null;
  const precision = (modifier - 4) >> 16;
  const scale = (((modifier - 4) & 0x7ff) ^ 1024) - 1024;
  // numeric(3,5) has two zeros after the point, numeric(3,-2) two before it
  return { precision: Math.max(precision, precision - scale, scale), scale: Math.max(scale, 0) };
}

function numericReader(modifier: number, declared: string): ReadText | null {
  const own = numericOf(modifier);
  if (own?.scale === 0) {
    const digits = { SMALLINT: 4, INTEGER: 9, BIGINT: 18, HUGEINT: 38 }[declared] ?? 0;
    if (own.precision <= digits) return decimalJson(digits, 0);
  }
  if (!isDecimal(declared)) return null;
  const { precision, scale } = decimalOf(declared);
  // what no type keeps whole is judged value by value
  const isWide = own === null || own.precision > 38;
  const fits = isWide || (scale >= own.scale && precision - scale >= own.precision - own.scale);
  return fits ? decimalJson(precision, scale) : null;
}
