/**
 * The quickest way to be sure: nearly all records of a stream look alike. One pattern for a whole line, made from the fields'
 * types and the order in which a first record has its keys, proves that every line is one JSON object in which each field
 * has a value that can't be read in two ways. Then DuckDB's own typed reading gives exactly what the strict reading gives,
 * and no record can be a dead letter. A line that does not match says nothing: its micro-batch goes another way.
 */
import { isUtf8 } from "node:buffer";
import { decimalOf, isDecimal } from "../compiler/types.ts";
import type { FieldDefinition } from "../definition.ts";
import { quoteName, quoteText } from "../duckdb/duck.ts";
import type { RecordBatch } from "../log/log.ts";

/** So many orders of keys are known at a time; a stream with more has no shape. */
const shapesMax = 8;

/** A value as a pattern, the column type that DuckDB reads it with, and how the field's value comes from that column. */
interface Plain {
  readonly token: string;
  readonly column: string;
  readonly value: (column: string) => string;
}

// Counted repetition keeps the matcher's stack small, whatever is in a text
const text = String.raw`"[^"\\\x00-\x1f]*(?:\\["\\/bfnrt][^"\\\x00-\x1f]*){0,64}"`;
// -0 and more digits than a double keeps are for the strict reading
const real = String.raw`(?:-?[1-9]\d{0,14}|-?0(?=\.)|0)(?:\.\d{1,15})?(?:[eE][+-]?\d)?`;
const scalar = `(?:${text}|${real}|true|false|null)`;
const date = String.raw`(?!0000)\d{4}-\d\d-\d\d`;
const clock = String.raw`\d\d:\d\d:\d\d(?:\.\d{1,9})?`;

/** Digits that every value of the type can have; what has one more may still be of the type, and is looked at strictly. */
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

/** Null for types whose values have no pattern (JSON, lists, structs): a record that has such a field has no shape. */
function plainOf(type: string): Plain | null {
  const digits = digitsOf[type];
  if (digits) return asIs(`(?:0|${type.startsWith("U") ? "" : "-?"}[1-9]\\d{0,${digits - 1}})`, type);
  if (isDecimal(type)) {
    const { precision, scale } = decimalOf(type);
    // up to 15 digits a double is as good as the digits themselves
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
      return cast(real);
    case "VARCHAR":
      return asIs(text, type);
    case "BLOB":
      return { token: text, column: "VARCHAR", value: (name) => `from_base64(${name})` };
    case "DATE":
      return cast(`"${date}"`);
    case "TIME":
      return cast(`"${clock}"`);
    case "TIMESTAMP":
    case "TIMESTAMP_S":
    case "TIMESTAMP_MS":
    case "TIMESTAMP_NS":
      return cast(`"${date}(?:[T ]${clock})?Z?"`);
    case "TIMESTAMP WITH TIME ZONE":
      return cast(`"${date}[T ]${clock}(?:Z|[+-]\\d\\d(?::\\d\\d)?)?"`);
    case "UUID":
      return cast(text);
    default:
      return null;
  }
}

function asIs(token: string, type: string): Plain {
  return { token, column: type, value: (name) => name };
}

interface Field extends FieldDefinition {
  /** The name's bytes, one character each, as in the lines it is looked for in. */
  readonly bytes: string;
  readonly plain: Plain | null;
}

export class Shapes {
  readonly #fields: readonly Field[];
  /** Patterns of a line, by the keys in their order. */
  readonly #known = new Map<string, string>();
  readonly #longest = new WeakMap<RecordBatch, number | null>();
  #pattern = /(?!)/y;

  constructor(fields: readonly FieldDefinition[]) {
    this.#fields = fields.map((field) => ({ ...field, bytes: bytesOf(field.name), plain: plainOf(field.type) }));
  }

  /** Length of the batch's longest line when every line has a known shape, else null. Looks once at each batch. */
  longest(batch: RecordBatch): number | null {
    let longest = this.#longest.get(batch);
    if (longest === undefined) {
      longest = this.#look(batch);
      this.#longest.set(batch, longest);
    }
    return longest;
  }

  /** The columns to give DuckDB's JSON reader, and a SELECT list that makes the fields of them. */
  get columns(): string {
    const columns = this.#fields.flatMap(({ name, plain }) =>
      plain ? `${quoteText(name)}: ${quoteText(plain.column)}` : [],
    );
    return columns.join(", ");
  }

  get values(): string {
    const values = this.#fields.map(
      ({ name, type, plain }) => `${plain ? plain.value(quoteName(name)) : `NULL::${type}`} AS ${quoteName(name)}`,
    );
    return values.join(", ");
  }

  #look(batch: RecordBatch): number | null {
    if (batch.count === 0) return 0;
    const { lines } = batch;
    if (!lines || !isUtf8(lines)) return null;
    const all = lines.toString("latin1");
    let longest = 0;
    let count = 0;
    let learned = 0;
    for (let at = 0; at < all.length; ) {
      const pattern = this.#pattern;
      pattern.lastIndex = at;
      if (!pattern.test(all)) {
        if (learned++ === shapesMax || !this.#learn(all.slice(at, all.indexOf("\n", at) + 1))) return null;
        continue;
      }
      if (pattern.lastIndex - at > longest) longest = pattern.lastIndex - at;
      at = pattern.lastIndex;
      count++;
    }
    return count === batch.count ? longest : null;
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
    const pattern = this.#known.has(id) ? null : this.#patternOf(keys);
    if (pattern === null || !new RegExp(`^${pattern}$`).test(line)) return false;
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
      members.push(`${escaped(JSON.stringify(key))}: ?${field?.nullable ? `(?:${token}|null)` : token}`);
    }
    return `\\{${members.join(", ?")}\\}\\n`;
  }
}

/** A text whose characters are the bytes of `name` in UTF-8. */
function bytesOf(name: string): string {
  return Buffer.from(name).toString("latin1");
}

function escaped(literal: string): string {
  return literal.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
