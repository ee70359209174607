/**
 * Framing: from record bytes to lines that DuckDB's JSON reader takes. Nearly all micro-batches go the fast
 * way, their bytes untouched; one odd record sends its whole micro-batch the slow way, where each record is
 * judged alone.
 */
import { isUtf8 } from "node:buffer";
import type { RecordBatch } from "../log/log.ts";
import type { ExactText } from "./exact-text.ts";

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

/**
 * The values of `batches` as JSON lines, or null when any of them needs the slow way: no value, a line break,
 * not one object, invalid UTF-8, what only DuckDB takes for JSON, or numbers whose every digit counts.
 */
export function fastLines(batches: readonly RecordBatch[], exact: ExactText): Lines | null {
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
    if (beyondJson.test(text) || exact.isNeeded(text)) return null;
    buffers.push(lines);
  }
  return { buffers, longest };
}

/** One record on the slow way: its text, or why it can't be read at all. */
export interface SlowRecord {
  readonly text: string | null;
  readonly fault: string | null;
}

/** Judges one value by itself. */
export function slowRecord(value: Buffer | null, exact: ExactText): SlowRecord {
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
  return { text: exact.of(text), fault: null };
}
