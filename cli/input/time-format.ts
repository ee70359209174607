/** Dates and times in formats other than ISO 8601, given as patterns of strptime. */
import { TidemarkError } from "../../shared/errors.ts";

interface Directive {
  readonly name: string;
  readonly pattern: string;
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const longMonths = "January|February|March|April|May|June|July|August|September|October|November|December";

const directives: Readonly<Record<string, Directive>> = {
  Y: { name: "year", pattern: "\\d{4}" },
  y: { name: "shortYear", pattern: "\\d{2}" },
  m: { name: "month", pattern: "\\d{1,2}" },
  B: { name: "monthName", pattern: longMonths },
  b: { name: "monthName", pattern: longMonths.replaceAll(/([A-Z]..)[a-z]*/g, "$1") },
  d: { name: "day", pattern: "\\d{1,2}" },
  H: { name: "hour", pattern: "\\d{1,2}" },
  I: { name: "hour", pattern: "\\d{1,2}" },
  p: { name: "half", pattern: "[AaPp][Mm]" },
  M: { name: "minute", pattern: "\\d{1,2}" },
  S: { name: "second", pattern: "\\d{1,2}" },
  f: { name: "fraction", pattern: "\\d{1,9}" },
  g: { name: "fraction", pattern: "\\d{1,3}" },
  n: { name: "fraction", pattern: "\\d{1,9}" },
  z: { name: "zone", pattern: "Z|[+-]\\d{2}(?::?\\d{2})?" },
  a: { name: "", pattern: "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)" },
  A: { name: "", pattern: "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)" },
};

/** Rewrites a text as ISO 8601, or undefined when it doesn't match. The calendar is not checked. */
export type ReadTime = (text: string) => string | undefined;

/** @throws USAGE for a pattern without a day, or with an unknown directive */
export function timeReader(format: string): ReadTime {
  const names = new Set<string>();
  const pattern = format.replaceAll(/%-?(.)|[\\^$.*+?()[\]{}|/]/g, (found, letter: string | undefined) => {
    if (letter === undefined) return `\\${found}`;
    if (letter === "%") return "%";
    const directive = directives[letter];
    if (!directive) throw wrong(format, `"${found}" is unknown`);
    if (directive.name === "") return directive.pattern;
    if (names.has(directive.name)) throw wrong(format, `it has the ${directive.name} twice`);
    names.add(directive.name);
    return `(?<${directive.name}>${directive.pattern})`;
  });
  const has = (...any: string[]) => any.some((each) => names.has(each));
  if (!has("year", "shortYear") || !has("month", "monthName") || !has("day"))
    throw wrong(format, "it lacks year, month or day");
  const whole = new RegExp(`^${pattern}$`, "i");
  return (text) => {
    const found = whole.exec(text)?.groups;
    return found && isoOf(found);
  };
}

function isoOf(parts: Readonly<Record<string, string | undefined>>): string | undefined {
  const { year, shortYear, month, monthName, day, hour, half, minute, second, fraction, zone } = parts;
  // the pivot of POSIX
  const fullYear = year ?? `${Number(shortYear) < 69 ? "20" : "19"}${shortYear}`;
  const monthNumber = month ?? String(months.indexOf(monthName!.slice(0, 3).toLowerCase()) + 1);
  const date = [fullYear, two(monthNumber), two(day!)].join("-");
  const hours = hourOf(hour ?? "0", half);
  if (hours === undefined) return undefined;
  const clock = `${two(hours)}:${two(minute ?? "0")}:${two(second ?? "0")}${fraction ? `.${fraction}` : ""}`;
  return `${date} ${clock}${(zone ?? "").replace(/^(...)(\d\d)$/, "$1:$2")}`;
}

function hourOf(hour: string, half: string | undefined): string | undefined {
  if (half === undefined) return hour;
  const number = Number(hour);
  if (number < 1 || number > 12) return undefined;
  return String((number % 12) + (half.toLowerCase() === "pm" ? 12 : 0));
}

function two(digits: string): string {
  return digits.padStart(2, "0");
}

function wrong(format: string, why: string): TidemarkError {
  return new TidemarkError(
    "USAGE",
    `${JSON.stringify(format)} is not a date format: ${why}`,
    "write one such as %d/%m/%Y or %Y-%m-%d %H:%M:%S",
  );
}
