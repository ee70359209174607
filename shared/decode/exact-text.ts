/**
 * Every digit of an event's numbers. JSON readers keep a number as a double: so those with more digits are put
 * where they stay as they are written, of a DECIMAL field in quotes, and what a JSON field holds in a text that
 * begins with a mark.
 */
import { isDecimal, listElementOf, structFieldsOf } from "../compiler/types.ts";
import type { FieldDefinition } from "../definition.ts";
import { quoteName } from "../duckdb/duck.ts";

/** The character, and how JSON writes it. A JSON field's own text that begins with it is marked, too. */
export const jsonMark = { character: "\u0001", written: "\\u0001" } as const;

/** A number with more digits than a double keeps, or with an exponent that it may not have. */
const manyDigits = /[\d.]{17}/;
const largeExponent = /\d[eE][-+]?\d{3}/;
const markedText = '"\\u0001';
/** Where such a number may be. */
const longNumber = /[:,[]\s*-?[\d.]{17}/;

export class ExactText {
  readonly #fields: readonly FieldDefinition[];
  readonly #json: boolean;

  /** @param upcast that the records go through: it is to find their JSON as it was sent */
  constructor(fields: readonly FieldDefinition[], upcast: string | null) {
    const within = (type: string) => (field: FieldDefinition) => new RegExp(`\\b${type}\\b`).test(field.type);
    this.#json = upcast === null && fields.some(within("JSON"));
    this.#fields = fields.filter((field) => within("DECIMAL")(field) || (this.#json && within("JSON")(field)));
  }

  /** True for lines of which one may have such a number. @param lines byte by byte */
  isNeeded(lines: string): boolean {
    if (this.#fields.length === 0) return false;
    return longNumber.test(lines) || (this.#json && (largeExponent.test(lines) || lines.includes(markedText)));
  }

  /** @param text of a record, valid JSON */
  of(text: string): string {
    if (this.#fields.length === 0) return text;
    const long = manyDigits.test(text) || (this.#json && isExact(text));
    return long ? quoted(text, this.#fields, this.#json) : text;
  }
}

/** A text, passed over; or what is between tokens. */
const spaces = /("(?:[^"\\]|\\.)*")|\s+/gs;

/**
 * The next number or mark outside texts; texts are skipped by hand, since a pattern would need stack for a long
 * one.
 */
const token = /[{}[\],"]|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function quoted(text: string, fields: readonly FieldDefinition[], json: boolean): string {
  // the types of what is open around here, and of the value that comes next
  const open: (string | null)[] = [];
  let next: string | null = `STRUCT(${fields.map((field) => `${quoteName(field.name)} ${field.type}`).join(", ")})`;
  let keyNext = false;
  let out = "";
  let copied = 0;
  token.lastIndex = 0;
  for (let match = token.exec(text); match; match = token.exec(text)) {
    const each = match[0];
    const inside = open.at(-1) ?? null;
    if (json && next === "JSON" && !keyNext && /^[{["\d-]/.test(each)) {
      const end = endOfValue(text, match.index);
      const raw = text.slice(match.index, end);
      if (manyDigits.test(raw) || isExact(raw)) {
        out += text.slice(copied, match.index) + JSON.stringify(jsonMark.character + raw.replace(spaces, "$1"));
        copied = end;
      }
      token.lastIndex = end;
    } else if (each === "{" || each === "[") {
      open.push(next);
      keyNext = each === "{";
      next = each === "[" && next !== null ? listElementOf(next) : null;
    } else if (each === "}" || each === "]") {
      open.pop();
    } else if (each === ",") {
      next = inside === null ? null : listElementOf(inside);
      keyNext = next === null;
    } else if (each === '"') {
      const end = endOfText(text, match.index);
      if (keyNext) next = fieldOf(inside, text.slice(match.index, end));
      keyNext = false;
      token.lastIndex = end;
    } else if (next !== null && isDecimal(next) && manyDigits.test(each)) {
      out += `${text.slice(copied, match.index)}"${each}"`;
      copied = match.index + each.length;
    }
  }
  return out + text.slice(copied);
}

function isExact(raw: string): boolean {
  return largeExponent.test(raw) || raw.includes(markedText);
}

/** The offset after the value that begins at `start`. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  token.lastIndex = start;
  for (let match = token.exec(text); match; match = token.exec(text)) {
    const each = match[0];
    if (each === "{" || each === "[") depth++;
    else if (each === "}" || each === "]") depth--;
    else if (each === '"') token.lastIndex = endOfText(text, match.index);
    if (depth === 0) break;
  }
  return token.lastIndex;
}

/** The offset after the closing quote of the JSON text that opens at `start`. */
function endOfText(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text[end - 1 - escapes] === "\\") escapes++;
    if (escapes % 2 === 0) return end + 1;
  }
}

function fieldOf(type: string | null, key: string): string | null {
  const fields = type === null ? null : structFieldsOf(type);
  const name: unknown = fields && JSON.parse(key);
  return fields?.find((field) => field.name === name)?.type ?? null;
}
