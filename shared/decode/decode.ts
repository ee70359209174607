/** Record batches in, a table of typed events out. Used by archive, speed and verify alike. */
import {
  BIGINT,
  BLOB,
  DuckDBBlobValue,
  DuckDBDataChunk,
  DuckDBTimestampMillisecondsValue,
  type DuckDBValue,
  INTEGER,
  TIMESTAMP_MS,
  VARCHAR,
} from "@duckdb/node-api";
import { eventColumn, eventType } from "../compiler/event-order.ts";
import type { StreamDefinition } from "../definition.ts";
import { freshName, quoteName, quoteText, type Session } from "../duckdb/duck.ts";
import type { Duplicates, Judged } from "../duplicates/duplicates.ts";
import type { RecordBatch } from "../log/log.ts";
import { ExactText } from "./exact-text.ts";
import { fastLines, type Lines, slowRecord } from "./frame.ts";
import { linesFile } from "./lines-file.ts";
import { type Looked, Shapes } from "./shape.ts";
import { pathTo, strictSelect } from "./strict.ts";
import { upcastSelect } from "./upcast.ts";

/** The faults of records that were suppressed, which are no dead letters: an event with an id that counted before, and a repeated request. */
export const faultOfDuplicate = "duplicate";
export const faultOfRepeated = "repeated";
/** As a SQL list. */
export const suppressedFaults = `${quoteText(faultOfDuplicate)}, ${quoteText(faultOfRepeated)}`;

/** A record that is no event of its stream. Dead letters are a set keyed by stream, partition and offset. */
export interface DeadLetter {
  readonly stream: string;
  readonly partition: number;
  readonly offset: number;
  readonly reason: string;
}

/** Decoded records, in the order of the batches. The caller drops the table. */
export interface Decoded {
  /**
   * Table with one row per record: the stream's fields in their order and `__fault`. The fields are called f0, f1, … there: a user's name, such
   * as rowid, would hide what DuckDB has under it.
   */
  readonly table: string;
  /**
   * SELECT of the valid events' typed fields.
   * @param options ordered: each with its place in the log's order beside its fields, as `__event`; below: only among the first so many records
   */
  select(options?: { readonly ordered?: boolean; readonly below?: number }): Promise<string>;
  readonly count: number;
  readonly dead: readonly DeadLetter[];
  /** How many records were suppressed. */
  readonly duplicates: number;
  readonly late: number;
  drop(): Promise<void>;
}

/** Beyond this share the odd records are the rule, and DuckDB's reader with JSON columns is quicker than one by one. */
const oddShareMax = 1 / 4;
/** DuckDB's own size of a vector. */
const rowsPerChunk = 2048;
const rowsPerUpdate = 10_000;

export class Decoder {
  readonly #session: Session;
  readonly #stream: StreamDefinition;
  readonly #exact: ExactText;
  readonly #shapes: Shapes;

  constructor(session: Session, stream: StreamDefinition) {
    this.#session = session;
    this.#stream = stream;
    this.#exact = new ExactText(stream.fields, stream.upcast);
    this.#shapes = new Shapes(stream.fields);
  }

  /** Does ahead of time what `decode` would do with these batches before it needs the database. */
  look(batches: readonly RecordBatch[]): void {
    if (this.#stream.upcast === null) for (const batch of batches) this.#shapes.look(batch);
  }

  /**
   * Three ways that agree on every record and reason: by the shape of the lines (the few odd ones among them judged one by
   * one), by DuckDB's reader with one JSON column for each field, and one by one.
   *
   * @param duplicates where the records before these have left it; without it, none are suppressed
   */
  async decode(batches: readonly RecordBatch[], duplicates: Duplicates | null = null): Promise<Decoded> {
    const count = batches.reduce((sum, batch) => sum + batch.count, 0);
    const table = freshName("decoded");
    // an upcast may change anything: its records are judged one by one
    const looked = this.#stream.upcast === null ? batches.map((batch) => this.#shapes.look(batch)) : [];
    const odd = looked.reduce((sum, each) => sum + each.odd.length, 0);
    const quick = this.#stream.upcast === null;
    const shaped =
      quick && count > 0 && odd <= count * oddShareMax && (await this.#shaped(table, batches, looked, count, odd));
    if (!shaped) {
      const fast = quick ? fastLines(batches, this.#exact) : null;
      const done = fast !== null && (await this.#fast(table, fast, count));
      if (!done) await this.#slow(table, allRecords(batches));
    }
    const judged = duplicates && (await this.#suppress(table, batches, duplicates));
    const suppressed = judged ? judged.duplicates.length + judged.repeated.length : 0;
    const dead = shaped && odd === 0 ? [] : await this.#deadLetters(table, batches);
    const fields = this.#stream.fields.map((field, i) => `f${i} AS ${quoteName(field.name)}`).join(", ");
    let places: string | null = null;
    return {
      table,
      count,
      dead,
      duplicates: suppressed,
      late: judged?.late ?? 0,
      select: async ({ ordered = false, below } = {}) => {
        const conditions = dead.length + suppressed > 0 ? ["__fault IS NULL"] : [];
        if (below !== undefined) conditions.push(`${table}.rowid < ${below}`);
        const where = conditions.length > 0 ? ` WHERE ${conditions.join(" AND ")}` : "";
        if (!ordered) return `SELECT ${fields} FROM ${table}${where}`;
        places ??= await orderTable(this.#session, batches);
        return `SELECT ${fields}, CAST({t: __t, p: __p, o: __o} AS ${eventType}) AS ${eventColumn} FROM ${table} POSITIONAL JOIN ${places}${where}`;
      },
      drop: async () => {
        await this.#session.run(`DROP TABLE IF EXISTS ${table}`);
        if (places) await this.#session.run(`DROP TABLE ${places}`);
      },
    };
  }

  /** False where a value of a good shape is none of its type (a 30th of February). */
  async #shaped(
    table: string,
    batches: readonly RecordBatch[],
    looked: readonly Looked[],
    count: number,
    odd: number,
  ): Promise<boolean> {
    const buffers = looked.flatMap((each) => each.shaped);
    const longest = looked.reduce((max, each) => Math.max(max, each.longest), 0);
    const { columns, values } = this.#shapes;
    const select = (file: string) =>
      `SELECT ${values}, NULL::VARCHAR AS __fault FROM ${readJson(file, columns, longest)}`;
    if (odd === 0) return this.#read(table, { buffers, longest }, count, select);
    const [good, rest] = [freshName("shaped"), freshName("odd")];
    try {
      if (!(await this.#read(good, { buffers, longest }, count - odd, select))) return false;
      await this.#slow(rest, oddRecords(batches, looked), true);
      // each odd record stands before the first shaped one that came after it
      const all = `SELECT *, rowid AS __after, ${count} AS __n FROM ${good} UNION ALL SELECT *, rowid AS __n FROM ${rest}`;
      await this.#session.run(
        `CREATE TEMP TABLE ${table} AS SELECT * EXCLUDE (__after, __n) FROM (${all}) ORDER BY __after, __n`,
      );
      return true;
    } finally {
      await this.#session.run(`DROP TABLE IF EXISTS ${good}`);
      await this.#session.run(`DROP TABLE IF EXISTS ${rest}`);
    }
  }

  async #fast(table: string, lines: Lines, count: number): Promise<boolean> {
    const { fields } = this.#stream;
    if (count === 0) {
      await this.#create(table, strictSelect(fields, this.#noRecords()));
      return true;
    }
    const columns = fields.map((field) => `${quoteText(field.name)}: 'JSON'`).join(", ");
    return this.#read(table, lines, count, (file) =>
      strictSelect(fields, `(SELECT *, NULL::VARCHAR AS __fault FROM ${readJson(file, columns, lines.longest)})`),
    );
  }

  /** @param select of the fields, `__fault` and what is kept beside */
  async #create(table: string, select: string, kept: readonly string[] = []): Promise<void> {
    const columns = [...this.#stream.fields.map((_, i) => `f${i}`), "__fault", ...kept];
    await this.#session.run(
      `CREATE TEMP TABLE ${table} AS SELECT * FROM (${select}) AS decoded(${columns.join(", ")})`,
    );
  }

  /** False where DuckDB's reader objects or does not give one row per line: then another way decides. */
  async #read(table: string, lines: Lines, count: number, select: (file: string) => string): Promise<boolean> {
    const file = await linesFile(lines.buffers);
    try {
      await this.#create(table, select(file.path));
    } catch {
      return false;
    } finally {
      await file.close();
    }
    if (Number(await this.#session.value(`SELECT count(*) FROM ${table}`)) === count) return true;
    await this.#session.run(`DROP TABLE ${table}`);
    return false;
  }

  /** @param placed keeps the column `__after` */
  async #slow(table: string, records: Iterable<Placed>, placed = false): Promise<void> {
    const lines: Buffer[] = [];
    let longest = 0;
    for (const { value, after } of records) {
      const judged = slowRecord(value, this.#exact);
      const line = Buffer.from(`${JSON.stringify({ v: judged.text, f: judged.fault, after })}\n`);
      longest = Math.max(longest, line.length);
      lines.push(line);
    }
    const file = await linesFile(lines);
    const reader = readJson(file.path, "v: 'VARCHAR', f: 'VARCHAR', after: 'BIGINT'", longest);
    const fields = this.#stream.fields.map((field) => {
      const value = `json_extract(v, ${quoteText(pathTo(field.name))})`;
      return `CASE WHEN ${value}::VARCHAR = 'null' THEN NULL ELSE ${value} END AS ${quoteName(field.name)}`;
    });
    const judged = `SELECT CASE WHEN f IS NULL AND json_valid(v) THEN v::JSON END AS v, CASE WHEN f IS NULL AND NOT json_valid(v) THEN 'invalid JSON' ELSE f END AS __fault, after AS __after FROM ${reader}`;
    const kept = placed ? ["__after"] : [];
    const { upcast } = this.#stream;
    const events = upcast === null ? judged : upcastSelect(upcast, judged, kept);
    try {
      const source = `(SELECT ${[...fields, "__fault", ...kept].join(", ")} FROM (${events}))`;
      await this.#create(table, strictSelect(this.#stream.fields, source, kept), kept);
    } finally {
      await file.close();
    }
  }

  /** Marks what is suppressed. */
  async #suppress(table: string, batches: readonly RecordBatch[], duplicates: Duplicates): Promise<Judged> {
    const { id } = this.#stream;
    let ids: (string | null)[] | null = null;
    if (duplicates.windowMs !== null && id !== null) {
      const column = `f${this.#stream.fields.findIndex((field) => field.name === id)}`;
      const text = `SELECT CASE WHEN __fault IS NULL THEN CAST(${column} AS VARCHAR) END FROM ${table}`;
      ids = ((await this.#session.read(text)).getColumns()[0] as (string | null)[] | undefined) ?? [];
    }
    const judged = duplicates.judge(batches, ids);
    await this.#mark(table, judged.duplicates, faultOfDuplicate);
    await this.#mark(table, judged.repeated, faultOfRepeated);
    return judged;
  }

  async #mark(table: string, rows: readonly number[], fault: string): Promise<void> {
    for (let i = 0; i < rows.length; i += rowsPerUpdate) {
      const list = rows.slice(i, i + rowsPerUpdate).join(", ");
      await this.#session.run(`UPDATE ${table} SET __fault = ${quoteText(fault)} WHERE rowid IN (${list})`);
    }
  }

  #noRecords(): string {
    return `(SELECT ${this.#stream.fields.map((field) => `NULL::JSON AS ${quoteName(field.name)}`).join(", ")}, NULL::VARCHAR AS __fault WHERE false)`;
  }

  async #deadLetters(table: string, batches: readonly RecordBatch[]): Promise<DeadLetter[]> {
    const rows = await this.#session.rows(
      `SELECT rowid AS n, __fault FROM ${table} WHERE __fault IS NOT NULL AND __fault NOT IN (${suppressedFaults}) ORDER BY rowid`,
    );
    const dead: DeadLetter[] = [];
    let first = 0;
    let b = 0;
    for (const row of rows) {
      const n = Number(row.n);
      while (n - first >= batches[b]!.count) first += batches[b++]!.count;
      const batch = batches[b]!;
      dead.push({
        stream: this.#stream.name,
        partition: batch.partition,
        offset: batch.offsets[n - first]!,
        reason: String(row.__fault),
      });
    }
    return dead;
  }
}

/** A value to be judged by itself, and how many shaped ones came before it. */
interface Placed {
  readonly value: Buffer | null;
  readonly after: number;
}

function* allRecords(batches: readonly RecordBatch[]): Generator<Placed> {
  for (const batch of batches) for (const { value } of batch.records()) yield { value, after: 0 };
}

function* oddRecords(batches: readonly RecordBatch[], looked: readonly Looked[]): Generator<Placed> {
  let before = 0;
  let passed = 0;
  for (const [b, batch] of batches.entries()) {
    for (const index of looked[b]!.odd) {
      yield { value: batch.records()[index]!.value, after: before + index - passed };
      passed++;
    }
    before += batch.count;
  }
}

/** A table of the records' places in the log's order, row for row beside a decoded table. */
async function orderTable(session: Session, batches: readonly RecordBatch[]): Promise<string> {
  const table = freshName("order");
  await session.run(`CREATE TEMP TABLE ${table} (__t BIGINT, __p INTEGER, __o BIGINT)`);
  const appender = await session.connection.createAppender(table);
  for (const { partition, offsets, timestamps, count } of batches) {
    for (let start = 0; start < count; start += rowsPerChunk) {
      const upto = Math.min(start + rowsPerChunk, count);
      const chunk = DuckDBDataChunk.create([BIGINT, INTEGER, BIGINT], upto - start);
      const [t, o] = [timestamps, offsets].map((each) => Array.from(each.slice(start, upto), BigInt));
      chunk.setColumns([t!, Array.from({ length: upto - start }, () => partition), o!]);
      appender.appendDataChunk(chunk);
    }
  }
  appender.closeSync();
  return table;
}

/** A table of the records' own places (offset, timestamp, key, raw bytes of dead letters, request), row for row beside a decoded table. */
export async function placeTable(
  session: Session,
  batches: readonly RecordBatch[],
  dead: readonly DeadLetter[],
): Promise<string> {
  const table = freshName("places");
  await session.run(
    `CREATE TEMP TABLE ${table} (__offset BIGINT, __timestamp TIMESTAMP_MS, __key BLOB, __raw BLOB, __request VARCHAR, __sequence BIGINT)`,
  );
  const faulty = new Set(dead.map((letter) => `${letter.partition}:${letter.offset}`));
  const appender = await session.connection.createAppender(table);
  const blob = (bytes: Buffer | null): DuckDBValue => (bytes ? new DuckDBBlobValue(bytes) : null);
  for (const batch of batches) {
    const records = batch.records();
    for (let start = 0; start < batch.count; start += rowsPerChunk) {
      const slice = records.slice(start, start + rowsPerChunk);
      const chunk = DuckDBDataChunk.create([BIGINT, TIMESTAMP_MS, BLOB, BLOB, VARCHAR, BIGINT], slice.length);
      chunk.setColumns([
        slice.map((record) => BigInt(record.offset)),
        slice.map((record) => new DuckDBTimestampMillisecondsValue(BigInt(record.timestamp))),
        slice.map((record) => blob(record.key)),
        slice.map((record) =>
          faulty.size > 0 && faulty.has(`${batch.partition}:${record.offset}`) ? blob(record.value) : null,
        ),
        slice.map((record) => record.id?.request ?? null),
        slice.map((record) => (record.id ? BigInt(record.id.sequence) : null)),
      ]);
      appender.appendDataChunk(chunk);
    }
  }
  appender.closeSync();
  return table;
}

function readJson(file: string, columns: string, longest: number): string {
  // One record may not exceed the reader's object size, and each thread reads twice that much at a time
  const size = Math.max(256 * 1024, Math.min(longest + 1024, 2 ** 31));
  return `read_json(${quoteText(file)}, format = 'newline_delimited', records = true, columns = {${columns}}, maximum_object_size = ${size})`;
}
