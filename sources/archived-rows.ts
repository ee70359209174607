/** The rows of a changelog by its archive, for who has to go back further than the log still reaches. */
import type { DuckDBValue } from "@duckdb/node-api";
import { Records } from "../shared/archive/records.ts";
import { eventsIn, type OpenSegment } from "../shared/archive/segments.ts";
import { eventColumn } from "../shared/compiler/event-order.ts";
import type { StreamDefinition } from "../shared/definition.ts";
import type { Session } from "../shared/duckdb/duck.ts";
import type { Log } from "../shared/log/log.ts";
import { openState } from "../shared/state/open.ts";
import { suppression } from "../shared/state/suppression.ts";
import { originOf } from "../shared/store/origin.ts";
import { relationIn } from "../shared/store/relation.ts";
import type { Store } from "../shared/store/store.ts";
import { writerOf } from "../shared/values/written.ts";
import { zoneOffsetsOf } from "../shared/values/zone-offsets.ts";
import type { ArchivedRows } from "./changelog-writer.ts";
import { movedKey } from "./row-file.ts";
import { readSource } from "./source-text.ts";

export function archivedRows(store: Store, log: Log, session: Session, stream: StreamDefinition): ArchivedRows {
  return {
    async recall(partition, from, to, use) {
      const { origin } = await originOf(store, log, stream);
      const records = new Records(store, log, origin);
      const segments = await records.segments(stream.name, partition);
      const upto = Math.min(to, segments.at(-1)?.upto ?? 0);
      if (upto <= from) return null;
      const inside = segments.filter((segment) => segment.upto > from && segment.from < upto);
      await records.check(stream, inside);
      const files = await records.open(inside);
      const open = inside.map((segment, i) => ({ segment, path: files[i]!.path }));
      const keyed = `SELECT __offset AS o, decode(__key) AS k FROM ${relationIn(open)}`;
      const range = { stream: stream.name, partition, from, upto };
      const counted = eventsIn(stream, open, range, true);
      const events = `SELECT before, after, source, ${eventColumn}.o AS o FROM (${counted})`;
      const result = await session.connection.stream(
        `SELECT k, after, source, before FROM (SELECT * FROM (${events}) JOIN (${keyed}) USING (o))
         QUALIFY row_number() OVER (PARTITION BY k ORDER BY o DESC) = 1`,
      );
      const written = writerOf(result.columnType(1), await zoneOffsetsOf(session.timezone));
      const textOf = (row: DuckDBValue) => (row === null ? null : written.json(row));
      for (;;) {
        const chunk = await result.fetchChunk();
        if (!chunk || chunk.rowCount === 0) break;
        for (const [key, after, source, before] of chunk.getRows()) {
          const { order, moved } = readSource(String(source ?? ""));
          use(String(key), { row: textOf(after!), order });
          if (moved) use(movedKey(String(key)), { row: textOf(before!), order });
        }
      }
      const state = await openState(suppression, { records, session, stream }, [{ partition, offset: upto }]);
      try {
        return { upto, chain: state.rule.chainOf(partition) ?? null, source: await sourceIn(session, open, upto) };
      } finally {
        await state.close();
      }
    },
  };
}

/** Where the last record that counts comes from. */
async function sourceIn(session: Session, segments: readonly OpenSegment[], upto: number): Promise<string> {
  for (const each of [...segments].reverse()) {
    const found = await session.value(
      `SELECT source FROM ${relationIn([each])} WHERE __fault IS NULL AND __offset < ${upto}
       ORDER BY __offset DESC LIMIT 1`,
    );
    if (found !== null) return String(found);
  }
  return "";
}
