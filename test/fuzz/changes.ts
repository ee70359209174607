/**
 * A random log of events as one of rows that change: in each partition an event is what its row is from then on, or
 * that the row goes. So any records make a log in which each change says what was before it.
 */
import { weightColumn } from "../../shared/compiler/weights.ts";
import { quoteName } from "../../shared/duckdb/duck.ts";
import { changelogOf } from "../support/changelog-stream.ts";
import type { Records } from "./events.ts";
import { randomStream } from "./stream.ts";

export const randomChangelog = changelogOf(randomStream, ["seq"]);

/** Rows of a partition. */
const rowsMax = 5;
const goesEvery = 4;

const fields = randomStream.fields.map((field) => quoteName(field.name)).join(", ");

/** A SELECT of the rows that came at `__offset`, and went at `__next`, if at all. @param events a table */
export function rowsThatCame(events: string): string {
  const next = `lead(__offset) OVER (PARTITION BY __partition, seq % ${rowsMax} ORDER BY __offset)`;
  const all = `SELECT *, ${next} AS __next, seq // ${rowsMax} % ${goesEvery} = 0 AS __gone FROM ${events}`;
  return `SELECT * EXCLUDE (__gone) FROM (${all}) WHERE NOT __gone`;
}

/** Changes whose offset, a column, is within. @param where its condition */
export function weighed(rows: string, where: (offset: string) => string): string {
  const changes = (offset: string, weight: number) =>
    `SELECT ${fields}, ${weight}::BIGINT AS ${weightColumn} FROM ${rows} WHERE ${where(offset)}`;
  return `${changes("__offset", 1)} UNION ALL ${changes("__next", -1)}`;
}

/** The rows that are left. @param below a condition of an offset, a column */
export function rowsLeft(rows: string, below: (offset: string) => string): string {
  return `SELECT ${fields} FROM ${rows} WHERE ${below("__offset")} AND (${below("__next")}) IS NOT TRUE`;
}

/** Events as records of a changelog, each of which says what its row was before. */
export class ChangeRecords {
  readonly #rows = new Map<number, string>();

  /** @param event one that is valid */
  recordOf(partition: number, event: string): string {
    const [, seq] = /"seq":(\d+)/.exec(event)!;
    const row = (Number(seq) % rowsMax) + rowsMax * partition;
    const before = this.#rows.get(row) ?? null;
    const goes = Math.floor(Number(seq) / rowsMax) % goesEvery === 0;
    const after = goes ? null : event.replace(/"seq":\d+/, `"seq":${row}`);
    if (after === null) this.#rows.delete(row);
    else this.#rows.set(row, after);
    return `{"op":"u","source":"","before":${before},"after":${after}}`;
  }
}

/** The same as records of a changelog. @param dead places of records that are no events */
export function changeRecords(records: Records, dead: ReadonlySet<string>): Records {
  const made = new ChangeRecords();
  return records.map((list, partition) =>
    list.map((event, offset) =>
      event === null || dead.has(`${partition}:${offset}`) ? event : made.recordOf(partition, event),
    ),
  );
}
