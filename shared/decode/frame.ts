/**
 * Framing: from record bytes to lines that DuckDB's JSON reader takes. Nearly all micro-batches go the fast way, their bytes
 * untouched; one odd record sends its whole micro-batch the slow way, where each record is judged alone.
 */
import { isUtf8 } from "node:buffer";
import { isDecimal, listElementOf, structFieldsOf } from "../compiler/types.ts";
import type { FieldDefinition } from "../definition.ts";
import { quoteName } from "../duckdb/duck.ts";
import type { RecordBatch } from "../log/log.ts";

const newline = 10;
const open = "{".charCodeAt(0);
const close = "}".charCodeAt(0);

/** JSON lines as they came, and the length of the longest. */
export interface Lines {
  readonly buffers: readonly Buffer[];
  readonly longest: number;
}

/** What DuckDB's JSON reader takes beyond JSON: a trailing comma, NaN and infinities. */
const beyondJson = /,\s*[}\]]|(?:nan|inf|infinity)\s*[,}\]]/i;
/** A number with more digits than a double keeps, and where one may stand. */
const manyDigits = /[\d.]{17}/;
const longNumber = /[:,[]\s*-?[\d.]{17}/;

/**
 * The values of `batches` as JSON lines, or null when any of them needs the slow way: no value, a line break, not one object,
 * invalid UTF-8, what only DuckDB takes for JSON or, where `decimals`, a number with more digits than a double keeps.
 */
export function fastLines(batches: readonly RecordBatch[], decimals: boolean): Lines | null {
  const buffers: Buffer[] = [];
  let longest = 0;
  for (const batch of batches) {
    if (batch.count === 0) continue;
    const { lines } = batch;
    if (!lines || !isUtf8(lines)) return null;
    let start = 0;
    for (let i = 0; i < batch.count; i++) {
      const end = lines.indexOf(newline, start);
      if (end - start < 2 || lines[start] !== open || lines[end - 1] !== close) return null;
      if (end - start > longest) longest = end - start;
      start = end + 1;
    }
    if (start !== lines.length) return null;
    const text = lines.toString("latin1");
    if (beyondJson.test(text) || (decimals && longNumber.test(text))) return null;
    buffers.push(lines);
  }
  return { buffers, longest };
}

/** One record on the slow way: its text, or why it can't be read at all. */
export interface SlowRecord {
  readonly text: string | null;
  readonly fault: string | null;
}

/** Judges one value by itself. `decimals` are the fields whose numbers must keep every digit. */
export function slowRecord(value: Buffer | null, decimals: readonly FieldDefinition[]): SlowRecord {
  if (value === null) return { text: null, fault: "no value (a tombstone)" };
  if (value.length === 0) return { text: null, fault: "empty value" };
  if (!isUtf8(value)) return { text: null, fault: "invalid UTF-8" };
  const text = value.toString();
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { text: null, fault: "invalid JSON" };
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    return { text: null, fault: "not a JSON object" };
  const long = decimals.length > 0 && manyDigits.test(text);
  return { text: long ? quoteDecimals(text, decimals) : text, fault: null };
}

/** The next number or mark outside texts; texts are skipped by hand, since a pattern would need stack for a long one. */
const token = /[{}[\],"]|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Puts long numbers where these fields have a DECIMAL in quotes, since JSON readers keep a number only as a double. */
function quoteDecimals(text: string, fields: readonly FieldDefinition[]): string {
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
    if (each === "{" || each === "[") {
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
