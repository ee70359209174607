/**
 * The rows of a view that the delta touches, which take precedence over its read model's file. They
 * are recomputed as entries arrive, in memory, within a budget. A view that exceeds the budget has no
 * overlay until the next version, and DuckDB answers its questions.
 */
import { groupKeyNames } from "../../shared/compiler/partial-columns.ts";
import type { Session } from "../../shared/duckdb/duck.ts";
import { type GroupRow, rowsOfGroups } from "../question/group-rows.ts";
import type { ServedView } from "../snapshot/loaded.ts";
import type { BudgetUser, MemoryBudget } from "./memory-budget.ts";

/** What an entry of a map takes in addition to its texts, approximately. */
const entryBytes = 100;

export class Overlay implements BudgetUser {
  readonly #budget: MemoryBudget;
  /**
   * JSON of keys → JSON of the row; null: there is no row; undefined: only DuckDB can answer. The
   * whole map is null where the overlay is not known.
   */
  #rows: Map<string, string | null | undefined> | null = new Map();
  /** It covers the delta's stretches below this. */
  #upto = 0;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  get rows(): ReadonlyMap<string, string | null | undefined> | null {
    return this.#rows;
  }

  /** Applies what was added to the delta. It must not be read meanwhile: it is neither the old nor the new state. */
  async follow(session: Session, view: ServedView): Promise<void> {
    if (this.#rows === null || this.#upto === view.upto) return;
    if (this.#upto < view.mergedUpto) {
      this.#budget.release(this);
      this.#rows = new Map();
      this.#upto = 0;
    }
    const keys = groupKeyNames(view.definition).join(", ") || "1 AS one";
    const fresh = `__stretch >= ${this.#upto} AND __stretch < ${view.upto}`;
    try {
      const touched = `SELECT DISTINCT ${keys} FROM ${view.delta} WHERE ${fresh}`;
      for await (const rows of rowsOfGroups(session, view, touched)) if (!this.#apply(rows)) return;
      this.#upto = view.upto;
    } catch {
      // a view whose rows fail must not take the models of the others with it
      this.close();
    }
  }

  /** @returns false where the budget was exceeded */
  #apply(rows: Iterable<GroupRow>): boolean {
    let bytes = 0;
    for (const [key, row] of rows) {
      const before = this.#rows?.get(key)?.length ?? 0;
      bytes += this.#rows?.has(key) ? -before : entryBytes + key.length;
      bytes += row?.length ?? 0;
      this.#rows?.set(key, row);
    }
    if (this.#rows) this.#budget.count(this, bytes);
    return this.#rows !== null;
  }

  evict(): void {
    this.#rows = null;
  }

  close(): void {
    this.#budget.release(this);
    this.#rows = null;
  }
}
