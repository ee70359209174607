/**
 * What DuckDB says of a failure without the values it says it of: they are of events, and a message goes to
 * logs, metrics and incidents.
 */
import { goneUnknown } from "../compiler/weights.ts";
import { messageOf } from "../errors.ts";

/** Types, which are no values though there are digits in them; texts, and numbers. */
const values =
  /\b[A-Z][A-Z_]*\(\d+(?:,\s?\d+)?\)|\b[A-Za-z_]+\d+\b|'(?:[^']|'')*'|"(?:[^"]|"")*"|-?\d[\d.]*(?:[eE][-+]?\d+)?/g;

/** What a weighted view says of itself, which holds no values. */
const own = new RegExp(`a row of .* ${goneUnknown}`, "s");

/** The message on one line; instead of a text its length, instead of a number how many digits it has. */
export function saidWithoutValues(error: unknown): string {
  const said = own.exec(messageOf(error));
  if (said) return said[0];
  return (
    messageOf(error)
      .replace(/\s*LINE \d+:.*$/, "")
      // a value that is a text of texts has quotes of its own
      .replace(/ with value .* can't be cast/s, " with a value that can't be cast")
      .replace(/ when casting from source column .*$/, "")
      .replace(values, (found) => {
        if (/^[A-Za-z_]/.test(found)) return found;
        if (/^['"]/.test(found)) return lengthOf([...found].length - 2, "character");
        return lengthOf(found.replace(/[eE].*$/, "").replace(/\D/g, "").length, "digit");
      })
  );
}

function lengthOf(length: number, unit: string): string {
  return `(${length} ${unit}${length === 1 ? "" : "s"})`;
}
