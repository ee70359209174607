import { type CronExpression, CronExpressionParser } from "cron-parser";
import { messageOf } from "../errors.ts";
import { invalid, type Section } from "./section.ts";

/** Why a text is no cron expression; null: it is one. */
function cronProblem(text: string): string | null {
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

/** @throws CONFIG_INVALID */
export function readCron(section: Section, key: string, preset: string): string {
  const text = section.text(key) ?? preset;
  const problem = cronProblem(text);
  if (problem !== null) {
    invalid(
      section.where(key),
      `${JSON.stringify(text)} is not a cron expression: ${problem}`,
      `write one such as "${preset}"`,
    );
  }
  return text;
}

/** The times that an expression names, by a clock that is never changed: ms as of UTC. */
export class WallTimes {
  readonly #expression: CronExpression;

  constructor(text: string) {
    this.#expression = CronExpressionParser.parse(text, { tz: "UTC" });
  }

  /** The last one at or before `wall`. */
  last(wall: number): number {
    this.#expression.reset(new Date(Math.floor(wall / 1000) * 1000 + 1));
    return this.#expression.prev().getTime();
  }

  /** The first one after `wall`. */
  next(wall: number): number {
    this.#expression.reset(new Date(wall));
    return this.#expression.next().getTime();
  }

  /** True where there are some in every hour of a day. */
  get everyHour(): boolean {
    return this.#expression.fields.hour.values.length === 24;
  }
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
