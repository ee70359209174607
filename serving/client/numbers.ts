/**
 * Parses JSON without losing digits: a number that a double can't hold becomes a bigint, or text if it has a
 * fraction.
 */

const tokens = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const mark = "\u0001";

/** As JSON.parse, but keeps every digit. @throws SyntaxError */
export function parseExactly(text: string): unknown {
  const marked = text.replace(tokens, (token) =>
    token.startsWith('"') || isDouble(token) ? token : `"\\u0001${token}"`,
  );
  return JSON.parse(marked, (_key, value: unknown) => {
    if (typeof value !== "string" || !value.startsWith(mark)) return value;
    const digits = value.slice(1);
    // a string value may begin with the mark as well
    if (!/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(digits)) return value;
    return /^-?\d+$/.test(digits) ? BigInt(digits) : digits;
  });
}

/** True where the double that JavaScript makes of it has the same digits. */
export function isDouble(token: string): boolean {
  if (token.length < 16) return true;
  const value = Number(token);
  if (/^-?0*(\.0*)?([eE].*)?$/.test(token)) return true;
  if (/^-?\d+$/.test(token)) return Number.isSafeInteger(value);
  return digitsOf(String(value)) === digitsOf(token);
}

/** Its digits and exponent in a normal form. */
function digitsOf(number: string): string {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, "");
  const bare = digits.replace(/0+$/, "");
  return `${sign}${bare}e${Number(exponent) - fraction.length + digits.length - bare.length}`;
}
