/** The table itself, and beside it the one in which the consumers of a schema state their positions. */
import { TidemarkError } from "../../shared/errors.ts";
import type { PostgresConnection } from "../../shared/postgres/connection.ts";
import type { TableTarget } from "../../shared/project/consumers.ts";
import { keyColumn, quoted, searchText, type TargetColumn } from "./columns.ts";

/** Of a column: its name and its type, or the definition of the search column. */
type Made = readonly (readonly [name: string, type: string])[];

export class TargetTable {
  readonly #query: PostgresConnection;
  readonly #to: TableTarget;

  constructor(query: PostgresConnection, to: TableTarget) {
    this.#query = query;
    this.#to = to;
  }

  get name(): string {
    return `${quoted(this.#to.schema)}.${quoted(this.#to.table)}`;
  }

  /** The table of positions. */
  get states(): string {
    return `${quoted(this.#to.schema)}.tidemark_consumers`;
  }

  async isPrepared(): Promise<boolean> {
    return (await this.#oidOf(this.states)) !== null;
  }

  /** Makes the table of positions, and a row there. @throws CONSUMER_TARGET where the table is not this consumer's */
  async prepare(owner: string): Promise<void> {
    // IF NOT EXISTS would need the right to make tables where nothing is to be made
    if (!(await this.isPrepared()))
      await this.#query.rows(
        `CREATE TABLE IF NOT EXISTS ${this.states} (name text PRIMARY KEY, target text NOT NULL UNIQUE, position text,
         identity text, columns text, writer text, seen timestamptz NOT NULL DEFAULT clock_timestamp())`,
      );
    const { table, schema } = this.#to;
    const [other] = await this.#query.rows(`SELECT name FROM ${this.states} WHERE target = $1 AND name <> $2`, [
      table,
      owner,
    ]);
    if (other) throw this.#notOurs(`is the table of consumer ${other.name}`);
    const [own] = await this.#query.rows(`SELECT target FROM ${this.states} WHERE name = $1`, [owner]);
    if (own?.target === table) return;
    if ((await this.#oidOf(this.name)) !== null)
      throw this.#notOurs(`${schema}.${table} is there, and was not made by this consumer`);
    // a table of before, under another name, stays as it is
    await this.#query.rows(
      `INSERT INTO ${this.states} (name, target) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE
       SET target = excluded.target, position = NULL, identity = NULL, columns = NULL`,
      [owner, table],
    );
  }

  /** @param made the columns that were made, as `textOf` writes them */
  async has(columns: readonly TargetColumn[], made: string | null): Promise<boolean> {
    if (made !== this.textOf(columns)) return false;
    const present = await this.#present();
    return [keyColumn, ...this.#wanted(columns).map(([name]) => name)].every((name) => present.includes(name));
  }

  textOf(columns: readonly TargetColumn[]): string {
    return JSON.stringify(this.#wanted(columns));
  }

  /** Makes it, or its columns that are new or otherwise; drops those that are gone. In a transaction. */
  async make(columns: readonly TargetColumn[], owner: string): Promise<void> {
    const { name } = this;
    await this.#query.rows(`CREATE TABLE IF NOT EXISTS ${name} (${keyColumn} text PRIMARY KEY)`);
    const [state] = await this.#query.rows(`SELECT columns FROM ${this.states} WHERE name = $1`, [owner]);
    const made = JSON.parse(state?.columns ?? "[]") as Made;
    const wanted = this.#wanted(columns);
    const present = await this.#present();
    const stays = ([column, type]: Made[number]) => wanted.some((each) => each[0] === column && each[1] === type);
    const gone = made.filter((each) => !stays(each) && present.includes(each[0]));
    // what is made of others goes first, and comes last
    for (const [column] of gone.reverse()) await this.#query.rows(`ALTER TABLE ${name} DROP COLUMN ${quoted(column)}`);
    const left = present.filter((column) => !gone.some((each) => each[0] === column));
    const { search } = this.#to;
    for (const [column, type] of wanted) {
      if (left.includes(column)) continue;
      const isSearch = column === search?.name;
      await this.#query.rows(`ALTER TABLE ${name} ADD COLUMN ${isSearch ? type : `${quoted(column)} ${type}`}`);
      if (isSearch) await this.#query.rows(`CREATE INDEX ON ${name} USING gin (${quoted(column)})`);
    }
  }

  #wanted(columns: readonly TargetColumn[]): Made {
    const { search } = this.#to;
    const all: (readonly [string, string])[] = columns.map(({ name, type }) => [name, type]);
    return search ? [...all, [search.name, searchText(search)]] : all;
  }

  async #present(): Promise<string[]> {
    const oid = await this.#oidOf(this.name);
    if (oid === null) return [];
    const rows = await this.#query.rows(
      "SELECT attname FROM pg_attribute WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped",
      [oid],
    );
    return rows.map(({ attname }) => attname!);
  }

  async #oidOf(name: string): Promise<string | null> {
    const [row] = await this.#query.rows("SELECT to_regclass($1)::oid::text AS oid", [name]);
    return row?.oid ?? null;
  }

  #notOurs(problem: string): TidemarkError {
    return new TidemarkError("CONSUMER_TARGET", `consumer ${this.#query.name}: ${problem}`, "name another table");
  }
}
