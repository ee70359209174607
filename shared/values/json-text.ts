/** The text of a JSON column as JSON. DuckDB takes more for JSON than JSON is: trailing commas, NaN and infinities. */

/** A text in quotes, a word or a number, a mark, or white space. */
const tokens = /"(?:[^"\\]|\\.)*"|[-+\w.]+|[[\]{},:]|\s+/gs;
const words: Readonly<Record<string, string>> = { nan: '"NaN"', inf: '"Infinity"', infinity: '"Infinity"' };

/**
 * On one line, every digit as it is. NaN and infinities are the texts that events have for them, and commas
 * before nothing go. What is no JSON even so is a text.
 */
export function jsonColumnText(written: string): string {
  const text = /[\r\n]/.test(written) ? written.replace(/[\r\n]+/g, " ") : written;
  if (isJson(text)) return text;
  const mended = (text.match(tokens) ?? []).map(plainToken).join("").replace(trailing, "$1");
  return isJson(mended) ? mended : JSON.stringify(written);
}

/** A text, passed over; or a comma before nothing. */
const trailing = /("(?:[^"\\]|\\.)*")|,\s*(?=[\]}])/gs;

function plainToken(token: string): string {
  const [, sign, word] = /^([-+]?)([a-z]+)$/i.exec(token) ?? [];
  const found = word === undefined ? undefined : words[word.toLowerCase()];
  if (found === undefined) return token;
  return sign === "-" && found !== '"NaN"' ? found.replace('"', '"-') : found;
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
