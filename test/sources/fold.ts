/** Changes folded into rows by key, as the normaliser does, on plain maps. */
import { doubtRefused } from "../../sources/debezium.ts";
import type { ForeignRecord, ForeignStream, Nothing, ReadRecord } from "../../sources/formats/foreign.ts";
import { isNewer } from "../../sources/formats/order.ts";

export interface Folded {
  /** By the key's texts, as JSON. */
  readonly rows: ReadonlyMap<string, readonly string[]>;
  readonly skipped: number;
  readonly nothing: Readonly<Partial<Record<Nothing, number>>>;
}

export function fold(stream: ForeignStream, records: readonly ForeignRecord[], read: ReadRecord): Folded {
  const rows = new Map<string, readonly string[]>();
  /** Rows that go on under another key. */
  const moved = new Map<string, readonly string[]>();
  const orders = new Map<string, string | null>();
  const nothing: Partial<Record<Nothing, number>> = {};
  let skipped = 0;
  for (const record of records) {
    const reading = read(record);
    if (reading.is === "nothing") nothing[reading.what] = (nothing[reading.what] ?? 0) + 1;
    if (reading.is === "truncate") {
      for (const id of [...rows.keys()]) {
        if (!isNewer(reading.order, orders.get(id))) continue;
        rows.delete(id);
        orders.set(id, reading.order);
      }
    }
    for (const { change, order, moved: goesOn, doubtful } of reading.is === "changes" ? reading.changes : []) {
      const id = JSON.stringify(change.key);
      if (!isNewer(order, orders.get(id))) {
        skipped++;
        continue;
      }
      orders.set(id, order);
      const before = rows.get(id);
      if (change.after === null) {
        if (goesOn && before) moved.set(id, before);
        rows.delete(id);
        continue;
      }
      const from = change.base ? JSON.stringify(change.base) : id;
      const base = rows.get(from) ?? moved.get(from);
      const doubt = doubtful?.find((place) => (base?.[place] ?? "null") !== "null");
      if (doubt !== undefined) throw doubtRefused(stream, record, doubt);
      rows.set(
        id,
        change.after.map((text, i) => {
          const value = text ?? base?.[i];
          if (value === undefined) throw new Error(`nothing is known of what was not sent: ${id}, field ${i}`);
          return value;
        }),
      );
    }
  }
  return { rows, skipped, nothing };
}
