/**
 * A view's rows as far as the delta touches them, over its read model's file: made again as entries
 * come, in memory, as long as there is room. A view that takes too much has none until the next
 * version; its rows are asked of DuckDB.
 */
import { groupKeyNames } from "../../shared/compiler/partial-columns.ts";
import type { Session } from "../../shared/duckdb/duck.ts";
import { type GroupRow, rowsOfGroups } from "../question/group-rows.ts";
import type { ServedView } from "../snapshot/loaded.ts";
import type { BudgetUser, MemoryBudget } from "./memory-budget.ts";

/** What an entry of a map takes beside its texts, about. */
const entryBytes = 100;

export class Overlay implements BudgetUser {
  readonly #room: MemoryBudget;
  /**
   * JSON of keys → JSON of the row; null: there is none; undefined: DuckDB has to be asked. Null
   * altogether: not known.
   */
  #rows: Map<string, string | null | undefined> | null = new Map();
  /** The stretch of the delta that it knows up to. */
  #upto = 0;

  constructor(room: MemoryBudget) {
    this.#room = room;
  }

  get rows(): ReadonlyMap<string, string | null | undefined> | null {
    return this.#rows;
  }

  /** Takes what came to the delta. Whoever reads meanwhile reads neither what was nor what is. */
  async follow(session: Session, view: ServedView): Promise<void> {
    if (this.#rows === null || this.#upto === view.upto) return;
    if (this.#upto < view.mergedUpto) {
      this.#room.release(this);
      this.#rows = new Map();
      this.#upto = 0;
    }
    const keys = groupKeyNames(view.definition).join(", ") || "1 AS one";
    const fresh = `__stretch >= ${this.#upto} AND __stretch < ${view.upto}`;
    try {
      const touched = `SELECT DISTINCT ${keys} FROM ${view.delta} WHERE ${fresh}`;
      for await (const rows of rowsOfGroups(session, view, touched)) if (!this.#take(rows)) return;
      this.#upto = view.upto;
    } catch {
      // one view that fails on its rows leaves the others theirs
      this.close();
    }
  }

  /** @returns false where there was no room */
  #take(rows: Iterable<GroupRow>): boolean {
    let bytes = 0;
    for (const [key, row] of rows) {
      const before = this.#rows?.get(key)?.length ?? 0;
      bytes += this.#rows?.has(key) ? -before : entryBytes + key.length;
      bytes += row?.length ?? 0;
      this.#rows?.set(key, row);
    }
    if (this.#rows) this.#room.count(this, bytes);
    return this.#rows !== null;
  }

  giveUp(): void {
    this.#rows = null;
  }

  close(): void {
    this.#room.release(this);
    this.#rows = null;
  }
}
