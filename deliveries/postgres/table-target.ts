/** A table of a PostgreSQL that is kept equal to a view, and states its position in the same transaction. */
import { createHash, randomUUID } from "node:crypto";
import type { KeyedRow } from "../../serving/question/keyed-rows.ts";
import type { ViewDefinition } from "../../shared/definition.ts";
import { isCode, TidemarkError } from "../../shared/errors.ts";
import { PostgresConnection } from "../../shared/postgres/connection.ts";
import type { TableTarget } from "../../shared/project/consumers.ts";
import { membersOf } from "../../shared/values/json-parts.ts";
import { batches } from "../batches.ts";
import { type Filling, type Stated, silentMsMax, type Target, type TargetVerdict, unfilled } from "../target.ts";
import { columnsOf, keyColumn, quoted, type TargetColumn } from "./columns.ts";
import { TargetTable } from "./target-table.ts";

/** A longer key is its hash: an index has at most 2,700 bytes for one. */
const keyBytesMax = 1000;
/** Of keys that differ, this many are named. */
const namedMax = 20;

interface TableOptions {
  /** The consumer's name, for messages. */
  readonly name: string;
  /** The project's and the consumer's. */
  readonly owner: string;
  readonly to: TableTarget;
}

export class PostgresTableTarget implements Target {
  readonly #options: TableOptions;
  readonly #query: PostgresConnection;
  readonly #table: TargetTable;
  /** What this process has the table by; null: it has not. */
  #writer: string | null = null;
  #columns: readonly TargetColumn[] = [];
  /** It has the columns of the view that it was taken for. */
  #fits = false;

  private constructor(options: TableOptions, query: PostgresConnection) {
    this.#options = options;
    this.#query = query;
    this.#table = new TargetTable(query, options.to);
  }

  /** @throws DATABASE_* */
  static async open(options: TableOptions): Promise<PostgresTableTarget> {
    const { name, to } = options;
    const query = await PostgresConnection.open({ role: "consumer", name, url: to.url() });
    return new PostgresTableTarget(options, query);
  }

  async take(view: ViewDefinition): Promise<Stated> {
    const { owner, to } = this.#options;
    const columns = columnsOf(view, to);
    await this.#table.prepare(owner);
    const writer = randomUUID();
    const [state] = await this.#query.rows(
      `UPDATE ${this.#table.states} SET writer = $2, seen = clock_timestamp() WHERE name = $1
       RETURNING position, identity, columns`,
      [owner, writer],
    );
    this.#writer = writer;
    this.#columns = columns;
    this.#fits = await this.#table.has(columns, state?.columns ?? null);
    const isFilled = this.#fits && state?.position != null;
    return isFilled
      ? { position: state.position!, identity: state.identity ?? null }
      : { position: null, identity: null };
  }

  async apply(rows: readonly KeyedRow[], removed: readonly string[], position: string): Promise<void> {
    if (!this.#fits) throw new Error("the table has not been filled");
    await this.#asOwner(async () => {
      for (const some of batches(removed, (key) => key.length)) {
        const keys = some.map(keyOf);
        await this.#query.rows(`DELETE FROM ${this.#table.name} WHERE ${keyColumn} = ANY ($1::text[])`, [keys]);
      }
      for (const some of batches(rows, sizeOf)) await this.#put(this.#table.name, some);
      await this.#query.rows(`UPDATE ${this.#table.states} SET position = $2 WHERE name = $1`, [
        this.#options.owner,
        position,
      ]);
    });
  }

  async fill({ view, rows }: Filling, { position, identity }: { position: string; identity: string }): Promise<void> {
    const { owner, to } = this.#options;
    const columns = columnsOf(view, to);
    await this.#asOwner(async () => {
      await this.#table.make(columns, owner);
      this.#columns = columns;
      const filled = await this.#filled(rows);
      const { name } = this.#table;
      await this.#query.rows(
        `DELETE FROM ${name} t WHERE NOT EXISTS (SELECT FROM ${filled} f WHERE f.${keyColumn} = t.${keyColumn})`,
      );
      const list = [keyColumn, ...columns.map((each) => quoted(each.name))].join(", ");
      const texts = `${textsOf("t", columns)} IS NOT DISTINCT FROM ${textsOf("f", columns)}`;
      const same = `${keyColumn} = f.${keyColumn} AND ${texts}`;
      await this.#query.rows(
        `INSERT INTO ${name} (${list}) SELECT ${list} FROM ${filled} f
         WHERE NOT EXISTS (SELECT FROM ${name} t WHERE t.${same}) ${orUpdate(columns)}`,
      );
      await this.#query.rows(`DROP TABLE ${filled}`);
      await this.#query.rows(
        `UPDATE ${this.#table.states} SET position = $2, identity = $3, columns = $4 WHERE name = $1`,
        [owner, position, identity, this.#table.textOf(columns)],
      );
    });
    this.#fits = true;
  }

  async beat(position: string): Promise<void> {
    const [row] = await this.#query.rows(
      `UPDATE ${this.#table.states} SET seen = clock_timestamp(), position = $3
       WHERE name = $1 AND writer = $2 RETURNING name`,
      [this.#options.owner, this.#writer ?? "", position],
    );
    if (!row) throw this.#fenced();
  }

  async isFree(): Promise<boolean> {
    const [row] = await this.#query.rows(
      `SELECT (writer IS NULL OR seen < clock_timestamp() - interval '${silentMsMax} milliseconds')::text AS free
       FROM ${this.#table.states} WHERE name = $1`,
      [this.#options.owner],
    );
    return row === undefined || row.free === "true";
  }

  async forget(): Promise<void> {
    await this.#query.rows(
      `UPDATE ${this.#table.states} SET writer = NULL, position = NULL, identity = NULL WHERE name = $1`,
      [this.#options.owner],
    );
  }

  async stated(): Promise<Stated> {
    if (!(await this.#table.isPrepared())) return { position: null, identity: null };
    const [state] = await this.#query.rows(`SELECT position, identity FROM ${this.#table.states} WHERE name = $1`, [
      this.#options.owner,
    ]);
    return { position: state?.position ?? null, identity: state?.identity ?? null };
  }

  async compare(filled: (position: string) => Promise<Filling>): Promise<TargetVerdict> {
    // what is there at one moment, however long it takes
    await this.#query.rows("BEGIN ISOLATION LEVEL REPEATABLE READ");
    try {
      const { position } = await this.stated();
      if (position === null) throw unfilled(this.#options.name);
      const { view, rows } = await filled(position);
      this.#columns = columnsOf(view, this.#options.to);
      return await this.#compared(await this.#filled(rows), view.tolerance);
    } finally {
      // the table of what should be there goes with it
      await this.#query.rows("ROLLBACK").catch(() => undefined);
    }
  }

  async #compared(filled: string, tolerance: number): Promise<TargetVerdict> {
    const equal = this.#columns.map((column) => equalColumns(column, tolerance)).join(" AND ") || "true";
    const differing = `FROM ${filled} f FULL JOIN ${this.#table.name} t ON f.${keyColumn} = t.${keyColumn}
      WHERE (f.${keyColumn} IS NULL OR t.${keyColumn} IS NULL OR NOT (${equal}))`;
    const [found] = await this.#query.rows(
      `SELECT (SELECT count(*) FROM ${filled})::text AS rows,
         (SELECT count(*) ${differing} AND t.${keyColumn} IS NULL)::text AS missing,
         (SELECT count(*) ${differing} AND f.${keyColumn} IS NULL)::text AS extra,
         (SELECT count(*) ${differing})::text AS differing`,
    );
    const keys = await this.#query.rows(
      `SELECT coalesce(f.${keyColumn}, t.${keyColumn}) AS key ${differing} ORDER BY 1 LIMIT ${namedMax}`,
    );
    const [rows, missing, extra, all] = [found!.rows, found!.missing, found!.extra, found!.differing].map(Number);
    return {
      rows: rows!,
      missing: missing!,
      extra: extra!,
      other: all! - missing! - extra!,
      keys: keys.map(({ key }) => key!),
      beyond: null,
    };
  }

  async release(): Promise<void> {
    if (this.#writer === null) return;
    await this.#query.rows(`UPDATE ${this.#table.states} SET writer = NULL WHERE name = $1 AND writer = $2`, [
      this.#options.owner,
      this.#writer,
    ]);
  }

  close(): Promise<void> {
    return this.#query.close();
  }

  /** In one transaction, which fails where another process has the table. */
  async #asOwner(work: () => Promise<void>): Promise<void> {
    await this.#query.rows("BEGIN");
    try {
      // held until the end: who takes the table meanwhile waits
      const [state] = await this.#query.rows(
        `UPDATE ${this.#table.states} SET seen = clock_timestamp() WHERE name = $1 AND writer = $2 RETURNING name`,
        [this.#options.owner, this.#writer ?? ""],
      );
      if (!state) throw this.#fenced();
      await work();
      await this.#query.rows("COMMIT");
    } catch (error) {
      await this.#query.rows("ROLLBACK").catch(() => undefined);
      throw error;
    }
  }

  /** A table of this session with rows as the target should have them. */
  async #filled(rows: AsyncIterable<readonly KeyedRow[]>): Promise<string> {
    const columns = this.#columns.map(({ name, type }) => `${quoted(name)} ${type}`);
    await this.#query.rows("DROP TABLE IF EXISTS pg_temp.tidemark_filled");
    await this.#query.rows(
      `CREATE TEMP TABLE tidemark_filled (${[`${keyColumn} text PRIMARY KEY`, ...columns].join(", ")}) ON COMMIT DROP`,
    );
    const filled = "pg_temp.tidemark_filled";
    for await (const chunk of rows) for (const some of batches(chunk, sizeOf)) await this.#put(filled, some);
    await this.#query.rows(`ANALYZE ${filled}`);
    return filled;
  }

  /** @throws CONSUMER_VALUE */
  async #put(table: string, rows: readonly KeyedRow[]): Promise<void> {
    const columns = this.#columns;
    const list = [keyColumn, ...columns.map(({ name }) => quoted(name))].join(", ");
    const values = columns.map(({ value }, i) => value(`r.c${i}`));
    // by place, so that no name has a meaning of its own
    const sent = columns.map(({ name, sent }, i) => ({ i, sent, name }));
    const record = sent.map((each) => `c${each.i} ${each.sent}`).join(", ");
    const from = columns.length === 0 ? "" : `, LATERAL json_to_record(e.value->'r') AS r(${record})`;
    const text = `[${rows.map((each) => sentText(each, sent)).join(",")}]`;
    try {
      await this.#query.rows(
        `INSERT INTO ${table} (${list}) SELECT ${["e.value->>'k'", ...values].join(", ")}
         FROM json_array_elements($1::json) AS e${from} ${orUpdate(columns)}`,
        [text],
      );
    } catch (error) {
      if (!isCode(error, "DATABASE_FAILED") || !/^(22|54)/.test(String(error.facts.state))) throw error;
      throw new TidemarkError(
        "CONSUMER_VALUE",
        `consumer ${this.#options.name}: a row has a value that PostgreSQL can't hold (${String(error.facts.state)})`,
        "leave such values out in the view's SQL, e.g. replace(text, chr(0), ''), or CAST them to VARCHAR",
      );
    }
  }

  #fenced(): TidemarkError {
    const { name } = this.#options;
    return new TidemarkError(
      "CONSUMER_FENCED",
      `consumer ${name}: another process keeps it`,
      "this one waits until that is gone",
    );
  }
}

/** The values of a row by the places of their columns. */
function sentText({ key, row }: KeyedRow, columns: readonly { readonly name: string; readonly i: number }[]): string {
  const members = membersOf(row);
  const values = columns.map(({ name, i }) => `"c${i}":${members.get(name) ?? "null"}`);
  return `{"k":${JSON.stringify(keyOf(key))},"r":{${values.join(",")}}}`;
}

function keyOf(key: string): string {
  if (Buffer.byteLength(key) <= keyBytesMax) return key;
  return `sha256:${createHash("sha256").update(key).digest("hex")}`;
}

function orUpdate(columns: readonly TargetColumn[]): string {
  const set = columns.map(({ name }) => `${quoted(name)} = excluded.${quoted(name)}`).join(", ");
  return `ON CONFLICT (${keyColumn}) DO ${set === "" ? "NOTHING" : `UPDATE SET ${set}`}`;
}

/** As texts, since not all types can be compared, and -0 is not 0. */
function textsOf(table: string, columns: readonly TargetColumn[]): string {
  return `ROW(${columns.map(({ name }) => `${table}.${quoted(name)}::text`).join(", ")})`;
}

function equalColumns({ name, rounds }: TargetColumn, tolerance: number): string {
  const [f, t] = [`f.${quoted(name)}`, `t.${quoted(name)}`];
  const same = `${f}::text IS NOT DISTINCT FROM ${t}::text`;
  if (!rounds || tolerance === 0) return same;
  const finite = `abs(${f}) < 'Infinity' AND abs(${t}) < 'Infinity'`;
  const near = `abs(${f} - ${t}) <= ${tolerance} * greatest(abs(${f}), abs(${t}))`;
  return `(${same} OR coalesce(${finite} AND ${near}, false))`;
}

function sizeOf({ key, row }: KeyedRow): number {
  return key.length + row.length;
}
