/**
 * A caller of a PostgreSQL source, as the normaliser is one, on plain maps: rows by key, kept equal to the tables by
 * changes and, where something was found, by the rows of a snapshot.
 */
import { isCode } from "../../../shared/errors.ts";
import type { RowTexts } from "../../../sources/change.ts";
import type { Finding } from "../../../sources/postgres/checks.ts";
import type { Evidence } from "../../../sources/postgres/evidence.ts";
import type { Piece, TableChange } from "../../../sources/postgres/items.ts";
import type { TableSnapshot } from "../../../sources/postgres/snapshot.ts";
import { PostgresSource, type PostgresSourceOptions } from "../../../sources/postgres/source.ts";
import type { SourceTable } from "../../../sources/postgres/tables.ts";

type Rows = Map<string, RowTexts>;

export class Replica {
  readonly #options: PostgresSourceOptions;
  readonly rows = new Map<string, Rows>();
  /** What a restart remembers. */
  durable: bigint | null = null;
  #remembered: Evidence | null = null;
  /** What was found, by all runs. */
  readonly found: Finding[] = [];
  /** Transactions that came, by their numbers. */
  readonly xids: number[] = [];

  constructor(options: PostgresSourceOptions) {
    this.#options = options;
    for (const { table } of options.tables) this.rows.set(table, new Map());
  }

  /** Catches up, mends what is found, and stops as soon as `until` says so. */
  async run(until: (replica: Replica, piece: Piece | null) => boolean | Promise<boolean>): Promise<void> {
    for (;;) {
      const source = await PostgresSource.open(this.#options);
      try {
        await this.#run(source, until);
        this.#remembered = source.evidence;
        return;
      } catch (error) {
        // the server may not have noticed yet that the reader before is gone
        if (!isCode(error, "SOURCE_SLOT")) throw error;
      } finally {
        await source.close();
      }
    }
  }

  async #run(
    source: PostgresSource,
    until: (replica: Replica, piece: Piece | null) => boolean | Promise<boolean>,
  ): Promise<void> {
    const found = source.findings(this.#remembered, this.durable);
    this.found.push(...found);
    const user = found.find(({ mend }) => mend === "user");
    if (user) throw new Error(`${user.meaning}; ${user.todo}`);
    if (this.durable === null || found.some(({ mend }) => mend === "slot")) await this.#renew(source);
    let beside = await this.#beside(source, found);
    for (;;) {
      const isRenewed = await this.#follow(source, until, beside);
      if (!isRenewed) return;
      await this.#renew(source);
      beside = null;
    }
  }

  /** True where a new slot is needed. */
  async #follow(
    source: PostgresSource,
    until: (replica: Replica, piece: Piece | null) => boolean | Promise<boolean>,
    given: Beside | null,
  ): Promise<boolean> {
    let beside = given;
    let waiting: TableChange[] = [];
    for await (const items of source.stream(this.durable!)) {
      for (const item of items) {
        if (item.is === "found") {
          this.found.push(...item.findings);
          if (item.findings.some(({ mend }) => mend === "slot")) return true;
          beside ??= await this.#beside(source, item.findings);
          continue;
        }
        const at = item.is === "piece" ? item.commitLsn : item.lsn;
        // the snapshot has what was committed before
        if (beside !== null && at >= beside.snapshot.lsn && waiting.length === 0) {
          await this.#read(source, beside.snapshot, beside.tables);
          beside = null;
        }
        if (item.is === "piece") {
          waiting.push(...item.changes);
          if (item.last) {
            for (const change of waiting) this.#apply(change);
            waiting = [];
            this.xids.push(item.xid);
          }
        }
        const endLsn = item.is === "piece" ? item.endLsn : item.lsn;
        if (endLsn !== null) {
          this.durable = endLsn;
          source.acknowledge(endLsn);
        }
        if (beside === null && endLsn !== null && (await until(this, item.is === "piece" ? item : null))) return false;
      }
    }
    return false;
  }

  async #renew(source: PostgresSource): Promise<void> {
    const snapshot = await source.snapshot("new", { waitMsMax: 30_000 });
    await source.poll();
    await this.#read(source, snapshot, this.#options.tables);
    this.durable = snapshot.lsn;
  }

  async #beside(source: PostgresSource, found: readonly Finding[]): Promise<Beside | null> {
    const isAll = found.some(({ mend }) => mend === "tables");
    const tables = this.#options.tables.filter(
      ({ table }) => isAll || found.some((each) => each.mend === "table" && each.table === table),
    );
    if (tables.length === 0) return null;
    return { snapshot: await source.snapshot("beside", { waitMsMax: 30_000 }), tables };
  }

  async #read(source: PostgresSource, snapshot: TableSnapshot, tables: readonly SourceTable[]): Promise<void> {
    for (const table of tables) {
      const rows: Rows = new Map();
      for await (const changes of snapshot.rows(table, source.evidence)) {
        for (const { key, after } of changes) rows.set(JSON.stringify(key), after!);
      }
      this.rows.set(table.table, rows);
      source.restart(table.table, snapshot.lsn);
    }
    await snapshot.close();
  }

  /** Of a key that changed, the row that was there. */
  #gone: RowTexts | undefined;

  #apply({ table, change }: TableChange): void {
    const rows = this.rows.get(table)!;
    if (change === "truncate") {
      rows.clear();
      return;
    }
    const id = JSON.stringify(change.key);
    if (change.after === null) {
      this.#gone = rows.get(id);
      rows.delete(id);
      return;
    }
    const base = change.base === undefined ? rows.get(id) : this.#gone;
    rows.set(
      id,
      change.after.map((text, i) => text ?? base?.[i]),
    );
  }
}

interface Beside {
  readonly snapshot: TableSnapshot;
  readonly tables: readonly SourceTable[];
}
