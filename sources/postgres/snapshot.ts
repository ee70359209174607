/**
 * The tables' rows at an LSN: a snapshot that is exported as a slot is created. Commits before the LSN are in it, all
 * others come from a slot, without a gap and without an overlap.
 */
import { TidemarkError } from "../../shared/errors.ts";
import type { PostgresConnection } from "../../shared/postgres/connection.ts";
import type { Frames } from "../../shared/postgres/frames.ts";
import type { Change } from "../change.ts";
import { type Evidence, sqlName, type TableEvidence } from "./evidence.ts";
import { createSlot, type NewSlot } from "./slot.ts";
import type { SourceTable } from "./tables.ts";
import { connectTo, type PostgresTarget } from "./target.ts";
import { TupleReader } from "./tuple-reader.ts";

/** Changes of a batch. */
const batchRows = 1_000;

export class TableSnapshot {
  /** What is read is all that was committed before. */
  readonly lsn: bigint;
  readonly #connection: PostgresConnection;

  private constructor(lsn: bigint, connection: PostgresConnection) {
    this.lsn = lsn;
    this.#connection = connection;
  }

  /**
   * @param query a connection of its own
   * @param slot temporary: for a snapshot beside a slot that goes on
   * @throws SOURCE_SLOT
   */
  static async open(target: PostgresTarget, query: PostgresConnection, slot: NewSlot): Promise<TableSnapshot> {
    const created = await createSlot(target, query, slot);
    try {
      const connection = await connectTo(target);
      try {
        await connection.rows("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        await connection.rows(`SET TRANSACTION SNAPSHOT '${created.snapshot.replaceAll("'", "''")}'`);
        return new TableSnapshot(created.lsn, connection);
      } catch (error) {
        await connection.close();
        throw error;
      }
    } finally {
      // the snapshot lives in our transaction by now
      await created.connection.close();
    }
  }

  /**
   * A table's rows, as changes of kind r, in no order. Of the tables one after another; ended early, the snapshot is
   * of no more use.
   *
   * @param evidence of now
   * @throws SOURCE_TABLE, SOURCE_VALUE, DATABASE_UNREACHABLE
   */
  async *rows(table: SourceTable, evidence: Evidence): AsyncGenerator<readonly Change[]> {
    const found = evidence.tables[table.table] ?? null;
    const { name: source } = this.#connection;
    if (found === null) throw new TidemarkError("SOURCE_TABLE", `source ${source}: there is no ${table.table}`);
    await this.#lock(table, found);
    const names = table.row.map(({ name }) => name);
    const columns = names.map((name) => `"${name.replaceAll('"', '""')}"`).join(", ");
    const only = found.kind === "p" ? "" : "ONLY ";
    const where = found.filter === null ? "" : ` WHERE ${found.filter}`;
    const reader = TupleReader.ofEvidence(source, table, found);
    const lines = this.#connection.copy(
      `COPY (SELECT ${columns} FROM ${only}${sqlName(table.table)}${where}) TO STDOUT`,
    );
    let changes: Change[] = [];
    for await (const frames of lines) {
      for (const line of linesOf(frames)) {
        const after = reader.row(copyValues(line));
        changes.push({ op: "r", key: reader.keyOf(after), after });
        if (changes.length < batchRows) continue;
        yield changes;
        changes = [];
      }
    }
    if (changes.length > 0) yield changes;
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  /** What rewrites a table, or empties it, leaves nothing for a snapshot of before: it would have no rows. */
  async #lock({ table }: SourceTable, { oid }: TableEvidence): Promise<void> {
    await this.#connection.rows(`LOCK TABLE ${sqlName(table)} IN ACCESS SHARE MODE`);
    // of the snapshot's time, and of now
    const [row] = await this.#connection.rows(
      `SELECT count(*) FILTER (WHERE c.relfilenode IS DISTINCT FROM pg_relation_filenode(c.oid))::text AS rewritten
       FROM pg_class c WHERE c.relkind = 'r'
         AND (c.oid = $1::oid OR c.oid IN (SELECT relid FROM pg_partition_tree($1::oid)))`,
      [String(oid)],
    );
    if (row?.rewritten === "0") return;
    const what = `source ${this.#connection.name}: ${table} was rewritten while its snapshot began`;
    throw new TidemarkError("SOURCE_TABLE", what, "it is taken again");
  }
}

function* linesOf({ bytes, ends }: Frames): Generator<string> {
  let start = 0;
  for (const end of ends) {
    // without the line's end
    yield bytes.toString("utf8", start, end - 1);
    start = end;
  }
}

const escapes: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

/** COPY's text format. Exported for tests. */
export function copyValues(line: string): (string | null)[] {
  const values = line.split("\t");
  if (!line.includes("\\")) return values;
  return values.map((value) =>
    value === "\\N" ? null : value.replace(/\\(.)/gs, (_, each: string) => escapes[each] ?? each),
  );
}
