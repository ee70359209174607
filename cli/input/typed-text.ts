/** SQL that writes a typed value of any source type as the JSON that the decoder reads back as the same value. */
import { isDecimal, isFloat, isInteger, listElementOf, structFieldsOf } from "../../shared/compiler/types.ts";
import { quoteText } from "../../shared/duckdb/duck.ts";

/**
 * SQL: the JSON of an expression of type `source`, for a field of type `target`; NULL for NULL. A value that
 * does not fit the field is written as it is, and the decoder rejects it. The session's time zone has to be
 * UTC.
 * @param target "" for nested values whose type the field does not specify
 * @param depth numbers the lambda variables of nested values
 */
export function jsonText(value: string, source: string, target: string, depth = 0): string {
  const map = mapOf(source);
  if (map) return mapText(value, map, target, depth);
  const element = elementOf(source);
  if (element !== null) return listText(value, element, target, depth);
  if (source.startsWith("STRUCT(")) return structText(value, source, target, depth);
  if (isFloat(source)) return floatText(value, source, target);
  // DuckDB writes decimals below one without their zero
  if (isDecimal(source) && /\((\d+),\s*\1\)/.test(source) && !isWhole(target))
    return `regexp_replace(${value}::VARCHAR, '^(-?)\\.', '\\10.')`;
  if (isDecimal(source) && isWhole(target)) return `regexp_replace(${value}::VARCHAR, '\\.0*$', '')`;
  if (isWhole(source) || isDecimal(source) || source === "BOOLEAN") return `${value}::VARCHAR`;
  if (source === "BLOB") return bytesText(value, target);
  if (source === "JSON" || (source === "VARCHAR" && isJsonLike(target)))
    return `CASE WHEN json_valid(${value}) THEN translate(${value}::VARCHAR, chr(10) || chr(13), '  ') ELSE ${quoted(value)} END`;
  // answers write it as text, since Parquet has no such type
  if (target === "UHUGEINT" && source === "VARCHAR")
    return `CASE WHEN regexp_full_match(${value}, '[0-9]+') THEN ${value} ELSE ${quoted(value)} END`;
  return quoted(asTime(value, source, target) ?? value);
}

/** SQL: why a value can't be of the field, without its content; null when that is left to the decoder. */
export function refusalText(value: string, source: string, target: string): string | null {
  if (target === "JSON" && source === "VARCHAR")
    return `CASE WHEN NOT json_valid(${value}) THEN 'text of ' || length(${value}) || ' characters is not JSON' END`;
  if (source === "BLOB" && target !== "BLOB")
    return `CASE WHEN ${value} IS NOT NULL AND ${decoded(value)} IS NULL THEN octet_length(${value}) || ' bytes are not UTF-8' END`;
  return null;
}

const quoted = (value: string) => `to_json(CAST(${value} AS VARCHAR))::VARCHAR`;
const decoded = (bytes: string) => `TRY(decode(${bytes}))`;

function isWhole(type: string): boolean {
  return isInteger(type) || /^U?HUGEINT$/.test(type);
}

/** Types whose values are strings in JSON. */
function isJsonLike(type: string): boolean {
  return type === "JSON" || type.startsWith("STRUCT(") || listElementOf(type) !== null;
}

/** 517.0 is an integer; JSON has no number that is not finite. */
function floatText(value: string, source: string, target: string): string {
  const exact = source === "FLOAT" && target === "DOUBLE" ? `CAST(${value} AS DOUBLE)` : value;
  const words = `CASE WHEN isnan(${value}) THEN '"NaN"' WHEN ${value} > 0 THEN '"Infinity"' ELSE '"-Infinity"' END`;
  const whole = `WHEN isfinite(${value}) AND ${value} = trunc(${value}) AND abs(${value}) < 1e38 THEN CAST(${value} AS HUGEINT)::VARCHAR `;
  return `CASE ${isWhole(target) ? whole : ""}WHEN isfinite(${value}) THEN ${exact}::VARCHAR WHEN ${value} IS NOT NULL THEN ${words} END`;
}

/** Converts between days and instants when nothing is lost; null: left as it is. */
function asTime(value: string, source: string, target: string): string | null {
  if (target === "DATE" && /^TIMESTAMP(_|$)/.test(source))
    return `CASE WHEN ${value} = CAST(${value} AS DATE) THEN CAST(${value} AS DATE)::VARCHAR ELSE ${value}::VARCHAR END`;
  if (target === "TIME" && source === "TIME WITH TIME ZONE") return `CAST(${value} AS TIME)`;
  if (source === "TIMESTAMP WITH TIME ZONE") {
    const offset = /^TIMESTAMP(_|$)/.test(target) ? "" : " || '+00'";
    // DuckDB's own cast goes through doubles of milliseconds, which are inexact beyond the year 287396
    return `CASE WHEN isfinite(${value}) THEN make_timestamp(epoch_us(${value}))::VARCHAR${offset} ELSE ${value}::VARCHAR END`;
  }
  return source === "DATE" && target.startsWith("TIMESTAMP") ? `CAST(${value} AS TIMESTAMP)` : null;
}

/** Old Parquet writers don't mark which byte arrays are text. */
function bytesText(value: string, target: string): string {
  const base64 = `to_json(to_base64(${value}))::VARCHAR`;
  if (target === "BLOB") return base64;
  const text = decoded(value);
  // not a string: a field of text must not accept a boolean
  const other = target === "" || target === "JSON" ? base64 : "'false'";
  return `CASE WHEN ${value} IS NULL THEN NULL WHEN ${text} IS NULL THEN ${other} ELSE ${jsonText(text, "VARCHAR", target)} END`;
}

function listText(value: string, element: string, target: string, depth: number): string {
  const each = `e${depth}`;
  const inner = jsonText(each, element, listElementOf(target) ?? "", depth + 1);
  return `('[' || array_to_string(list_transform(${value}, lambda ${each}: coalesce(${inner}, 'null')), ',') || ']')`;
}

function structText(value: string, source: string, target: string, depth: number): string {
  const fields = structFieldsOf(target) ?? [];
  const members = structFieldsOf(source)!.map(({ name, type }) => {
    const field =
      fields.find((each) => each.name === name) ??
      fields.find((each) => each.name.toLowerCase() === name.toLowerCase());
    const inner = jsonText(`struct_extract(${value}, ${quoteText(name)})`, type, field?.type ?? "", depth);
    return `${quoteText(`${JSON.stringify(field?.name ?? name)}:`)} || coalesce(${inner}, 'null')`;
  });
  return `CASE WHEN ${value} IS NOT NULL THEN '{' || ${members.join(" || ',' || ") || "''"} || '}' END`;
}

interface MapType {
  readonly key: string;
  readonly value: string;
}

/** A map as an object; for a list, as its entries. */
function mapText(value: string, map: MapType, target: string, depth: number): string {
  const entries = `map_entries(${value})`;
  if (listElementOf(target) !== null)
    return listText(entries, `STRUCT("key" ${map.key}, "value" ${map.value})`, target, depth);
  const each = `e${depth}`;
  const key = `struct_extract(${each}, 'key')::VARCHAR`;
  const inner = (type: string) => jsonText(`struct_extract(${each}, 'value')`, map.value, type, depth + 1);
  // each member of a struct has its own type
  const typed = (structFieldsOf(target) ?? []).map(
    ({ name, type }) => `WHEN ${key} = ${quoteText(name)} THEN ${inner(type)}`,
  );
  const written = typed.length > 0 ? `CASE ${typed.join(" ")} ELSE ${inner("")} END` : inner("");
  const member = `to_json(${key})::VARCHAR || ':' || coalesce(${written}, 'null')`;
  return `('{' || array_to_string(list_transform(${entries}, lambda ${each}: ${member}), ',') || '}')`;
}

/** The element type of a list, or of a fixed-size array. */
function elementOf(type: string): string | null {
  return /^([\s\S]*)\[\d*\]$/.exec(type)?.[1] ?? null;
}

function mapOf(type: string): MapType | null {
  if (!type.startsWith("MAP(") || !type.endsWith(")")) return null;
  const body = type.slice("MAP(".length, -1);
  let depth = 0;
  let inName = false;
  for (let at = 0; at < body.length; at++) {
    const each = body[at]!;
    if (each === '"') inName = !inName;
    if (inName) continue;
    if (each === "(") depth++;
    else if (each === ")") depth--;
    else if (each === "," && depth === 0) return { key: body.slice(0, at).trim(), value: body.slice(at + 1).trim() };
  }
  return null;
}
