/**
 * Sums of integers and decimals so wide that a partial sum may overflow where the whole does not.
 * Values of more than 27 digits are added up apart, cut in two at their 19th digit: no sum of halves
 * leaves 38 digits before 10^18 events. The whole is put together once.
 */
import { decimalOf, isDecimal } from "../types.ts";
import { call, exactPart, type Part, wholePart } from "./part.ts";
import type { Argument } from "./plan.ts";

/** Digits of which it takes 10^11 values to overflow. */
const few = 27;
/** Digits of the lower half. */
const cut = 19;

export function isWide(type: string): boolean {
  return type === "HUGEINT" || (isDecimal(type) && decimalOf(type).precision > few);
}

/**
 * The power of ten 10^`digits` in units of the last digit of a decimal, with its type, such that what is computed
 * with it stays exact.
 */
function unitsOf(digits: number, scale: number): string {
  if (digits >= scale) return `CAST(1${"0".repeat(digits - scale)} AS DECIMAL(${digits - scale + 1},0))`;
  return `CAST(0.${"0".repeat(scale - digits - 1)}1 AS DECIMAL(${scale - digits},${scale - digits}))`;
}

/** Three parts: the sum of all values of few digits, those of the others' upper and lower halves. */
export function wideParts({ sql, type }: Pick<Argument, "sql" | "type">): Part[] {
  const part = (value: string, own: string) => exactPart(call("sum", value), own);
  const whole = (value: string) => wholePart(call("sum", value));
  const limit = isDecimal(type) ? unitsOf(few, decimalOf(type).scale) : `1${"0".repeat(few)}::HUGEINT`;
  const small = `(${sql}) BETWEEN -${limit} AND ${limit}`;
  const smalls = `CASE WHEN ${small} THEN ${sql} END`;
  const large = `(CASE WHEN NOT ${small} THEN ${sql} END)`;
  if (!isDecimal(type)) {
    const half = `1${"0".repeat(cut)}::HUGEINT`;
    return [whole(smalls), whole(`${large} // ${half}`), whole(`${large} % ${half}`)];
  }
  const { scale } = decimalOf(type);
  const lower = `(${large} % ${unitsOf(cut, scale)})`;
  const upper = `(${large} - ${lower})`;
  const upperType = `DECIMAL(38,${scale - cut})`;
  return [
    part(smalls, sumType(type)),
    scale > cut
      ? part(`CAST(${upper} AS ${upperType})`, upperType)
      : whole(`CAST(${upper} AS HUGEINT) // 1${"0".repeat(cut - scale)}::HUGEINT`),
    part(lower, sumType(type)),
  ];
}

const sumType = (type: string) => `DECIMAL(38,${decimalOf(type).scale})`;

/** The sum of all in units of its last digit, a HUGEINT. It overflows where the whole does. */
export function wideUnits([small, upper, lower]: readonly string[], type: string): string {
  const scale = isDecimal(type) ? decimalOf(type).scale : 0;
  const whole = (sql: string, digits: number) =>
    digits > 0 ? `CAST(replace(CAST(${sql} AS VARCHAR), '.', '') AS HUGEINT)` : `CAST(${sql} AS HUGEINT)`;
  const below = `${whole(lower!, scale)} + coalesce(${whole(small!, scale)}, 0)`;
  const joined = `tidemark_joined(${whole(upper!, scale - cut)}, ${below})`;
  return `(CASE WHEN ${upper} IS NULL THEN ${whole(small!, scale)} ELSE ${joined} END)`;
}

/** The sum of all. */
export function wideSum(parts: readonly string[], type: string): string {
  const units = wideUnits(parts, type);
  if (!isDecimal(type)) return units;
  const pointed = `CAST(tidemark_pointed(${units}, ${decimalOf(type).scale}) AS ${sumType(type)})`;
  return `(CASE WHEN ${parts[1]} IS NULL THEN ${parts[0]} ELSE ${pointed} END)`;
}
