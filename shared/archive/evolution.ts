/** How a stream's fields may change over what is archived already, so that old files are read as they are. */
import { decimalOf, isDecimal, isInteger, listElementOf } from "../compiler/types.ts";
import type { FieldDefinition, StreamDefinition } from "../definition.ts";
import { quoteName } from "../duckdb/duck.ts";
import { TidemarkError } from "../errors.ts";

/** Bits of the integers' ranges, without the sign. */
const bits: Readonly<Record<string, number>> = {
  UTINYINT: 8,
  TINYINT: 7,
  USMALLINT: 16,
  SMALLINT: 15,
  UINTEGER: 32,
  INTEGER: 31,
  UBIGINT: 64,
  BIGINT: 63,
  UHUGEINT: 128,
  HUGEINT: 127,
};

/** Decimal digits that hold every value of an integer type. */
const digitsOf = (type: string) => Math.ceil(bits[type]! * Math.log10(2));

/** True where every value of `from` is one of `to`, and a cast gives it. */
export function widens(from: string, to: string): boolean {
  if (from === to) return true;
  const [element, wider] = [listElementOf(from), listElementOf(to)];
  if (element && wider) return widens(element, wider);
  if (isDecimal(to)) {
    const { precision, scale } = decimalOf(to);
    if (isInteger(from)) return digitsOf(from) <= precision - scale;
    if (!isDecimal(from)) return false;
    const old = decimalOf(from);
    return old.scale <= scale && old.precision - old.scale <= precision - scale;
  }
  const [a, b] = [bits[from], bits[to]];
  if (a !== undefined && b !== undefined) return a <= b && (from.startsWith("U") || !to.startsWith("U"));
  if (to === "DOUBLE") return from === "FLOAT" || (a !== undefined && a <= 53);
  if (to === "FLOAT") return a !== undefined && a <= 24;
  if (to === "TIMESTAMP") return ["DATE", "TIMESTAMP_S", "TIMESTAMP_MS"].includes(from);
  return to === "TIMESTAMP_MS" && from === "TIMESTAMP_S";
}

/** Why events with the fields `before` can't be read with the fields `now`, and what to do instead; null: they can. */
function problemOf(before: readonly FieldDefinition[], now: readonly FieldDefinition[]): [string, string] | null {
  for (const field of now) {
    const old = before.find((each) => each.name === field.name);
    const { name, type } = field;
    if (!old) {
      if (field.nullable) continue;
      return [
        `the field ${name} is new and required, and the events so far have none`,
        `write "${type}?", or "${type} DEFAULT …" with the value that older events shall have`,
      ];
    }
    if (old.type !== type && !widens(old.type, type)) {
      return [
        `the field ${name} changes from ${old.type} to ${type}, which does not hold all of its values`,
        `keep ${name} as it is; add another field ("${name}_2": "${type}?"), fill it from now on, by the producers or an upcast; move the views over to coalesce(${name}_2, …${name}…); then leave ${name} out. Or start a new stream`,
      ];
    }
    if (!field.nullable && old.nullable) {
      return [
        `the field ${name} becomes required, and events so far may have none`,
        `keep "${type}?", or write "${type} DEFAULT …" with the value that those shall have`,
      ];
    }
  }
  return null;
}

/**
 * @param what what the events before are, for the message
 * @throws CONFIG_STREAM with a plan when the stream's fields can't be read from them
 */
export function checkEvolution(stream: StreamDefinition, before: readonly FieldDefinition[], what: string): void {
  const problem = problemOf(before, stream.fields);
  if (!problem) return;
  throw new TidemarkError("CONFIG_STREAM", `stream "${stream.name}": ${problem[0]} (${what})`, problem[1]);
}

/** SQL of a field as it is now, from a column of the type it had: NULL or the default where it was not there yet. */
export function evolvedField(field: FieldDefinition, before: readonly FieldDefinition[]): string {
  const old = before.find((each) => each.name === field.name);
  const fallback = field.default === undefined ? null : `CAST(${field.default} AS ${field.type})`;
  if (!old) return fallback ?? `CAST(NULL AS ${field.type})`;
  // from what files keep, to what it was, to what it is
  const was = `CAST(${quoteName(field.name)} AS ${old.type})`;
  const value = old.type === field.type ? was : `CAST(${was} AS ${field.type})`;
  return fallback && old.default === undefined ? `coalesce(${value}, ${fallback})` : value;
}
