/** What the compiler has to know of DuckDB's types. */

const kept = new Set([
  "BOOLEAN",
  "TINYINT",
  "SMALLINT",
  "INTEGER",
  "BIGINT",
  "UTINYINT",
  "USMALLINT",
  "UINTEGER",
  "UBIGINT",
  "FLOAT",
  "DOUBLE",
  "VARCHAR",
  "BLOB",
  "DATE",
  "TIME",
  "TIMESTAMP",
  "TIMESTAMP_NS",
  "TIMESTAMP WITH TIME ZONE",
  "UUID",
]);

/** Types that Parquet would not give back as they were, and the type that carries them without loss. */
const carried: Readonly<Record<string, string>> = {
  HUGEINT: "VARCHAR",
  UHUGEINT: "VARCHAR",
  TIMESTAMP_S: "TIMESTAMP",
  TIMESTAMP_MS: "TIMESTAMP",
  JSON: "VARCHAR",
};

/** The type a value of `type` has in files and tables of partials; null where none keeps it (INTERVAL, ENUM, …). */
export function storageOf(type: string): string | null {
  if (kept.has(type) || isDecimal(type)) return type;
  if (carried[type]) return carried[type];
  // Parquet knows no lists of a fixed length
  const fixed = /^(.*)\[\d+\]$/.exec(type);
  if (fixed) return storageOf(fixed[1]!) === fixed[1] ? `${fixed[1]}[]` : null;
  const inner = elementsOf(type);
  return inner?.every((each) => storageOf(each) === each) ? type : null;
}

/**
 * The type that carries a value of any stream's field without loss, inside lists and structs too. By text a value in
 * those may not come back: DuckDB does not read all that it writes.
 * @param realsAsTexts doubles too, of which -0.0 and 0.0 are equal
 */
export function carrierOf(type: string, realsAsTexts = false): string {
  const element = listElementOf(type);
  if (element !== null) return `${carrierOf(element, realsAsTexts)}[]`;
  const members = structFieldsOf(type);
  if (!members) return realsAsTexts && isFloat(type) ? "VARCHAR" : (storageOf(type) ?? "VARCHAR");
  const carried = members.map((member) => carrierOf(member.type, realsAsTexts));
  // as DuckDB writes it
  if (carried.every((each, i) => each === members[i]!.type)) return type;
  return `STRUCT(${members.map(({ name }, i) => `"${name.replaceAll('"', '""')}" ${carried[i]!}`).join(", ")})`;
}

const decimalPattern = /^DECIMAL\((\d+),(\d+)\)$/;

export function isDecimal(type: string): boolean {
  return decimalPattern.test(type);
}

/** Precision and scale of a DECIMAL(p,s). */
export function decimalOf(type: string): { precision: number; scale: number } {
  const match = decimalPattern.exec(type);
  if (!match) throw new RangeError(`not a DECIMAL: ${type}`);
  return { precision: Number(match[1]), scale: Number(match[2]) };
}

const smallIntegers = new Set(["TINYINT", "SMALLINT", "UTINYINT"]);
const integers = new Set([...smallIntegers, "USMALLINT", "INTEGER", "UINTEGER", "BIGINT", "UBIGINT"]);

/** Integers of at most 64 bits. */
export function isInteger(type: string): boolean {
  return integers.has(type);
}

/** Types that DuckDB averages in 16-bit input arithmetic, dividing doubles instead of long doubles. */
export function isSmall(type: string): boolean {
  return smallIntegers.has(type) || (isDecimal(type) && decimalOf(type).precision <= 4);
}

/**
 * Lists and structs with doubles inside: equal values may be shown differently (-0.0 and 0.0), and can't be made the
 * same.
 */
export function hidesFloat(type: string): boolean {
  return elementsOf(type)?.some((each) => isFloat(each) || hidesFloat(each)) ?? false;
}

/** A double with one zero: -0.0 and 0.0 are equal, and which of them were shown would depend on order. */
export function oneZero(sql: string, type: string): string {
  return isFloat(type) ? `(${sql} + CAST(0 AS ${type}))` : sql;
}

export function isFloat(type: string): boolean {
  return type === "FLOAT" || type === "DOUBLE";
}

/** A field of a STRUCT type. */
export interface StructField {
  readonly name: string;
  readonly type: string;
}

/** Lists of any or of a fixed length. */
export function isList(type: string): boolean {
  return /\[\d*\]$/.test(type);
}

/** "BIGINT" of "BIGINT[]", or null. */
export function listElementOf(type: string): string | null {
  return type.endsWith("[]") ? type.slice(0, -2) : null;
}

/** The fields of a STRUCT(…) type, or null. Names may be quoted and types nested. */
export function structFieldsOf(type: string): StructField[] | null {
  if (!type.startsWith("STRUCT(") || !type.endsWith(")")) return null;
  const body = type.slice("STRUCT(".length, -1);
  const fields: StructField[] = [];
  let depth = 0;
  let quoted = false;
  let start = 0;
  for (let i = 0; i <= body.length; i++) {
    const c = body[i];
    if (c === '"') quoted = !quoted;
    if (!quoted && c === "(") depth++;
    if (!quoted && c === ")") depth--;
    if (i === body.length || (c === "," && depth === 0 && !quoted)) {
      const match = /^\s*(?:"((?:[^"]|"")*)"|(\S+))\s+(.*)$/s.exec(body.slice(start, i));
      if (!match) return null;
      fields.push({
        name: match[1] !== undefined ? match[1].replaceAll('""', '"') : match[2]!,
        type: match[3]!.trim(),
      });
      start = i + 1;
    }
  }
  return fields;
}

function elementsOf(type: string): string[] | null {
  if (isList(type)) return [type.replace(/\[\d*\]$/, "")];
  return structFieldsOf(type)?.map((field) => field.type) ?? null;
}

export function castTo(sql: string, from: string, to: string): string {
  return from === to ? sql : `CAST(${sql} AS ${to})`;
}
