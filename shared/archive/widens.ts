/** Which types hold all values of another, so that what was kept as the one is read as the other. */
import { decimalOf, isDecimal, isInteger, listElementOf, type StructField, structFieldsOf } from "../compiler/types.ts";

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
  const [members, more] = [structFieldsOf(from), structFieldsOf(to)];
  if (members && more) return membersWiden(members, more);
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

/** A cast goes by name, whatever its case, and needs one that both have: what is not there yet is NULL. */
function membersWiden(from: readonly StructField[], to: readonly StructField[]): boolean {
  const pairs = to.flatMap((member) => {
    const old = from.find(({ name }) => name.toLowerCase() === member.name.toLowerCase());
    return old ? [[old, member] as const] : [];
  });
  return pairs.length > 0 && pairs.every(([old, now]) => old.name === now.name && widens(old.type, now.type));
}

/** Pairs of members of one name, in types that have such at the same places. */
function sharedMembers(from: readonly StructField[], to: readonly StructField[]): (readonly [string, string])[] {
  return to.flatMap(({ name, type }) => {
    const old = from.find((each) => each.name === name);
    return old ? [[old.type, type] as const] : [];
  });
}

/**
 * True where a value that a changelog's records write as they got it may be read otherwise as the wider type: with
 * digits that the narrower one did not keep.
 */
export function readsMore(from: string, to: string): boolean {
  if (from === to) return false;
  const [element, wider] = [listElementOf(from), listElementOf(to)];
  if (element && wider) return readsMore(element, wider);
  const [members, more] = [structFieldsOf(from), structFieldsOf(to)];
  if (members && more) return sharedMembers(members, more).some(([old, now]) => readsMore(old, now));
  return ["FLOAT", "TIMESTAMP_S", "TIMESTAMP_MS"].includes(from);
}

/** The names in a type, each with those around it. */
export function memberPaths(type: string, around: readonly string[] = []): string[] {
  const element = listElementOf(type);
  if (element) return memberPaths(element, around);
  return (structFieldsOf(type) ?? []).flatMap(({ name, type: inner }) => {
    const path = [...around, name];
    return [path.join("."), ...memberPaths(inner, path)];
  });
}
