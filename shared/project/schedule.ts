import { CronExpressionParser } from "cron-parser";
import { messageOf } from "../errors.ts";

/** Why a text is no cron expression; null: it is one. */
export function cronProblem(text: string): string | null {
  const fields = text.trim().split(/\s+/);
  // cron-parser fills in missing fields and knows @daily and H; the scheduler that runs these does not.
  if (fields.length < 5 || fields.length > 6) return `expected 5 fields, or 6 with seconds, got ${fields.length}`;
  if (fields.some((field) => /^h/i.test(field))) return "H is not supported";
  try {
    CronExpressionParser.parse(text, { tz: "UTC" }).next();
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

/** When a schedule last fired before `now`, both in milliseconds since the epoch. */
export function previousRun(text: string, timezone: string, now: number): number {
  return CronExpressionParser.parse(text, { tz: timezone, currentDate: new Date(now) })
    .prev()
    .getTime();
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    // Node 22 takes offsets such as +05:30; DuckDB takes only names.
    return /^[a-z]/i.test(name);
  } catch {
    return false;
  }
}
