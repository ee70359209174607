/**
 * Sums and products of doubles that are infinite only where the whole is: a part of the events may overflow
 * where all of them do not, and then its value would depend on how they were cut. Large values are added up
 * apart, scaled by a power of two, which rounds nothing.
 */
import { call, mergedPart, type Part, roundedPart, sumTolerance, toggledPart } from "./part.ts";
import type { PartsPlan } from "./plan.ts";

const double = (value: number) => `${value}::DOUBLE`;

/** Beyond this a value is large. Of 2^63 values neither sum overflows. */
const large = double(2 ** 900);
const down = double(2 ** -200);
const up = double(2 ** 200);

/**
 * Three parts: the sum of all values that are not large, that of the large ones, scaled, and what the rounding
 * of both is a share of.
 */
export function sumParts(x: string): Part[] {
  const part = (value: string, of?: (parts: readonly string[]) => string) =>
    roundedPart(call("sum", value), of ? { of } : {});
  return [
    part(`CASE WHEN abs(${x}) < ${large} THEN ${x} END`, ([, , size]) => `(${size} * ${up})`),
    // infinite ones, and NaN
    part(`CASE WHEN NOT abs(${x}) < ${large} THEN ${x} * ${down} END`, ([, , size]) => size!),
    part(`abs(${x}) * ${down}`),
  ];
}

/** The sum of all from such parts. */
export function sumOf([sum, scaled]: readonly string[]): string {
  return `(CASE WHEN ${scaled} IS NULL THEN ${sum} ELSE (${scaled} + coalesce(${sum}, 0.0::DOUBLE) * ${down}) * ${up} END)`;
}

/** While exponents are within this many bits of 0, no part of a product is infinite, or 0. */
const bitsMax = "1000::DOUBLE";
const [nan, infinite] = ["CAST('NaN' AS DOUBLE)", "CAST('Infinity' AS DOUBLE)"];

/**
 * A product: of what is neither 0 nor infinite, as long as it can't leave the range of doubles in any order;
 * its logarithm, the sum of all logarithms' sizes, which of the others there are, and its sign.
 */
export function productPlan(x: string): PartsPlan {
  const plain = `CASE WHEN abs(${x}) > 0 AND abs(${x}) < ${infinite} THEN ${x} END`;
  const bits = `log2(abs(${plain}))`;
  const sizes = call("sum", `abs(${bits})`);
  const flags = `CASE WHEN ${x} IS NULL THEN NULL WHEN isnan(${x}) THEN 1 WHEN isinf(${x}) THEN 2 WHEN ${x} = 0 THEN 4 ELSE 0 END`;
  const flag = (value: string) => `CAST(${value} AS INTEGER)`;
  return {
    parts: [
      {
        calls: [sizes, call("product", plain)],
        of: ([size, product]) => `(CASE WHEN coalesce(${size}, 0) < ${bitsMax} THEN ${product} END)`,
        type: "DOUBLE",
        storage: "DOUBLE",
        merge: {
          law: "semigroup",
          combine: ([product, , sizes]) =>
            `CASE WHEN coalesce(sum(${sizes}), 0) < ${bitsMax} THEN product(${product}) END`,
          rounding: { share: sumTolerance },
        },
      },
      roundedPart(call("sum", bits), { of: ([, , sizes]) => sizes! }),
      roundedPart(sizes),
      mergedPart(call("bit_or", flag(flags)), "INTEGER", "INTEGER", "bit_or"),
      toggledPart(call("bit_xor", flag(`${x} < 0`)), "INTEGER", "INTEGER"),
    ],
    finalize: ([product, logs, sizes, kinds, sign]) => {
      const has = (kind: number) => `(${kinds} & ${kind}) > 0`;
      const signed = (value: string) => `(CASE WHEN ${sign} = 1 THEN -${value} ELSE ${value} END)`;
      return (
        `(CASE WHEN ${kinds} IS NULL THEN NULL WHEN ${has(1)} OR (${has(2)} AND ${has(4)}) THEN ${nan} ` +
        `WHEN ${has(2)} THEN ${signed(infinite)} WHEN ${has(4)} THEN 0.0::DOUBLE ` +
        `WHEN coalesce(${sizes}, 0) < ${bitsMax} THEN ${product} ELSE ${signed(`pow(2.0::DOUBLE, ${logs})`)} END)`
      );
    },
  };
}
