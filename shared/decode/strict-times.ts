/** Days, times and instants in events, as SQL; NULL where a text is none. The rule is in values/time-grammar.ts. */
import { quoteText } from "../duckdb/duck.ts";
import {
  clockPattern,
  dayPattern,
  instantPattern,
  leapSecond,
  midnightPattern,
  offsetAtEnd,
  withoutSeconds,
} from "../values/time-grammar.ts";

/**
 * @param text JSON text of the value
 * @param string the text in it, NULL where it is no text
 * @returns null for a type that is none of these
 */
export function strictTime(type: string, text: string, string: string): string | null {
  const matches = (pattern: string) => `regexp_full_match(${text}, ${quoteText(`"${pattern}"`)})`;
  switch (type) {
    case "DATE":
      return `CASE WHEN ${matches(dayPattern)} THEN TRY_CAST(${string} AS DATE) WHEN ${matches(`${instantPattern}`)} AND regexp_matches(${string}, ${quoteText(`${midnightPattern}$`)}) THEN TRY_CAST(regexp_replace(${string}, ${quoteText(`${midnightPattern}$`)}, '') AS DATE) END`;
    case "TIME":
      return `CASE WHEN ${matches(clockPattern)} THEN TRY_CAST(${string} AS TIME) END`;
    case "TIMESTAMP":
      return instant(inUtc);
    case "TIMESTAMP_S":
      return instant((plain) => `CAST(date_trunc('second', ${inUtc(plain)}) AS TIMESTAMP_S)`);
    case "TIMESTAMP_MS":
      return instant((plain) => `CAST(date_trunc('millisecond', ${inUtc(plain)}) AS TIMESTAMP_MS)`);
    case "TIMESTAMP_NS":
    case "TIMESTAMP WITH TIME ZONE":
      return instant((plain) => `TRY_CAST(${plain} AS ${type})`);
  }
  return null;

  function instant(value: (plain: string) => string): string {
    const plain = `regexp_replace(upper(${string}), ${quoteText(withoutSeconds)}, '\\1:00\\2')`;
    const next = `strftime(TRY_CAST(left(upper(${string}), 16) AS TIMESTAMP) + INTERVAL 1 MINUTE, '%Y-%m-%d %H:%M:%S') || substr(upper(${string}), 20)`;
    const isLeap = `contains(${text}, ':60') AND regexp_matches(upper(${string}), ${quoteText(leapSecond)})`;
    return `CASE WHEN ${matches(instantPattern)} THEN CASE WHEN ${isLeap} THEN ${value(next)} ELSE ${value(plain)} END END`;
  }

  /** DuckDB would drop an offset, and of the last hours that there are it makes an error. */
  function inUtc(plain: string): string {
    const offset = `regexp_matches(${text}, ${quoteText(`${offsetAtEnd}"$`)})`;
    return `CASE WHEN ${offset} THEN TRY(timezone('UTC', TRY_CAST(${plain} AS TIMESTAMPTZ))) ELSE TRY_CAST(${plain} AS TIMESTAMP) END`;
  }
}
