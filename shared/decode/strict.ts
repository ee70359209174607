/**
 * The one strict reading of an event: JSON to typed columns. Archive and speed share it, so both agree on what
 * is a valid event. DuckDB's own conversions are lax (1.5 becomes 2, "12" becomes 12): here a value either is
 * of its type or the record is a dead letter.
 */
import { decimalOf, isDecimal, isFloat, isInteger, listElementOf, structFieldsOf } from "../compiler/types.ts";
import type { FieldDefinition } from "../definition.ts";
import { quoteName, quoteText } from "../duckdb/duck.ts";
import { jsonMark } from "./exact-text.ts";
import { strictTime } from "./strict-times.ts";

/**
 * A SELECT that gives the stream's typed fields and `__fault`: why the record is invalid, or NULL.
 *
 * @param source a relation with one JSON column per field (NULL where the record has none or null) and a column
 *   `__fault`
 * @param kept columns of the source to pass on
 */
export function strictSelect(fields: readonly FieldDefinition[], source: string, kept: readonly string[] = []): string {
  const inner = fields.flatMap((field, i) => [
    `${typedValue(field.type, quoteName(field.name), 0)} AS v${i}`,
    `${quoteName(field.name)} AS j${i}`,
  ]);
  const values = fields.map((field, i) => `${orDefault(field, `v${i}`)} AS ${quoteName(field.name)}`);
  const faults = fields.map((field, i) => {
    const wrong = `WHEN v${i} IS NULL AND j${i} IS NOT NULL THEN ${quoteText(`${field.name}: `)} || ${classOf(`j${i}`)} || ${quoteText(` is not a ${field.type}`)}`;
    return field.nullable
      ? wrong
      : `WHEN j${i} IS NULL THEN ${quoteText(`${field.name}: required field is missing`)} ${wrong}`;
  });
  // nearly every record is good: one test of all its values, and reasons only for the others
  const good = fields.map((field, i) =>
    field.nullable ? `(v${i} IS NOT NULL OR j${i} IS NULL)` : `v${i} IS NOT NULL`,
  );
  const fault = `CASE WHEN __fault IS NOT NULL THEN __fault WHEN ${good.join(" AND ")} THEN NULL ${faults.join(" ")} END AS __fault`;
  return `SELECT ${[...values, fault, ...kept].join(", ")} FROM (SELECT ${[...inner, "__fault", ...kept].join(", ")} FROM ${source})`;
}

/**
 * The kind of a JSON value, without the value: a reason goes to logs, status and the event's producer, and the
 * value may be personal data.
 */
function classOf(json: string): string {
  const length = (text: string, of: string) => `'${of} of ' || length(${text}) || ' characters'`;
  return (
    `CASE json_type(${json}) WHEN 'VARCHAR' THEN ${length(`json_extract_string(${json}, '$')`, "a text")} WHEN 'BOOLEAN' THEN 'a boolean' ` +
    `WHEN 'ARRAY' THEN 'a list of ' || json_array_length(${json}) WHEN 'OBJECT' THEN 'an object' ELSE ${length(`${json}::VARCHAR`, "a number")} END`
  );
}

/** A field's value where it may have a default. */
export function orDefault(field: FieldDefinition, value: string): string {
  return field.default === undefined ? value : `coalesce(${value}, CAST(${field.default} AS ${field.type}))`;
}

/** The typed value of a JSON expression, NULL where it is not of the type. @param depth of the lists around it */
export function typedValue(type: string, json: string, depth = 0): string {
  const text = `${json}::VARCHAR`;
  if (type === "JSON") return jsonOf(json, text);
  if (isInteger(type) || type === "HUGEINT" || type === "UHUGEINT") {
    return `CASE WHEN NOT contains(${text}, '.') AND NOT contains(${text}, 'e') THEN TRY_CAST(${text} AS ${type}) END`;
  }
  if (isFloat(type)) {
    // JSON has no word for these; they are written as strings
    const words = `${text} IN ('"NaN"', '"Infinity"', '"-Infinity"')`;
    return `CASE WHEN isfinite(TRY_CAST(${text} AS ${type})) THEN TRY_CAST(${text} AS ${type}) WHEN ${words} THEN TRY_CAST(trim(${text}, '"') AS ${type}) END`;
  }
  if (isDecimal(type)) return decimalOfJson(type, text);
  if (type === "BOOLEAN") return `CASE ${text} WHEN 'true' THEN true WHEN 'false' THEN false END`;
  const string = `CASE WHEN starts_with(${text}, '"') THEN json_extract_string(${json}, '$') END`;
  switch (type) {
    case "VARCHAR":
      return string;
    case "BLOB":
      return `TRY(from_base64(${string}))`;
  }
  const time = strictTime(type, text, string);
  if (time !== null) return time;
  const element = listElementOf(type);
  if (element) {
    const each = `e${depth}`;
    // not the arrow, which a list function would take for a lambda
    const elements = `json_extract(${json}, '$[*]')`;
    const good = `len(list_filter(${elements}, lambda ${each}: NOT (${acceptable(element, each, depth + 1)}))) = 0`;
    return `CASE WHEN starts_with(${text}, '[') AND ${good} THEN list_transform(${elements}, lambda ${each}: ${typedValue(element, each, depth + 1)}) END`;
  }
  const inner = structFieldsOf(type);
  if (inner) {
    // taken apart once: each json_extract would parse the whole text again, and keep its own memory for it
    const own = `m${depth}`;
    const at = (i: number) => `${own}[${i + 1}]`;
    const good = inner.map((field, i) => acceptable(field.type, at(i), depth + 1)).join(" AND ");
    const packed = inner
      .map((field, i) => `${quoteName(field.name)} := ${typedValue(field.type, at(i), depth + 1)}`)
      .join(", ");
    const paths = inner.map((field) => quoteText(pathTo(field.name))).join(", ");
    const each = `lambda ${own}: CASE WHEN ${good} THEN struct_pack(${packed}) END`;
    const apart = `list_transform([json_extract(${json}, [${paths}])], ${each})[1]`;
    return `CASE WHEN starts_with(${text}, '{') THEN ${apart} END`;
  }
  return `TRY_CAST(${string} AS ${type})`;
}

/** JSON itself, or as a text that begins with the mark: see exactText. */
function jsonOf(json: string, text: string): string {
  const marked = `starts_with(${text}, ${quoteText(`"${jsonMark.written}`)})`;
  return `CASE WHEN ${marked} THEN CAST(substr(json_extract_string(${json}, '$'), 2) AS JSON) ELSE ${json} END`;
}

/** A number, or digits in quotes, with no more decimals than the type keeps. */
function decimalOfJson(type: string, text: string): string {
  const digits = `lower(trim(${text}, '"'))`;
  const fraction = `length(rtrim(split_part(split_part(${digits}, 'e', 1), '.', 2), '0'))`;
  const exponent = `coalesce(TRY_CAST(split_part(${digits}, 'e', 2) AS INTEGER), 0)`;
  const quoted = `regexp_full_match(${text}, '"-?[0-9]+(\\.[0-9]+)?([eE][-+]?[0-9]+)?"')`;
  const exact = `${fraction} - ${exponent} <= ${decimalOf(type).scale}`;
  return `CASE WHEN (NOT starts_with(${text}, '"') OR ${quoted}) AND ${exact} THEN TRY_CAST(${digits} AS ${type}) END`;
}

/** Inside lists and structs every place may be null; anything else must be of its type. */
function acceptable(type: string, json: string, depth: number): string {
  return `(${json} IS NULL OR ${json}::VARCHAR = 'null' OR (${typedValue(type, json, depth)}) IS NOT NULL)`;
}

/** JSON pointer to a key, whatever is in its name. */
export function pathTo(name: string): string {
  return `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}
