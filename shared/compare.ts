/** Compares two sets of rows: exactly, but for doubles that are sums, which are equal up to rounding. */
import type { Json } from "@duckdb/node-api";
import { freshName, type Session } from "./duckdb/duck.ts";

/** A row that only one side has; `left` and `right` are set together where the rows agree in all but inexact columns. */
export interface Difference {
  readonly left: Record<string, Json> | null;
  readonly right: Record<string, Json> | null;
}

export interface Comparison {
  readonly rows: number;
  readonly differences: readonly Difference[];
}

export interface CompareOptions {
  /** Columns in which doubles may differ by rounding; all others must be the same. */
  readonly inexact?: readonly string[];
  /** Allowed difference, as a share of the larger value. */
  readonly tolerance?: number;
}

/** Sums of doubles taken in another order differ by a few units in the last place for each addition. */
const defaultTolerance = 1e-9;

/** Compares as multisets two SELECTs with the same columns. */
export async function compareRows(
  session: Session,
  left: string,
  right: string,
  options: CompareOptions = {},
): Promise<Comparison> {
  const [l, r] = [freshName("left"), freshName("right")];
  try {
    await session.run(`CREATE TEMP TABLE ${l} AS ${left}`);
    await session.run(`CREATE TEMP TABLE ${r} AS ${right}`);
    const rows = Number(await session.value(`SELECT count(*) FROM ${l}`));
    const [onlyLeft, onlyRight] = [await exceptAll(session, l, r), await exceptAll(session, r, l)];
    return { rows, differences: pair(onlyLeft, onlyRight, options) };
  } finally {
    await session.run(`DROP TABLE IF EXISTS ${l}`);
    await session.run(`DROP TABLE IF EXISTS ${r}`);
  }
}

/** Rows of `a` beyond those of `b`; EXCEPT ALL takes -0.0 and 0.0, and all NaNs, for one value. */
async function exceptAll(session: Session, a: string, b: string): Promise<Record<string, Json>[]> {
  return (await session.read(`SELECT * FROM ${a} EXCEPT ALL SELECT * FROM ${b}`)).getRowObjectsJson();
}

function pair(lefts: Record<string, Json>[], rights: Record<string, Json>[], options: CompareOptions): Difference[] {
  const inexact = new Set(options.inexact ?? []);
  const tolerance = options.tolerance ?? defaultTolerance;
  const keyOf = (row: Record<string, Json>) =>
    JSON.stringify(Object.entries(row).filter(([name]) => !inexact.has(name)));
  const waiting = new Map<string, Record<string, Json>[]>();
  for (const row of rights) {
    const key = keyOf(row);
    const list = waiting.get(key);
    if (list) list.push(row);
    else waiting.set(key, [row]);
  }
  const differences: Difference[] = [];
  for (const left of lefts) {
    const candidates = waiting.get(keyOf(left)) ?? [];
    const match =
      inexact.size === 0
        ? -1
        : candidates.findIndex((right) => [...inexact].every((name) => close(left[name], right[name], tolerance)));
    if (match >= 0) candidates.splice(match, 1);
    else differences.push({ left, right: candidates.shift() ?? null });
  }
  for (const rest of waiting.values()) for (const right of rest) differences.push({ left: null, right });
  return differences;
}

function close(a: Json | undefined, b: Json | undefined, tolerance: number): boolean {
  if (a === b) return true;
  if (typeof a !== "number" || typeof b !== "number") return false;
  return Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b));
}

/** The columns of a described SELECT that are doubles. */
export function doublesOf(columns: readonly { readonly name: string; readonly type: string }[]): string[] {
  return columns.filter((column) => column.type === "DOUBLE" || column.type === "FLOAT").map((column) => column.name);
}
