/** Events as they are shown, with their places: one way for those of the archive and those of the log. */
import { eventColumn } from "../../shared/compiler/event-order.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import { quoteName, type Session } from "../../shared/duckdb/duck.ts";
import { jsonRow } from "../rows/json.ts";
import { fewRows } from "../rows/rows.ts";

export interface ReadEvent {
  readonly offset: number;
  /** Log time, ms. */
  readonly time: number;
  /** JSON text of its fields. */
  readonly json: string;
}

/** Neighbouring events of one partition: all that count in `[from, upto)`. There may be none. */
export interface EventChunk {
  readonly partition: number;
  readonly from: number;
  readonly upto: number;
  readonly events: readonly ReadEvent[];
  /** The log had lost these offsets before they were archived. */
  readonly lost: boolean;
}

/** What an event takes in an answer besides its JSON, about. */
const wrapperBytes = 120;

export function sizeOf(events: readonly ReadEvent[]): number {
  return events.reduce((sum, { json }) => sum + json.length + wrapperBytes, 0);
}

/**
 * The events of a SELECT that has the column `__event`, by partition, in the order of their offsets.
 * @param events of the stream's valid records
 */
export async function eventTexts(
  session: Session,
  stream: StreamDefinition,
  events: string,
): Promise<ReadonlyMap<number, readonly ReadEvent[]>> {
  const places = ["p", "o", "t"].map((part) => `${eventColumn}.${part} AS __${part}`);
  const fields = stream.fields.map(({ name }) => quoteName(name));
  const shown = [...places, ...fields].join(", ");
  const { columns, rows } = await fewRows(session, `SELECT ${shown} FROM (${events}) ORDER BY __p, __o`);
  const written = columns.slice(places.length);
  const found = new Map<number, ReadEvent[]>();
  for (const [partition, offset, time, ...values] of rows) {
    const own = found.get(Number(partition)) ?? [];
    found.set(Number(partition), own);
    own.push({ offset: Number(offset), time: Number(time), json: jsonRow(written, values) });
  }
  return found;
}
