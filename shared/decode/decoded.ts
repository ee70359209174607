/** Decoded records: a table with a row for each; invalid and suppressed ones are marked. */
import { eventColumn, eventType } from "../compiler/event-order.ts";
import type { StreamDefinition } from "../definition.ts";
import { quoteName, quoteText, type Session } from "../duckdb/duck.ts";
import type { RecordBatch } from "../log/log.ts";
import type { DeadLetter } from "./dead-letter.ts";
import { orderTable } from "./place-tables.ts";

/** An invalid record, by its row. */
export interface DeadRow {
  readonly row: number;
  readonly fault: string;
}

const rowsPerUpdate = 10_000;

/** In the order of the batches. The caller drops it. */
export class DecodedRecords {
  /**
   * Table with one row per record: the stream's fields in their order and `__fault`. The fields are called f0,
   * f1, … there: a user's name, such as rowid, would hide what DuckDB has under it.
   */
  readonly table: string;
  readonly count: number;
  readonly #session: Session;
  readonly #stream: StreamDefinition;
  readonly #batches: readonly RecordBatch[];
  #dead: readonly DeadRow[];
  #suppressed = 0;
  #places: string | null = null;

  /** @param dead ascending */
  constructor(
    session: Session,
    stream: StreamDefinition,
    table: string,
    batches: readonly RecordBatch[],
    dead: readonly DeadRow[],
  ) {
    this.table = table;
    this.count = batches.reduce((sum, batch) => sum + batch.count, 0);
    this.#session = session;
    this.#stream = stream;
    this.#batches = batches;
    this.#dead = dead;
  }

  /** How many records are events that count. */
  get events(): number {
    return this.count - this.#dead.length - this.#suppressed;
  }

  /** Invalid records, without suppressed ones. */
  get dead(): readonly DeadLetter[] {
    const letters: DeadLetter[] = [];
    let first = 0;
    let b = 0;
    for (const { row, fault } of this.#dead) {
      while (row - first >= this.#batches[b]!.count) first += this.#batches[b++]!.count;
      const { partition, offsets } = this.#batches[b]!;
      letters.push({ stream: this.#stream.name, partition, offset: offsets[row - first]!, reason: fault });
    }
    return letters;
  }

  /** These do not count, whatever is in them. @param rows ascending, none of them suppressed before */
  async suppress(rows: readonly number[], fault: string): Promise<void> {
    for (let i = 0; i < rows.length; i += rowsPerUpdate) {
      const list = rows.slice(i, i + rowsPerUpdate).join(", ");
      await this.#session.run(`UPDATE ${this.table} SET __fault = ${quoteText(fault)} WHERE rowid IN (${list})`);
    }
    this.#suppressed += rows.length;
    if (rows.length === 0 || this.#dead.length === 0) return;
    const suppressed = new Set(rows);
    this.#dead = this.#dead.filter(({ row }) => !suppressed.has(row));
  }

  /** A field as text, by record; null where it has no value, or the record is invalid. */
  async texts(field: string): Promise<(string | null)[]> {
    const column = `f${this.#stream.fields.findIndex(({ name }) => name === field)}`;
    const text = `SELECT CASE WHEN __fault IS NULL THEN CAST(${column} AS VARCHAR) END FROM ${this.table}`;
    return ((await this.#session.read(text)).getColumns()[0] as (string | null)[] | undefined) ?? [];
  }

  /**
   * SELECT of the typed fields of the events that count.
   * @param options ordered: each with its place in the log's order beside its fields, as `__event`; below: only
   *   those among the first `below` records
   */
  async select({ ordered = false, below }: { ordered?: boolean; below?: number } = {}): Promise<string> {
    const { table } = this;
    const conditions = this.events < this.count ? ["__fault IS NULL"] : [];
    if (below !== undefined) conditions.push(`${table}.rowid < ${below}`);
    const where = conditions.length > 0 ? ` WHERE ${conditions.join(" AND ")}` : "";
    const fields = this.#stream.fields.map((field, i) => `f${i} AS ${quoteName(field.name)}`).join(", ");
    if (!ordered) return `SELECT ${fields} FROM ${table}${where}`;
    this.#places ??= await orderTable(this.#session, this.#batches);
    const place = `CAST({t: __t, p: __p, o: __o} AS ${eventType}) AS ${eventColumn}`;
    return `SELECT ${fields}, ${place} FROM ${table} POSITIONAL JOIN ${this.#places}${where}`;
  }

  async close(): Promise<void> {
    await this.#session.run(`DROP TABLE IF EXISTS ${this.table}`);
    if (this.#places) await this.#session.run(`DROP TABLE ${this.#places}`);
  }
}
