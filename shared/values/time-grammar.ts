/**
 * How days and instants may be written, in events and in filters: as answers write them (`2024-07-01
 * 12:00:00.5+02`, `0044-03-15 (BC)`, `infinity`), and as RFC 3339 does (`2024-07-01T10:00:00.5Z`), also without
 * seconds. Patterns for JavaScript and for DuckDB's RE2 alike.
 *
 * Digits beyond a type's own are dropped, never rounded. A second 60 is the first of the next minute. For a
 * column without a zone, a text with an offset is an instant, and its value the time in UTC; for one with a
 * zone, a text without an offset is a time in the project's zone.
 */

const date = "(?:[0-9]{4}|[1-9][0-9]{4,6})-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])(?: \\(BC\\))?";
const clock = "(?:[01][0-9]|2[0-4]):[0-5][0-9]";
const seconds = ":(?:[0-5][0-9]|60)(?:\\.[0-9]+)?";
const offset = "(?:[Zz]|[+-](?:[01][0-9]|2[0-3])(?::[0-5][0-9](?::[0-5][0-9])?)?)";
const infinite = "-?infinity";

export const dayPattern = `(?:${date}|${infinite})`;
/** A day's own midnight in UTC is that day, since this is what JavaScript's dates write. */
export const midnightPattern = `[Tt ]00:00(?::00(?:\\.0+)?)?(?:[Zz]|[+-]00(?::00)?)?`;
export const instantPattern = `(?:${date}(?:[Tt ]${clock}(?:${seconds})?(?:${offset})?)?|${infinite})`;
export const clockPattern = `${clock}(?::[0-5][0-9](?:\\.[0-9]+)?)?`;
/** What ends in an offset. */
export const offsetAtEnd = `:[0-9]{2}(?:\\.[0-9]+)?${offset}`;
/** A time without seconds, of which an end or an offset is next. */
export const withoutSeconds = `^(.{10,}[T ][0-9]{2}:[0-9]{2})($|Z|[+-])`;
/** A second 60. */
export const leapSecond = `^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:60`;
