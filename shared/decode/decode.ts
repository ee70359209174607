/** Record batches in, a table of typed events out. Used by archive, speed and verify alike. */
import type { StreamDefinition } from "../definition.ts";
import { freshName, quoteName, quoteText, type Session } from "../duckdb/duck.ts";
import { isOfSql } from "../duckdb/of-sql.ts";
import type { RecordBatch } from "../log/log.ts";
import { type DeadRow, DecodedRecords } from "./decoded.ts";
import { ExactText } from "./exact-text.ts";
import { fastLines, type Lines, slowRecord } from "./frame.ts";
import { linesFile } from "./lines-file.ts";
import { type ClassifiedLines, Shapes } from "./shape.ts";
import { slicesOf } from "./slices.ts";
import { pathTo, strictSelect } from "./strict.ts";
import { upcastSelect } from "./upcast.ts";

/** Beyond this share the odd records are the rule, and DuckDB's reader with JSON columns is quicker than one by one. */
const oddShareMax = 1 / 4;

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
  prepare(batches: readonly RecordBatch[]): void {
    if (this.#stream.upcast === null) for (const batch of batches) this.#shapes.classify(batch);
  }

  /**
   * Three ways that agree on every record and reason: by the shape of the lines (the few odd ones among them
   * judged one by one), by DuckDB's reader with one JSON column for each field, and one by one.
   */
  async decode(batches: readonly RecordBatch[]): Promise<DecodedRecords> {
    const count = batches.reduce((sum, batch) => sum + batch.count, 0);
    const table = freshName("decoded");
    // an upcast may change anything: its records are judged one by one
    const lines = this.#stream.upcast === null ? batches.map((batch) => this.#shapes.classify(batch)) : [];
    const odd = lines.reduce((sum, each) => sum + each.odd.length, 0);
    const quick = this.#stream.upcast === null;
    const shaped =
      quick && count > 0 && odd <= count * oddShareMax && (await this.#shaped(table, batches, lines, count, odd));
    if (!shaped) {
      const fast = quick ? fastLines(batches, this.#exact) : null;
      const done = fast !== null && (await this.#fast(table, fast, count));
      if (!done) await this.#slow(table, allRecords(batches));
    }
    const dead = shaped && odd === 0 ? [] : await this.#deadRows(table);
    return new DecodedRecords(this.#session, this.#stream, table, batches, dead);
  }

  /** False where a value of a good shape is not a valid value of its type (a 30th of February). */
  async #shaped(
    table: string,
    batches: readonly RecordBatch[],
    lines: readonly ClassifiedLines[],
    count: number,
    odd: number,
  ): Promise<boolean> {
    const buffers = lines.flatMap((each) => each.shaped);
    const longest = lines.reduce((max, each) => Math.max(max, each.longest), 0);
    const { columns, values } = this.#shapes;
    const select = (file: string) =>
      `SELECT ${values}, NULL::VARCHAR AS __fault FROM ${readJson(file, columns, longest)}`;
    if (odd === 0) return this.#read(table, { buffers, longest }, count, select);
    const [good, rest] = [freshName("shaped"), freshName("odd")];
    try {
      if (!(await this.#read(good, { buffers, longest }, count - odd, select))) return false;
      await this.#slow(rest, oddRecords(batches, lines), true);
      // each odd record goes before the first shaped one that came after it
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
      await this.#create(table, lines, () => strictSelect(fields, this.#noRecords()));
      return true;
    }
    const columns = fields.map((field) => `${quoteText(field.name)}: 'JSON'`).join(", ");
    return this.#read(table, lines, count, (file) =>
      strictSelect(fields, `(SELECT *, NULL::VARCHAR AS __fault FROM ${readJson(file, columns, lines.longest)})`),
    );
  }

  /**
   * Fills a table from lines, as much of them at a time as the expressions over them have memory for.
   *
   * @param select of the fields, `__fault` and what is kept beside, from a file of lines
   */
  async #create(table: string, lines: Lines, select: (file: string) => string, kept: readonly string[] = []) {
    const columns = [...this.#stream.fields.map((_, i) => `f${i}`), "__fault", ...kept].join(", ");
    for (const [i, slice] of slicesOf(lines).entries()) {
      const file = await linesFile(slice);
      const rows = `SELECT * FROM (${select(file.path)}) AS decoded(${columns})`;
      try {
        await this.#session.run(i === 0 ? `CREATE TEMP TABLE ${table} AS ${rows}` : `INSERT INTO ${table} ${rows}`);
      } finally {
        await file.close();
      }
    }
  }

  /** False where DuckDB's reader objects or does not give one row per line: then another way decides. */
  async #read(table: string, lines: Lines, count: number, select: (file: string) => string): Promise<boolean> {
    try {
      await this.#create(table, lines, select);
      if (Number(await this.#session.value(`SELECT count(*) FROM ${table}`)) === count) return true;
    } catch (error) {
      // no other way would have more memory, or room
      if (!isOfSql(error)) throw error;
    }
    await this.#session.run(`DROP TABLE IF EXISTS ${table}`);
    return false;
  }

  /** @param placed keeps the column `__after` */
  async #slow(table: string, records: Iterable<Placed>, placed = false): Promise<void> {
    const buffers: Buffer[] = [];
    let longest = 0;
    for (const { value, after } of records) {
      const judged = slowRecord(value, this.#exact);
      const line = Buffer.from(`${JSON.stringify({ v: judged.text, f: judged.fault, after })}\n`);
      longest = Math.max(longest, line.length);
      buffers.push(line);
    }
    const fields = this.#stream.fields.map(({ name }, i) => {
      return `CASE WHEN m[${i + 1}]::VARCHAR = 'null' THEN NULL ELSE m[${i + 1}] END AS ${quoteName(name)}`;
    });
    const paths = this.#stream.fields.map(({ name }) => quoteText(pathTo(name))).join(", ");
    const kept = placed ? ["__after"] : [];
    const { upcast } = this.#stream;
    const select = (file: string) => {
      const reader = readJson(file, "v: 'VARCHAR', f: 'VARCHAR', after: 'BIGINT'", longest);
      const judged = `SELECT CASE WHEN f IS NULL AND json_valid(v) THEN v::JSON END AS v, CASE WHEN f IS NULL AND NOT json_valid(v) THEN 'invalid JSON' ELSE f END AS __fault, after AS __after FROM ${reader}`;
      const events = upcast === null ? judged : upcastSelect(upcast, judged, kept);
      const members = `SELECT json_extract(v, [${paths}]) AS m, ${["__fault", ...kept].join(", ")} FROM (${events})`;
      const source = `(SELECT ${[...fields, "__fault", ...kept].join(", ")} FROM (${members}))`;
      return strictSelect(this.#stream.fields, source, kept);
    };
    await this.#create(table, { buffers, longest }, select, kept);
  }

  #noRecords(): string {
    return `(SELECT ${this.#stream.fields.map((field) => `NULL::JSON AS ${quoteName(field.name)}`).join(", ")}, NULL::VARCHAR AS __fault WHERE false)`;
  }

  async #deadRows(table: string): Promise<DeadRow[]> {
    const rows = await this.#session.rows(
      `SELECT rowid AS n, __fault FROM ${table} WHERE __fault IS NOT NULL ORDER BY rowid`,
    );
    return rows.map((row) => ({ row: Number(row.n), fault: String(row.__fault) }));
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

function* oddRecords(batches: readonly RecordBatch[], lines: readonly ClassifiedLines[]): Generator<Placed> {
  let before = 0;
  let passed = 0;
  for (const [b, batch] of batches.entries()) {
    for (const index of lines[b]!.odd) {
      yield { value: batch.records()[index]!.value, after: before + index - passed };
      passed++;
    }
    before += batch.count;
  }
}

function readJson(file: string, columns: string, longest: number): string {
  // One record may not exceed the reader's object size, and each thread reads twice that much at a time
  const size = Math.max(256 * 1024, Math.min(longest + 1024, 2 ** 31));
  return `read_json(${quoteText(file)}, format = 'newline_delimited', records = true, columns = {${columns}}, maximum_object_size = ${size})`;
}
