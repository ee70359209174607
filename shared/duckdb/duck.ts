/** Sessions of DuckDB, and how names and texts are quoted for it. */
import { randomUUID } from "node:crypto";
import { type DuckDBConnection, DuckDBInstance, type DuckDBResultReader, type DuckDBValue } from "@duckdb/node-api";
import { macros } from "./macros.ts";
import "./raw-strings.ts";

export type { DuckDBValue } from "@duckdb/node-api";

export interface DuckOptions {
  /** DuckDB's memory limit, e.g. "4GB"; beyond it operators spill to `tempDir`, or fail where there is none. */
  readonly memoryLimit?: string;
  readonly threads?: number;
  readonly tempDir?: string;
  /** Session time zone; part of a version's identity. Default UTC. */
  readonly timezone?: string;
}

/** A value given to a prepared statement. */
export type Param = string | number | bigint | boolean | null;

/** A quoted SQL identifier. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A SQL string literal. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** One in-memory DuckDB instance. Sessions share its tables, macros and memory limit. */
export class Duck {
  readonly #instance: DuckDBInstance;
  readonly #timezone: string;

  private constructor(instance: DuckDBInstance, timezone: string) {
    this.#instance = instance;
    this.#timezone = timezone;
  }

  static async open(options: DuckOptions = {}): Promise<Duck> {
    const settings: Record<string, string> = {
      autoinstall_known_extensions: "false",
      autoload_known_extensions: "false",
      // the system caches files already, and a daemon reads each of its small ones once
      enable_external_file_cache: "false",
    };
    if (options.memoryLimit) settings.memory_limit = options.memoryLimit;
    if (options.threads) settings.threads = String(options.threads);
    // DuckDB's own default is in the working directory, which other processes use as well
    settings.temp_directory = options.tempDir ?? "";
    const instance = await DuckDBInstance.create(":memory:", settings);
    const connection = await instance.connect();
    await connection.run(macros.join(";\n"));
    connection.closeSync();
    return new Duck(instance, options.timezone ?? "UTC");
  }

  /** @param timezone other than the instance's */
  async session(timezone = this.#timezone): Promise<Session> {
    const connection = await this.#instance.connect();
    const session = new Session(connection);
    await session.inZone(timezone);
    return session;
  }

  close(): void {
    this.#instance.closeSync();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** One connection. Statements of one session run one after the other. */
export class Session {
  readonly #connection: DuckDBConnection;
  #timezone = "";

  constructor(connection: DuckDBConnection) {
    this.#connection = connection;
  }

  /** Computes in this time zone from here on. */
  async inZone(timezone: string): Promise<void> {
    if (timezone !== this.#timezone) await this.run(`SET TimeZone = ${quoteText(timezone)}`);
    this.#timezone = timezone;
  }

  get timezone(): string {
    return this.#timezone;
  }

  get connection(): DuckDBConnection {
    return this.#connection;
  }

  async run(sql: string): Promise<void> {
    await this.#connection.run(sql);
  }

  /** All rows as objects of DuckDB values (BIGINT as bigint, DECIMAL and times as DuckDB's value classes). */
  async rows(sql: string, params: readonly Param[] = []): Promise<Record<string, DuckDBValue>[]> {
    return (await this.read(sql, params)).getRowObjects();
  }

  async read(sql: string, params: readonly Param[] = []): Promise<DuckDBResultReader> {
    return params.length > 0 ? this.#connection.runAndReadAll(sql, [...params]) : this.#connection.runAndReadAll(sql);
  }

  /** The first column of the first row. */
  async value(sql: string, params: readonly Param[] = []): Promise<DuckDBValue> {
    const rows = (await this.read(sql, params)).getRows();
    return rows[0]?.[0] ?? null;
  }

  /** Names and types of a query's columns, without running it. */
  async describe(sql: string): Promise<{ name: string; type: string }[]> {
    const rows = await this.rows(`DESCRIBE ${sql}`);
    return rows.map((row) => ({ name: String(row.column_name), type: String(row.column_type) }));
  }

  async transaction<T>(work: () => Promise<T>): Promise<T> {
    await this.run("BEGIN TRANSACTION");
    try {
      const result = await work();
      await this.run("COMMIT");
      return result;
    } catch (error) {
      await this.run("ROLLBACK").catch(() => undefined);
      throw error;
    }
  }

  close(): void {
    this.#connection.closeSync();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A table name that is not used elsewhere. */
export function freshName(prefix: string): string {
  return `${prefix}_${randomUUID().replaceAll("-", "").slice(0, 12)}`;
}
