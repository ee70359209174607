/** Keys of a cache, and what is remembered of the rows behind them. */
import { createHash } from "node:crypto";
import type { ViewDefinition } from "../../shared/definition.ts";
import { membersOf } from "../../shared/values/json-parts.ts";

/** Of a NULL: `encodeURIComponent` writes none like it. */
const nullPart = "%";

/** What follows the prefix. @param key a row's keys as a JSON object, in the order of the view's columns */
export function suffixOf(key: string): string {
  return [...membersOf(key).values()].map(partOf).join(":");
}

function partOf(value: string): string {
  if (value === "null") return nullPart;
  return encodeURIComponent(value.startsWith('"') ? (JSON.parse(value) as string) : value);
}

/** A row in a few letters: of its exact columns, and of all. */
export interface Fingerprint {
  readonly exact: string;
  readonly whole: string;
}

export class Fingerprints {
  /** Columns in which sums of doubles may differ in their last places. */
  readonly #rounded: readonly string[];

  constructor({ columns, tolerance }: Pick<ViewDefinition, "columns" | "tolerance">) {
    this.#rounded = tolerance === 0 ? [] : columns.filter((each) => each.precision !== "exact").map(({ name }) => name);
  }

  /** @param row JSON */
  of(row: string): Fingerprint {
    const whole = hash(row);
    if (this.#rounded.length === 0) return { exact: whole, whole };
    const members = membersOf(row);
    for (const name of this.#rounded) members.delete(name);
    return { exact: hash(JSON.stringify([...members])), whole };
  }

  /** Whether two rows with the same exact columns are equal but for roundings. */
  near(left: string, right: string, tolerance: number): boolean {
    const [l, r] = [membersOf(left), membersOf(right)];
    return this.#rounded.every((name) => {
      const [a, b] = [l.get(name), r.get(name)];
      if (a === b) return true;
      const [x, y] = [Number(a), Number(b)];
      return Math.abs(x - y) <= tolerance * Math.max(Math.abs(x), Math.abs(y));
    });
  }
}

export function textOf({ exact, whole }: Fingerprint): string {
  return exact === whole ? whole : `${exact} ${whole}`;
}

export function fingerprintIn(text: string): Fingerprint {
  const [exact, whole] = text.split(" ");
  return { exact: exact!, whole: whole ?? exact! };
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest().subarray(0, 12).toString("base64url");
}
