/** Events as they are shown, with their places: one way for those of the archive and those of the log. */
import { eventColumn } from "../../shared/compiler/event-order.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import { quoteName, type Session } from "../../shared/duckdb/duck.ts";
import { JsonRows } from "../rows/json-rows.ts";
import { rowsFrom } from "../rows/rows.ts";

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
  const fields = stream.fields.map(({ name }) => quoteName(name));
  const places = ["p", "o", "t"].map((part) => `${eventColumn}.${part}::DOUBLE AS __${part}`);
  const text = `SELECT ${[...fields, ...places].join(", ")} FROM (${events}) ORDER BY __p, __o`;
  const { columns, chunks } = await rowsFrom(session, text, []);
  const json = new JsonRows(columns.slice(0, fields.length), { after: "\n" });
  const found = new Map<number, ReadEvent[]>();
  for await (const chunk of chunks) {
    // no event has a line break of its own
    const lines = Buffer.from(json.encode(chunk)).toString().split("\n");
    const [partitions, offsets, times] = places.map((_, i) => chunk.getColumnValues(fields.length + i) as number[]);
    for (let row = 0; row < chunk.rowCount; row++) {
      const own = found.get(partitions![row]!) ?? [];
      found.set(partitions![row]!, own);
      own.push({ offset: offsets![row]!, time: times![row]!, json: lines[row]! });
    }
  }
  return found;
}
