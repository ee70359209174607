/**
 * Texts of days and instants as DuckDB's own, which its casts read without loss. The same rule as in SQL for
 * events (decode/strict-times.ts).
 */
import {
  clockPattern,
  dayPattern,
  instantPattern,
  leapSecond,
  midnightPattern,
  offsetAtEnd,
  withoutSeconds,
} from "./time-grammar.ts";

const whole = (pattern: string) => new RegExp(`^${pattern}$`);
const [days, midnights, instants, clocks] = [
  whole(dayPattern),
  new RegExp(`${midnightPattern}$`),
  whole(instantPattern),
  whole(clockPattern),
];
const [offsets, bare, leap] = [new RegExp(`${offsetAtEnd}$`), new RegExp(withoutSeconds), new RegExp(leapSecond)];

/** Null where the text is no day. Days that their month does not have are refused by DuckDB. */
export function readDay(text: string): string | null {
  const day = instants.test(text) ? text.replace(midnights, "") : text;
  return days.test(day) ? day : null;
}

export function readClock(text: string): string | null {
  return clocks.test(text) ? text : null;
}

/** @param digits of a second's fraction that the type keeps. An offset stays where it is: see hasOffset. */
export function readInstant(text: string, digits: number): string | null {
  if (!instants.test(text)) return null;
  const plain =
    text.startsWith("infinity") || text.startsWith("-") ? text : text.toUpperCase().replace(bare, "$1:00$2");
  const whole = leap.test(plain) ? withoutLeap(plain) : plain;
  return whole.replace(/(\.\d+)/, (fraction) => (digits === 0 ? "" : fraction.slice(0, digits + 1)));
}

export function hasOffset(text: string): boolean {
  return offsets.test(text);
}

function withoutLeap(text: string): string {
  const minute = new Date(`${text.slice(0, 10)}T${text.slice(11, 16)}:00Z`);
  if (Number.isNaN(minute.getTime())) return text;
  const next = new Date(minute.getTime() + 60_000).toISOString();
  return `${next.slice(0, 10)} ${next.slice(11, 19)}${text.slice(19)}`;
}
