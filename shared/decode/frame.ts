/**
 * Framing: from record bytes to lines that DuckDB's JSON reader takes. Nearly all micro-batches go the fast way, their bytes
 * untouched; one odd record sends its whole micro-batch the slow way, where each record is judged alone.
 */
import { isUtf8 } from "node:buffer";
import type { RecordBatch } from "../log/log.ts";

const newline = 10;
const open = "{".charCodeAt(0);
const close = "}".charCodeAt(0);

/**
 * The values of `batches` as JSON lines, or null when any of them needs the slow way: no value, a line break, not one object,
 * invalid UTF-8, a trailing comma (DuckDB would accept it) or, where `decimals`, a number with more digits than a double keeps.
 */
export function fastLines(batches: readonly RecordBatch[], decimals: boolean): Buffer[] | null {
  const buffers: Buffer[] = [];
  for (const batch of batches) {
    if (batch.count === 0) continue;
    const { lines } = batch;
    if (!lines || !isUtf8(lines)) return null;
    let start = 0;
    for (let i = 0; i < batch.count; i++) {
      const end = lines.indexOf(newline, start);
      if (end - start < 2 || lines[start] !== open || lines[end - 1] !== close) return null;
      start = end + 1;
    }
    if (start !== lines.length) return null;
    const text = lines.toString("latin1");
    if (/,\s*[}\]]/.test(text) || (decimals && /[\d.]{17}/.test(text))) return null;
    buffers.push(lines);
  }
  return buffers;
}

/** One record on the slow way: its text, or why it can't be read at all. */
export interface SlowRecord {
  readonly text: string | null;
  readonly fault: string | null;
}

/** Judges one value by itself. `decimals` names fields whose numbers must keep every digit. */
export function slowRecord(value: Buffer | null, decimals: readonly string[]): SlowRecord {
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
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return { text: null, fault: "not a JSON object" };
  return { text: decimals.length > 0 ? quoteDecimals(text, decimals) : text, fault: null };
}

const token = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[{}[\]]/g;

/** Puts long numbers of these top-level fields in quotes, since JSON readers keep a number only as a double. */
function quoteDecimals(text: string, fields: readonly string[]): string {
  const names = new Set(fields.map((field) => JSON.stringify(field)));
  let depth = 0;
  let last = "";
  return text.replace(token, (each) => {
    if (each === "{" || each === "[") depth++;
    else if (each === "}" || each === "]") depth--;
    else if (depth === 1 && each.length > 15 && /^[-\d]/.test(each) && names.has(last)) {
      last = each;
      return `"${each}"`;
    }
    last = each;
    return each;
  });
}
