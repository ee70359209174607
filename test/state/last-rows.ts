/** The second kind of state: the last row of each key, as a table that follows a stream would have it. */
import type { DecodedRecords } from "../../shared/decode/decoded.ts";
import type { RecordBatch } from "../../shared/log/log.ts";
import type { State, StateKind } from "../../shared/state/state.ts";

/** More rows than this are not carried. */
const carriedMax = 12;

export interface CarriedRows {
  readonly partition: number;
  /** Null: too many. */
  readonly rows: readonly (readonly [key: string, value: string])[] | null;
}

export class LastRows implements State<CarriedRows, object> {
  /** By partition, then key. */
  readonly rows = new Map<number, Map<string, string>>();
  readonly #fresh = new Map<number, Map<string, string>>();

  async fold(batches: readonly RecordBatch[], decoded: DecodedRecords | null): Promise<void> {
    const [keys, values] = [await decoded!.texts("k"), await decoded!.texts("v")];
    let row = 0;
    for (const { partition, count } of batches) {
      const fresh = this.#fresh.get(partition) ?? new Map<string, string>();
      this.#fresh.set(partition, fresh);
      for (const end = row + count; row < end; row++) {
        const key = keys[row] ?? null;
        if (key === null) continue;
        this.set(partition, key, values[row]!);
        fresh.set(key, values[row]!);
      }
    }
  }

  set(partition: number, key: string, value: string): void {
    const own = this.rows.get(partition) ?? new Map<string, string>();
    this.rows.set(partition, own.set(key, value));
  }

  carry(): readonly CarriedRows[] {
    const carried = [...this.#fresh].map(([partition, rows]) => {
      return { partition, rows: rows.size > carriedMax ? null : [...rows] };
    });
    this.#fresh.clear();
    return carried;
  }

  pass({ partition, rows }: CarriedRows): boolean {
    for (const [key, value] of rows ?? []) this.set(partition, key, value);
    return rows !== null;
  }

  startSegment(): void {}

  async remembered(): Promise<object> {
    return {};
  }

  async close(): Promise<void> {}
}

export const lastRows: StateKind<LastRows, CarriedRows, object> = {
  name: "last",
  empty: () => new LastRows(),
  needsRows: () => true,
  async recall(state, { session, partition, segments, rowsOf }, offset) {
    for (const segment of segments.filter(({ from }) => from < offset)) {
      const rows = await session.rows(
        `SELECT k::VARCHAR AS k, max_by(v, __offset)::VARCHAR AS v FROM ${await rowsOf(segment)}
         WHERE __fault IS NULL AND __offset < ${offset} GROUP BY ALL`,
      );
      for (const { k, v } of rows) state.set(partition, String(k), String(v));
    }
  },
  join(stretches) {
    const joined = new Map<number, CarriedRows["rows"]>();
    for (const { partition, rows } of stretches.flat()) {
      const before = joined.get(partition);
      joined.set(partition, before === null || rows === null ? null : [...(before ?? []), ...rows]);
    }
    return [...joined].map(([partition, rows]) => ({ partition, rows }));
  },
};
