/**
 * The quickest way to be sure: nearly all records of a stream have one shape. One pattern for a whole line, made
 * from the fields' types and the order in which a first record has its keys, proves that a line is one JSON
 * object in which each field has a value that can't be read in two ways. Then DuckDB's own typed reading gives
 * exactly what the strict reading gives, and the record can't be a dead letter. A line that does not match says
 * nothing: it is judged by itself.
 */
import { isUtf8 } from "node:buffer";
import { decimalOf, isDecimal, type StructField, structFieldsOf } from "../compiler/types.ts";
import type { FieldDefinition } from "../definition.ts";
import { quoteName, quoteText } from "../duckdb/duck.ts";
import { hasLineBreak } from "../log/batch.ts";
import type { RecordBatch } from "../log/log.ts";
import { orDefault } from "./strict.ts";

/** At most this many orders of keys are known at a time; lines in any other order are odd. */
const shapesMax = 8;
/** At most this many odd lines of a batch are tried as examples of a new shape. */
const examplesMax = 64;
/** At most this many orders of keys without a shape are remembered. */
const refusedMax = 256;

/**
 * A value as a pattern, the column type that DuckDB reads it with, and how the field's value comes from that
 * column.
 */
interface Plain {
  readonly token: string;
  readonly column: string;
  readonly value: (column: string) => string;
}

// Counted repetition keeps the matcher's stack small, whatever is in a text
const text = String.raw`"[^"\\\x00-\x1f]*(?:\\["\\/bfnrt][^"\\\x00-\x1f]*){0,64}"`;
// Never -0, which readers take for an integer or not, and always finite
const plainNumber = String.raw`(?:-?[1-9]\d{0,14}|-?0(?=\.)|0)(?:\.\d{1,25})?`;
const float = String.raw`${plainNumber}(?:[eE][+-]?\d)?`;
const real = String.raw`${plainNumber}(?:[eE][+-]?\d{1,2})?`;
const scalar = `(?:${text}|${real}|true|false|null)`;
const monthAndDay = "(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])";
const date = `(?!0000)\\d{4}-${monthAndDay}`;
const clock = String.raw`(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?`;
const hex = "[0-9A-Fa-f]";

/**
 * Digits that every value of the type can have; a value with one more may still be of the type, which the strict
 * reading decides.
 */
const digitsOf: Readonly<Record<string, number>> = {
  TINYINT: 2,
  SMALLINT: 4,
  INTEGER: 9,
  BIGINT: 18,
  HUGEINT: 18,
  UTINYINT: 2,
  USMALLINT: 4,
  UINTEGER: 9,
  UBIGINT: 18,
  UHUGEINT: 18,
};

/** Null for types whose values have no pattern (JSON, lists): a record that has such a field has no shape. */
function plainOf(type: string): Plain | null {
  const members = structFieldsOf(type);
  if (members) return plainStruct(members);
  const digits = digitsOf[type];
  if (digits) return asIs(`(?:0|${type.startsWith("U") ? "" : "-?"}[1-9]\\d{0,${digits - 1}})`, type);
  if (isDecimal(type)) {
    const { precision, scale } = decimalOf(type);
    // up to 15 digits a double is exact
    const whole = Math.min(precision, 15) - scale;
    if (whole < 1) return null;
    const fraction = scale > 0 ? `(?:\\.\\d{1,${scale}})?` : "";
    return asIs(`(?:-?[1-9]\\d{0,${whole - 1}}|-?0(?=\\.)|0)${fraction}`, type);
  }
  const cast = (token: string): Plain => ({ token, column: "VARCHAR", value: (name) => `CAST(${name} AS ${type})` });
  switch (type) {
    case "BOOLEAN":
      return asIs("(?:true|false)", type);
    case "DOUBLE":
      return asIs(real, type);
    case "FLOAT":
      // from the digits, not from a double, which would round twice
      return cast(float);
    case "VARCHAR":
      return asIs(text, type);
    case "BLOB":
      return { token: '"[A-Za-z0-9+/]*={0,2}"', column: "VARCHAR", value: (name) => `from_base64(${name})` };
    case "DATE":
      return cast(`"${date}"`);
    case "TIME":
      return cast(`"${clock}"`);
    case "TIMESTAMP":
      return cast(`"${date}(?:[T ]${clock}Z?)?"`);
    case "TIMESTAMP_S":
    case "TIMESTAMP_MS": {
      // DuckDB's cast would round
      const unit = type === "TIMESTAMP_S" ? "second" : "millisecond";
      const value = (name: string) => `CAST(date_trunc('${unit}', CAST(${name} AS TIMESTAMP)) AS ${type})`;
      return { token: `"${date}(?:[T ]${clock}Z?)?"`, column: "VARCHAR", value };
    }
    case "TIMESTAMP_NS":
      // 64 bits of nanoseconds reach from 1677 to 2262
      return cast(`"(?:1[7-9]|2[01])\\d\\d-${monthAndDay}(?:[T ]${clock}Z?)?"`);
    case "TIMESTAMP WITH TIME ZONE":
      return cast(`"${date}[T ]${clock}(?:Z|[+-]\\d\\d(?::\\d\\d)?)?"`);
    case "UUID":
      return cast(`"${hex}{8}-${hex}{4}-${hex}{4}-${hex}{4}-${hex}{12}"`);
    default:
      return null;
  }
}

/** All members, in the order of the type, as a changelog's rows are written; each of them may be null. */
function plainStruct(members: readonly StructField[]): Plain | null {
  const each = members.map((member) => ({ ...member, plain: plainOf(member.type) }));
  if (each.some(({ plain }) => plain === null)) return null;
  const tokens = each.map(({ name, plain }) => memberToken(bytesOf(name), `(?:${plain!.token}|null)`));
  const columns = each.map(({ name, plain }) => `${quoteName(name)} ${plain!.column}`);
  const value = (column: string) => {
    const at = (name: string) => `struct_extract(${column}, ${quoteText(name)})`;
    if (each.every(({ name, plain }) => plain!.value(at(name)) === at(name))) return column;
    const packed = each.map(({ name, plain }) => `${quoteName(name)} := ${plain!.value(at(name))}`);
    return `CASE WHEN ${column} IS NOT NULL THEN struct_pack(${packed.join(", ")}) END`;
  };
  return { token: `\\{${tokens.join(", ?")}\\}`, column: `STRUCT(${columns.join(", ")})`, value };
}

/** @param name its bytes, one character each */
function memberToken(name: string, token: string): string {
  return `${escaped(JSON.stringify(name))}: ?${token}`;
}

function asIs(token: string, type: string): Plain {
  return { token, column: type, value: (name) => name };
}

/** A day that not every month, or not every year, has. */
const doubtfulDay = /-(?:02-(?:29|3\d)|(?:04|06|09|11)-31)/;

interface Field extends FieldDefinition {
  /** The name's bytes, one character each, as in the lines that are matched. */
  readonly bytes: string;
  readonly plain: Plain | null;
}

/** A batch's lines: those that have a shape, and the odd ones. */
export interface ClassifiedLines {
  /** Lines that have a shape, as they came. */
  readonly shaped: readonly Buffer[];
  readonly longest: number;
  /** Indexes of the records that have none, ascending. */
  readonly odd: readonly number[];
}

export class Shapes {
  readonly #fields: readonly Field[];
  /** Patterns of a line, by the keys in their order. */
  readonly #known = new Map<string, string>();
  readonly #refused = new Set<string>();
  /** Has fields whose values have days. */
  readonly #dated: boolean;
  /** Has fields whose values may have the shape of their type, and still be none: text in base64, a zone. */
  readonly #doubtful: boolean;
  readonly #classified = new WeakMap<RecordBatch, ClassifiedLines>();
  #pattern = /(?!)/y;

  constructor(fields: readonly FieldDefinition[]) {
    this.#fields = fields.map((field) => ({ ...field, bytes: bytesOf(field.name), plain: plainOf(field.type) }));
    this.#doubtful = fields.some(({ type }) => /BLOB|WITH TIME ZONE/.test(type));
    this.#dated = fields.some(({ type }) => /DATE|TIMESTAMP/.test(type));
  }

  /** Processes a batch once; called again with it, returns the same. */
  classify(batch: RecordBatch): ClassifiedLines {
    let lines = this.#classified.get(batch);
    if (!lines) {
      lines = this.#split(batch.lines ?? linesOf(batch));
      this.#classified.set(batch, lines);
    }
    return lines;
  }

  /** True where each record is certainly an event, which DuckDB need not check. False says nothing. */
  prove(batch: RecordBatch): boolean {
    const { shaped, odd } = this.classify(batch);
    if (this.#doubtful || odd.length > 0) return false;
    return !this.#dated || shaped.every((lines) => !doubtfulDay.test(lines.toString("latin1")));
  }

  /** The columns to give DuckDB's JSON reader, and a SELECT list that makes the fields of them. */
  get columns(): string {
    const columns = this.#fields.flatMap(({ name, plain }) =>
      plain ? `${quoteText(name)}: ${quoteText(plain.column)}` : [],
    );
    return columns.join(", ");
  }

  get values(): string {
    const values = this.#fields.map((field) => {
      const { name, type, plain } = field;
      return `${orDefault(field, plain ? plain.value(quoteName(name)) : `NULL::${type}`)} AS ${quoteName(name)}`;
    });
    return values.join(", ");
  }

  #split(lines: Buffer): ClassifiedLines {
    const clean = isUtf8(lines);
    const all = lines.toString("latin1");
    const shaped: Buffer[] = [];
    const odd: number[] = [];
    let longest = 0;
    let examples = 0;
    let learned = 0;
    let from = 0;
    let index = 0;
    for (let at = 0; at < all.length; index++) {
      this.#pattern.lastIndex = at;
      let fits = this.#pattern.test(all);
      const end = fits ? this.#pattern.lastIndex : all.indexOf("\n", at) + 1;
      if (!fits && learned < shapesMax && examples++ < examplesMax && this.#learn(all.slice(at, end))) {
        learned++;
        fits = true;
      }
      if (!clean && fits) fits = isUtf8(lines.subarray(at, end));
      if (!fits) {
        odd.push(index);
        if (from < at) shaped.push(lines.subarray(from, at));
        from = end;
      } else if (end - at > longest) longest = end - at;
      at = end;
    }
    if (from < lines.length) shaped.push(lines.subarray(from));
    return { shaped, longest, odd };
  }

  /** Takes a line for an example. False when it has no shape. */
  #learn(line: string): boolean {
    let keys: string[];
    try {
      keys = Object.keys(JSON.parse(line) as object);
    } catch {
      return false;
    }
    const id = JSON.stringify(keys);
    if (this.#known.has(id) || this.#refused.has(id)) return false;
    const pattern = this.#patternOf(keys);
    if (pattern === null || !new RegExp(`^${pattern}$`).test(line)) {
      if (this.#refused.size === refusedMax) this.#refused.clear();
      this.#refused.add(id);
      return false;
    }
    if (this.#known.size === shapesMax) this.#known.delete([...this.#known.keys()][0]!);
    this.#known.set(id, pattern);
    this.#pattern = new RegExp(`(?:${[...this.#known.values()].join("|")})`, "y");
    return true;
  }

  #patternOf(keys: readonly string[]): string | null {
    const has = new Set(keys);
    if (this.#fields.some((field) => !has.has(field.bytes) && !field.nullable)) return null;
    const members: string[] = [];
    for (const key of keys) {
      const field = this.#fields.find((each) => each.bytes === key);
      const token = field ? field.plain?.token : scalar;
      if (!token) return null;
      members.push(memberToken(key, field?.nullable ? `(?:${token}|null)` : token));
    }
    return `\\{${members.join(", ?")}\\}\\n`;
  }
}

/**
 * The values as lines; each value that can't be a line is replaced by an empty one, which has no shape.
 */
function linesOf(batch: RecordBatch): Buffer {
  const ending = Buffer.from("\n");
  return Buffer.concat(
    batch.records().flatMap(({ value }) => (value && !hasLineBreak(value) ? [value, ending] : [ending])),
  );
}

/** A text whose characters are the bytes of `name` in UTF-8. */
function bytesOf(name: string): string {
  return Buffer.from(name).toString("latin1");
}

function escaped(literal: string): string {
  return literal.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
