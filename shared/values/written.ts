/**
 * How values are written: as JSON, and as the plain text of CSV, tables and Arrow's text columns. A function of
 * value, type and the view's zone, the same in every process; docs/types.md says it type by type.
 */
import {
  type DuckDBArrayType,
  type DuckDBArrayValue,
  type DuckDBBlobValue,
  type DuckDBDateValue,
  type DuckDBIntervalValue,
  type DuckDBListType,
  type DuckDBListValue,
  type DuckDBMapType,
  type DuckDBMapValue,
  type DuckDBStructType,
  type DuckDBStructValue,
  type DuckDBTimeNSValue,
  type DuckDBTimestampMillisecondsValue,
  type DuckDBTimestampNanosecondsValue,
  type DuckDBTimestampSecondsValue,
  type DuckDBTimestampTZValue,
  type DuckDBTimestampValue,
  type DuckDBTimeTZValue,
  type DuckDBTimeValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBUnionType,
  type DuckDBUnionValue,
  type DuckDBValue,
  type DuckDBVariantValue,
} from "@duckdb/node-api";
import { quoteName } from "../duckdb/duck.ts";
import { TidemarkError } from "../errors.ts";
import { jsonColumnText } from "./json-text.ts";
import { clockText, dayText, instantText, intervalText, offsetText, zonedText } from "./times.ts";
import type { OffsetAt } from "./zone-offsets.ts";

type Write = (value: DuckDBValue) => string;

/** Writes values of one type. */
export interface Writer {
  readonly json: Write;
  /** As in JSON, without quotes; NULL is the empty text. */
  readonly text: Write;
}

/** @throws QUERY_FAILED for a type that can't be written without loss, naming it */
export function writerOf(type: DuckDBType, offsetAt: OffsetAt): Writer {
  const text = plainText(type, offsetAt);
  if (text) return { json: orNull((value) => JSON.stringify(text(value))), text: orEmpty(text) };
  const json = jsonText(type, offsetAt);
  const bare = type.typeId === DuckDBTypeId.DOUBLE || type.typeId === DuckDBTypeId.FLOAT ? unquoted(json) : json;
  return { json: orNull(json), text: orEmpty(bare) };
}

/** True where a value's text depends on the view's zone. */
export function hasZone(type: DuckDBType): boolean {
  return type.typeId === DuckDBTypeId.TIMESTAMP_TZ || type.typeId === DuckDBTypeId.VARIANT || inner(type).some(hasZone);
}

const orNull =
  (write: Write): Write =>
  (value) =>
    value === null ? "null" : write(value);
const orEmpty =
  (write: Write): Write =>
  (value) =>
    value === null ? "" : write(value);
const unquoted =
  (write: Write): Write =>
  (value) =>
    write(value).replace(/^"(.*)"$/, "$1");

/** A type as SQL has it. The driver's own spelling leaves out that a text is JSON. */
export function spelled(type: DuckDBType): string {
  const [first, second] = inner(type).map(spelled);
  switch (type.typeId) {
    case DuckDBTypeId.LIST:
      return `${first}[]`;
    case DuckDBTypeId.ARRAY:
      return `${first}[${(type as DuckDBArrayType).length}]`;
    case DuckDBTypeId.MAP:
      return `MAP(${first}, ${second})`;
    case DuckDBTypeId.STRUCT: {
      const { entryNames: names, entryTypes } = type as DuckDBStructType;
      return `STRUCT(${names.map((name, i) => `${quoteName(name)} ${spelled(entryTypes[i]!)}`).join(", ")})`;
    }
    default:
      return type.alias ?? String(type);
  }
}

function inner(type: DuckDBType): readonly DuckDBType[] {
  switch (type.typeId) {
    case DuckDBTypeId.LIST:
    case DuckDBTypeId.ARRAY:
      return [(type as DuckDBListType | DuckDBArrayType).valueType];
    case DuckDBTypeId.STRUCT:
      return (type as DuckDBStructType).entryTypes;
    case DuckDBTypeId.MAP:
      return [(type as DuckDBMapType).keyType, (type as DuckDBMapType).valueType];
    case DuckDBTypeId.UNION:
      return (type as DuckDBUnionType).memberTypes;
    default:
      return [];
  }
}

/** Of types whose values are texts in JSON; null: of others. */
function plainText(type: DuckDBType, offsetAt: OffsetAt): Write | null {
  switch (type.typeId) {
    case DuckDBTypeId.VARCHAR:
      return type.alias === "JSON" ? null : (value) => value as string;
    case DuckDBTypeId.ENUM:
      return (value) => value as string;
    case DuckDBTypeId.BLOB:
      return (value) => Buffer.from((value as DuckDBBlobValue).bytes).toString("base64");
    case DuckDBTypeId.DATE:
      return (value) => dayText((value as DuckDBDateValue).days);
    case DuckDBTypeId.TIME:
      return (value) => clockText((value as DuckDBTimeValue).micros, 1_000_000n);
    case DuckDBTypeId.TIME_NS:
      return (value) => clockText((value as DuckDBTimeNSValue).nanos, 1_000_000_000n);
    case DuckDBTypeId.TIME_TZ:
      return (value) => {
        const { micros, offset } = value as DuckDBTimeTZValue;
        return clockText(micros, 1_000_000n) + offsetText(offset);
      };
    case DuckDBTypeId.TIMESTAMP:
      return (value) => instantText((value as DuckDBTimestampValue).micros, 1_000_000n);
    case DuckDBTypeId.TIMESTAMP_S:
      return (value) => instantText((value as DuckDBTimestampSecondsValue).seconds, 1n);
    case DuckDBTypeId.TIMESTAMP_MS:
      return (value) => instantText((value as DuckDBTimestampMillisecondsValue).millis, 1000n);
    case DuckDBTypeId.TIMESTAMP_NS:
      return (value) => instantText((value as DuckDBTimestampNanosecondsValue).nanos, 1_000_000_000n);
    case DuckDBTypeId.TIMESTAMP_TZ:
      return (value) => zonedText((value as DuckDBTimestampTZValue).micros, offsetAt);
    case DuckDBTypeId.INTERVAL:
      return (value) => {
        const { months, days, micros } = value as DuckDBIntervalValue;
        return intervalText(months, days, micros);
      };
    case DuckDBTypeId.UUID:
    case DuckDBTypeId.BIT:
      return String;
    default:
      return null;
  }
}

function jsonText(type: DuckDBType, offsetAt: OffsetAt): Write {
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN:
    case DuckDBTypeId.TINYINT:
    case DuckDBTypeId.SMALLINT:
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UTINYINT:
    case DuckDBTypeId.USMALLINT:
    case DuckDBTypeId.UINTEGER:
    case DuckDBTypeId.UBIGINT:
    case DuckDBTypeId.UHUGEINT:
    case DuckDBTypeId.BIGNUM:
    case DuckDBTypeId.DECIMAL:
      return String;
    case DuckDBTypeId.FLOAT:
    case DuckDBTypeId.DOUBLE:
      return (value) => doubleText(value as number);
    case DuckDBTypeId.VARCHAR:
      return (value) => jsonColumnText(value as string);
    case DuckDBTypeId.SQLNULL:
      return () => "null";
    case DuckDBTypeId.VARIANT:
      return (value) => {
        const { value: own, type: ownType } = value as DuckDBVariantValue;
        if (own === null) return "null";
        if (ownType) return writerOf(ownType, offsetAt).json(own);
        throw unwritable(type);
      };
    default:
      return nestedText(type, offsetAt);
  }
}

function nestedText(type: DuckDBType, offsetAt: OffsetAt): Write {
  const writers = inner(type).map((each) => writerOf(each, offsetAt).json);
  switch (type.typeId) {
    case DuckDBTypeId.LIST:
    case DuckDBTypeId.ARRAY:
      return (value) => `[${(value as DuckDBListValue | DuckDBArrayValue).items.map(writers[0]!).join(",")}]`;
    case DuckDBTypeId.MAP:
      return (value) => {
        const { entries } = value as DuckDBMapValue;
        return `[${entries.map(({ key, value: item }) => `[${writers[0]!(key)},${writers[1]!(item)}]`).join(",")}]`;
      };
    case DuckDBTypeId.STRUCT: {
      const { entryNames: names } = type as DuckDBStructType;
      // the driver has them by name: of two alike only one is left
      if (new Set(names).size < names.length) throw unwritable(type);
      const heads = names.map((name) => `${JSON.stringify(name)}:`);
      return (value) => {
        const { entries } = value as DuckDBStructValue;
        return `{${heads.map((head, i) => head + writers[i]!(entries[names[i]!]!)).join(",")}}`;
      };
    }
    case DuckDBTypeId.UNION: {
      const { memberTags: tags } = type as DuckDBUnionType;
      return (value) => {
        const { tag, value: member } = value as DuckDBUnionValue;
        return `{${JSON.stringify(tag)}:${writers[tags.indexOf(tag)]!(member)}}`;
      };
    }
    default:
      throw unwritable(type);
  }
}

function unwritable(type: DuckDBType): TidemarkError {
  return new TidemarkError(
    "QUERY_FAILED",
    `a ${String(type).slice(0, 200)} can't be written as text without loss`,
    "cast it, e.g. to VARCHAR, or give its fields names of their own",
  );
}

/** NaN and infinities, which JSON lacks, are the texts that events have for them. */
export function doubleText(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  if (Object.is(value, -0)) return "-0.0";
  // a whole double is distinguishable from an integer of as many digits
  return Math.abs(value) > Number.MAX_SAFE_INTEGER ? value.toExponential() : String(value);
}
