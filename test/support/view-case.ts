/** View cases as data: a file of events and SELECTs; each SELECT must give the same rows however its events are cut. */
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { expect } from "vitest";
import { compareRows, doublesOf } from "../../shared/compare.ts";
import { estimatesOff } from "../../shared/compare-estimates.ts";
import { Compiler } from "../../shared/compiler/compile.ts";
import { eventColumn, eventType } from "../../shared/compiler/event-order.ts";
import { combineOf, type Inputs, noPartials, partialOf, rowsOf } from "../../shared/compiler/texts.ts";
import { Decoder } from "../../shared/decode/decode.ts";
import type { FieldDefinition, StreamDefinition, ViewDefinition } from "../../shared/definition.ts";
import { Duck, freshName, quoteName, quoteText, type Session } from "../../shared/duckdb/duck.ts";
import { ArrayBatch } from "../../shared/log/batch.ts";
import { plainly } from "../../shared/plainly.ts";

export interface CaseFile {
  readonly name: string;
  readonly stream: StreamDefinition;
  /** One JSON text per event. */
  readonly events: readonly string[];
  readonly selects: readonly string[];
}

export function stream(name: string, fields: Record<string, string>): StreamDefinition {
  const list = Object.entries(fields).map(
    ([field, type]): FieldDefinition => ({ name: field, type: type.replace(/\?$/, ""), nullable: type.endsWith("?") }),
  );
  return { name, topic: name, existing: false, fields: list, key: null, time: null, id: null, partitions: 2 };
}

/** `-- fields: {…}`, then events as `-- {…}`, then SELECTs that each end with `;`. */
export function readCaseFile(path: string): CaseFile {
  const lines = readFileSync(path, "utf8").split("\n");
  const fields = JSON.parse(lines.find((line) => line.startsWith("-- fields:"))!.slice("-- fields:".length)) as Record<
    string,
    string
  >;
  const events = lines.filter((line) => line.startsWith("-- {")).map((line) => line.slice(3));
  const text = lines.filter((line) => !line.startsWith("--")).join("\n");
  const selects = text
    .split(/;\s*(?:\n|$)/)
    .map((each) => each.trim())
    .filter((each) => each !== "");
  return { name: basename(path, ".sql"), stream: stream("events", fields), events, selects };
}

/** One DuckDB with one compiler over one stream whose events lie in a table, in order. */
export class ViewBench {
  readonly #duck: Duck;
  readonly session: Session;
  readonly compiler: Compiler;
  readonly #table: string;
  readonly #stream: StreamDefinition;
  readonly count: number;

  private constructor(
    duck: Duck,
    session: Session,
    compiler: Compiler,
    stream: StreamDefinition,
    table: string,
    count: number,
  ) {
    this.#duck = duck;
    this.session = session;
    this.compiler = compiler;
    this.#stream = stream;
    this.#table = table;
    this.count = count;
  }

  static async open(stream: StreamDefinition, events: readonly string[]): Promise<ViewBench> {
    const duck = await Duck.open();
    const session = await duck.session();
    const compiler = await Compiler.open(session, [stream]);
    const records = events.map((event, offset) => ({
      offset,
      timestamp: offset,
      key: null,
      value: Buffer.from(event),
    }));
    const decoded = await new Decoder(session, stream).decode([new ArrayBatch(0, 0, events.length + 1, records)]);
    expect(decoded.dead).toEqual([]);
    return new ViewBench(duck, session, compiler, stream, decoded.table, events.length);
  }

  close(): void {
    this.session.close();
    this.#duck.close();
  }

  compile(sql: string): Promise<ViewDefinition> {
    return this.compiler.compile({ name: "v", file: "views/v.sql", sql, description: "" });
  }

  /** The typed events [from, upto); each one's log time is its number, so that this is their order. */
  inputs({ ordered }: Pick<ViewDefinition, "ordered">, from: number, upto: number): Inputs {
    const fields = this.#stream.fields.map((field) => `"${field.name}"`);
    if (ordered) fields.push(`CAST({t: rowid, p: 0, o: rowid} AS ${eventType}) AS ${eventColumn}`);
    const select = `SELECT ${fields.join(", ")} FROM ${this.#table} WHERE rowid >= ${from} AND rowid < ${upto}`;
    return new Map([[this.#stream.name, select]]);
  }

  async partials(view: ViewDefinition, from: number, upto: number): Promise<string> {
    const table = freshName("partials");
    await this.session.run(`CREATE TEMP TABLE ${table} AS ${partialOf(view, this.inputs(view, from, upto))}`);
    return table;
  }

  /** A table of the user's own SQL over all events. */
  async plain(view: ViewDefinition): Promise<string> {
    const table = freshName("plain");
    await plainly(this.session, view, this.inputs(view, 0, this.count), (plain) =>
      this.session.run(`CREATE TEMP TABLE ${table} AS ${plain}`),
    );
    return `FROM ${table}`;
  }

  async expectSame(view: ViewDefinition, left: string, right: string, what: string): Promise<void> {
    const columns = view.columns.filter(({ name }) => !view.estimates?.columns.includes(name));
    const inexact = view.tolerance > 0 ? doublesOf(columns) : [];
    const list = columns.map(({ name }) => quoteName(name)).join(", ") || "1";
    const [l, r] = [left, right].map((each) => `SELECT ${list} FROM (${each})`);
    if (columns.length > 0 || !view.estimates) {
      const { differences } = await compareRows(this.session, l!, r!, { inexact, tolerance: view.tolerance });
      expect(differences, `${what}\n${view.sql}`).toEqual([]);
    }
  }

  /** However cut, a sketch is the same, and as near to the exact value as it promises. */
  async #expectNear(view: ViewDefinition, whole: string, parts: string): Promise<void> {
    const inexact = doublesOf(view.columns);
    const rows = (of: string) => rowsOf(view, of);
    const { differences } = await compareRows(this.session, rows(`FROM ${whole}`), rows(parts), {
      inexact,
      tolerance: view.tolerance,
    });
    expect(differences, `merging adds no error\n${view.sql}`).toEqual([]);
    const off = await estimatesOff(this.session, view, parts, this.inputs(view, 0, this.count));
    expect(off, `beyond its error\n${view.sql}`).toEqual([]);
  }

  /** All-batch, all-speed, cut at every event, and the laws of combine. */
  async expectExact(sql: string): Promise<void> {
    const view = await this.compile(sql);
    const plain = await this.plain(view);
    const whole = await this.partials(view, 0, this.count);
    await this.expectSame(view, plain, rowsOf(view, `FROM ${whole}`), "all batch");
    await this.#throughFile(whole, (file) =>
      this.expectSame(view, plain, rowsOf(view, file), "all batch, through a file"),
    );

    const single: string[] = [];
    for (let i = 0; i < this.count; i++) single.push(await this.partials(view, i, i + 1));
    const each = single.map((table) => `FROM ${table}`).join(" UNION ALL ") || noPartials(view);
    await this.expectSame(view, plain, rowsOf(view, each), "all speed");
    if (view.estimates) await this.#expectNear(view, whole, each);

    const empty = await this.partials(view, 0, 0);
    for (let cut = 0; cut <= this.count; cut++) {
      const batch = cut === 0 ? empty : await this.partials(view, 0, cut);
      const speed = cut === this.count ? empty : await this.partials(view, cut, this.count);
      await this.expectSame(view, plain, rowsOf(view, `FROM ${batch} UNION ALL FROM ${speed}`), `cut at ${cut}`);
      if (cut === Math.floor(this.count / 2)) await this.#expectLaws(view, batch, speed, whole, empty);
    }
    if (this.count === 0) return;
    const rows = Number(await this.session.value(`SELECT count(*) FROM (${plain})`));
    expect(rows, `a case that gives no rows shows nothing\n${sql}`).toBeGreaterThan(0);
  }

  async #throughFile(table: string, use: (file: string) => Promise<void>): Promise<void> {
    const file = join(tmpdir(), `${table}.parquet`);
    try {
      await this.session.run(`COPY ${table} TO ${quoteText(file)} (FORMAT parquet)`);
      await use(`FROM read_parquet(${quoteText(file)})`);
    } finally {
      rmSync(file, { force: true });
    }
  }

  async #expectLaws(view: ViewDefinition, a: string, b: string, c: string, empty: string): Promise<void> {
    const join = (...tables: string[]) => tables.map((table) => `(FROM ${table})`).join(" UNION ALL ");
    const inexact = [...view.inexact];
    const same = async (left: string, right: string, law: string) => {
      const { differences } = await compareRows(this.session, left, right, { inexact, tolerance: view.tolerance });
      expect(differences, `${law}\n${view.sql}`).toEqual([]);
    };
    await same(combineOf(view, join(a)), combineOf(view, join(a, empty)), "identity");
    await same(combineOf(view, join(a, b)), combineOf(view, join(b, a)), "commutativity");
    const left = `(${combineOf(view, `(${combineOf(view, join(a, b))}) UNION ALL ${join(c)}`)})`;
    const right = `(${combineOf(view, `${join(a)} UNION ALL (${combineOf(view, join(b, c))})`)})`;
    await same(left, right, "associativity");
  }
}
