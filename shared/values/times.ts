/**
 * Texts of days, times of day and instants: what DuckDB writes, for all that its types hold. Made of the value
 * alone, so that no process's own zone has a say in them.
 */

const day = 86_400;
/** DuckDB keeps infinities as the largest and the smallest number but one. */
const dayInfinite = 2 ** 31 - 1;
const instantInfinite = 2n ** 63n - 1n;

const two = (value: number) => (value < 10 ? `0${value}` : String(value));

/** @param days since 1970-01-01 */
export function dayText(days: number): string {
  return infinite(days, dayInfinite) ?? calendarText(days).join("");
}

/** The date, and the mark of a year before the first. Source: howardhinnant.github.io/date_algorithms.html */
function calendarText(days: number): readonly [string, string] {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const ofEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * ofYear + 2) / 153);
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const date = `${two(month)}-${two(ofYear - Math.floor((153 * fromMarch + 2) / 5) + 1)}`;
  // there is no year 0: before the year 1 is 1 BC
  return year > 0 ? [`${padded(year)}-${date}`, ""] : [`${padded(1 - year)}-${date}`, " (BC)"];
}

const padded = (year: number) => String(year).padStart(4, "0");

/** @param value since midnight, in units of which a second has `perSecond` */
export function clockText(value: bigint, perSecond: bigint): string {
  return clockOf(Number(value / perSecond), value % perSecond, perSecond);
}

function clockOf(seconds: number, rest: bigint, perSecond: bigint): string {
  const whole = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  if (rest === 0n) return whole;
  const digits = String(perSecond).length - 1;
  return `${whole}.${String(rest).padStart(digits, "0").replace(/0+$/, "")}`;
}

/** @param value since 1970-01-01 00:00:00, in units of which a second has `perSecond` */
export function instantText(value: bigint, perSecond: bigint): string {
  return infinite(value, instantInfinite) ?? localText(value, perSecond);
}

/** An instant as a clock shows it that is `offsetAt` seconds ahead of UTC, and by how much it is. */
export function zonedText(micros: bigint, offsetAt: (seconds: number) => number): string {
  const words = infinite(micros, instantInfinite);
  if (words !== null) return words;
  const offset = offsetAt(Number(floored(micros, 1_000_000n)));
  return localText(micros + BigInt(offset) * 1_000_000n, 1_000_000n) + offsetText(offset);
}

function localText(value: bigint, perSecond: bigint): string {
  const seconds = floored(value, perSecond);
  const days = Number(floored(seconds, 86_400n));
  const ofDay = Number(seconds - BigInt(days) * 86_400n);
  const [date, era] = calendarText(days);
  return `${date}${era} ${clockOf(ofDay, value - seconds * perSecond, perSecond)}`;
}

/** `+02`, `-03:30`, `+00:53:28`. @param seconds ahead of UTC */
export function offsetText(seconds: number): string {
  const ahead = Math.abs(seconds);
  const [hours, minutes, rest] = [Math.floor(ahead / 3600), Math.floor(ahead / 60) % 60, ahead % 60];
  const shown = rest > 0 ? [hours, minutes, rest] : minutes > 0 ? [hours, minutes] : [hours];
  return `${seconds < 0 ? "-" : "+"}${shown.map(two).join(":")}`;
}

/** `1 year 2 months -3 days 04:05:06.7`, the parts that are not 0. */
export function intervalText(months: number, days: number, micros: bigint): string {
  const [years, rest] = [Math.trunc(months / 12), months % 12];
  const parts = [counted(years, "year"), counted(rest, "month"), counted(days, "day")];
  const ahead = micros < 0n ? -micros : micros;
  const hours = ahead / 3_600_000_000n;
  const clock = clockText(ahead % 3_600_000_000n, 1_000_000n).slice(2);
  const time = `${micros < 0n ? "-" : ""}${String(hours).padStart(2, "0")}${clock}`;
  const shown = [...parts, micros === 0n ? "" : time].filter((part) => part !== "");
  return shown.length > 0 ? shown.join(" ") : "00:00:00";
}

function counted(count: number, unit: string): string {
  return count === 0 ? "" : `${count} ${unit}${Math.abs(count) === 1 ? "" : "s"}`;
}

function infinite<T extends number | bigint>(value: T, infinity: T): string | null {
  return value === infinity ? "infinity" : value === -infinity ? "-infinity" : null;
}

function floored(value: bigint, unit: bigint): bigint {
  return value >= 0n ? value / unit : -((-value + unit - 1n) / unit);
}

/** Of a time of the Gregorian calendar, seconds since 1970; the year in UTC. */
export function yearOf(seconds: number): number {
  const [date, era] = calendarText(Math.floor(seconds / day));
  const year = Number(date.slice(0, -6));
  return era === "" ? year : 1 - year;
}
