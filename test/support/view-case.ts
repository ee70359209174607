/** View cases as data: a file of events and SELECTs; each SELECT must give the same rows however its events are cut. */
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { expect } from "vitest";
import { isChangelog, rowStream } from "../../ingest/sent-changes.ts";
import { Compiler } from "../../shared/compiler/compile.ts";
import { eventColumn, eventType } from "../../shared/compiler/event-order.ts";
import { combineOf, type Inputs, noPartials, partialOf, rowsOf } from "../../shared/compiler/texts.ts";
import { weightedRows } from "../../shared/compiler/weights.ts";
import { Decoder } from "../../shared/decode/decode.ts";
import type { ChangelogStream, FieldDefinition, StreamDefinition, ViewDefinition } from "../../shared/definition.ts";
import { Duck, freshName, quoteName, quoteText, type Session } from "../../shared/duckdb/duck.ts";
import { ArrayBatch } from "../../shared/log/batch.ts";
import { comparePartials, compareRows, doublesOf } from "../../shared/proof/compare.ts";
import { estimatesOff } from "../../shared/proof/estimates.ts";
import { withPlainSql } from "../../shared/proof/plain-sql.ts";
import { membersOf } from "../../shared/values/json-parts.ts";
import { changelogOf } from "./changelog-stream.ts";
import { drawShare, isFull, oneIn } from "./share.ts";

export interface CaseFile {
  readonly name: string;
  readonly streams: readonly StreamDefinition[];
  readonly events: readonly CaseEvent[];
  /** SELECTs of reference tables' rows, by name. */
  readonly references: ReadonlyMap<string, string>;
  readonly timezone: string;
  readonly selects: readonly string[];
}

/** An event of a stream, as JSON text; of a changelog, a row as it is from then on, or one that goes. */
export interface CaseEvent {
  readonly stream: string;
  readonly json: string;
  readonly goes?: true;
}

export function stream(name: string, fields: Record<string, string>): StreamDefinition {
  const list = Object.entries(fields).map(
    ([field, type]): FieldDefinition => ({ name: field, type: type.replace(/\?$/, ""), nullable: type.endsWith("?") }),
  );
  return {
    name,
    topic: name,
    existing: false,
    fields: list,
    key: null,
    time: null,
    id: null,
    dedupMs: null,
    upcast: null,
    partitions: 2,
  };
}

/**
 * `-- fields: {…}` of the stream "events", or `-- fields of NAME: {…}` of another; `-- key: id, shop` or `-- key of
 * NAME: id` of one that is a changelog; `-- reference NAME: SELECT …`; `-- timezone: …`; then events as `-- {…}` or
 * `-- NAME {…}`, of a changelog rows, and `-- gone {…}` or `-- NAME gone {…}` with the key of one that goes; then
 * SELECTs that each end with `;`.
 */
export function readCaseFile(path: string): CaseFile {
  const lines = readFileSync(path, "utf8").split("\n");
  const found = (pattern: RegExp) => lines.flatMap((line) => pattern.exec(line) ?? []);
  const matches = (pattern: RegExp) => lines.map((line) => pattern.exec(line)).filter((match) => match !== null);
  const keys = new Map(
    matches(/^-- key(?: of (\w+))?: (.*)$/).map((match) => [match[1] ?? "events", match[2]!.split(", ")]),
  );
  const streams = matches(/^-- fields(?: of (\w+))?: (.*)$/).map((match) => {
    const name = match[1] ?? "events";
    const plain = stream(name, JSON.parse(match[2]!) as Record<string, string>);
    const key = keys.get(name);
    return key ? changelogOf(plain, key) : plain;
  });
  const events = matches(/^-- (?:((?!gone )\w+) )?(gone )?(\{.*)$/).map(
    (match): CaseEvent => ({ stream: match[1] ?? "events", json: match[3]!, ...(match[2] ? { goes: true } : {}) }),
  );
  const references = new Map(matches(/^-- reference (\w+): (.*)$/).map((match) => [match[1]!, match[2]!]));
  const timezone = found(/^-- timezone: (.*)$/)[1] ?? "UTC";
  const text = lines.filter((line) => !line.startsWith("--")).join("\n");
  const selects = text
    .split(/;\s*(?:\n|$)/)
    .map((each) => each.trim())
    .filter((each) => each !== "");
  return { name: basename(path, ".sql"), streams, events, references, timezone, selects };
}

type Reading = Pick<ViewDefinition, "ordered" | "weighted">;

/** A table of the events, and the place of each in `__o`. */
async function decodedTable(session: Session, stream: StreamDefinition, texts: readonly string[]): Promise<string> {
  const records = texts.map((json, offset) => ({ offset, timestamp: offset, key: null, value: Buffer.from(json) }));
  const decoded = await new Decoder(session, stream).decode([new ArrayBatch(0, 0, texts.length + 1, records)]);
  expect(decoded.dead).toEqual([]);
  const table = freshName("decoded");
  const events = await decoded.select({ ordered: true });
  await session.run(
    `CREATE TEMP TABLE ${table} AS SELECT * EXCLUDE (${eventColumn}), ${eventColumn}.o AS __o FROM (${events})`,
  );
  await decoded.close();
  return table;
}

/** The records of a changelog, and the rows that are left. */
function changesOf(
  { changelog }: ChangelogStream,
  events: readonly CaseEvent[],
): { records: string[]; left: string[] } {
  const rows = new Map<string, string>();
  const records = events.map(({ json, goes }) => {
    const members = membersOf(json);
    const key = changelog.key.map((name) => members.get(name)).join();
    const before = rows.get(key) ?? null;
    if (goes) rows.delete(key);
    else rows.set(key, json);
    const op = goes ? "d" : before === null ? "c" : "u";
    return `{"op":"${op}","source":"","before":${before},"after":${goes ? null : json}}`;
  });
  return { records, left: [...rows.values()] };
}

/** One DuckDB with one compiler over streams whose events lie in tables, numbered in their common order. */
export class ViewBench {
  readonly #duck: Duck;
  readonly session: Session;
  readonly compiler: Compiler;
  /** By stream: of what its log has, and of the rows of a changelog that are left in the end. */
  readonly #tables: ReadonlyMap<string, { readonly log: string; readonly left: string | null }>;
  readonly #streams: readonly StreamDefinition[];
  readonly #references: ReadonlyMap<string, string>;
  readonly count: number;

  private constructor(
    duck: Duck,
    session: Session,
    compiler: Compiler,
    streams: readonly StreamDefinition[],
    tables: ReadonlyMap<string, { readonly log: string; readonly left: string | null }>,
    references: ReadonlyMap<string, string>,
    count: number,
  ) {
    this.#duck = duck;
    this.session = session;
    this.compiler = compiler;
    this.#streams = streams;
    this.#tables = tables;
    this.#references = references;
    this.count = count;
  }

  static async open({
    streams,
    events,
    references = new Map(),
    timezone = "UTC",
  }: Pick<CaseFile, "streams" | "events"> & Partial<Pick<CaseFile, "references" | "timezone">>): Promise<ViewBench> {
    // few rows: more threads would only wait for each other
    const duck = await Duck.open({ timezone, threads: 1 });
    const session = await duck.session();
    const described = [];
    for (const [name, sql] of references) {
      const columns = await session.describe(sql);
      described.push({ name, source: "", columns, file: { name: "", bytes: 0, sha256: sql } });
    }
    const compiler = await Compiler.open(session, streams, described);
    const tables = new Map<string, { log: string; left: string | null }>();
    for (const stream of streams) {
      const own = events.map((event, number) => ({ ...event, number })).filter((event) => event.stream === stream.name);
      const { records, left } = isChangelog(stream)
        ? changesOf(stream, own)
        : { records: own.map(({ json }) => json), left: null };
      const log = await decodedTable(session, stream, records);
      const numbers = `([${own.map((event) => event.number).join(", ")}]::BIGINT[])`;
      await session.run(`ALTER TABLE ${log} ADD COLUMN __n BIGINT; UPDATE ${log} SET __n = ${numbers}[__o + 1]`);
      tables.set(stream.name, { log, left: left && (await decodedTable(session, rowStream(stream), left)) });
    }
    return new ViewBench(duck, session, compiler, streams, tables, references, events.length);
  }

  close(): void {
    this.session.close();
    this.#duck.close();
  }

  compile(sql: string): Promise<ViewDefinition> {
    return this.compiler.compile({ name: "v", file: "views/v.sql", sql, description: "" });
  }

  /** The typed events [from, upto); each one's log time is its number, so that this is their order. */
  inputs(view: Reading, from: number, upto: number): Inputs {
    return this.#inputs(view, `__n >= ${from} AND __n < ${upto}`);
  }

  #inputs({ ordered, weighted }: Reading, condition: string): Inputs {
    const inputs = new Map(this.#references);
    for (const stream of this.#streams) {
      const fields = stream.fields.map((field) => quoteName(field.name));
      if (ordered) fields.push(`CAST({t: __n, p: 0, o: __n} AS ${eventType}) AS ${eventColumn}`);
      const { log } = this.#tables.get(stream.name)!;
      const records = `SELECT ${fields.join(", ")} FROM ${log} WHERE ${condition}`;
      inputs.set(stream.name, weighted ? weightedRows(stream, records, ordered) : records);
    }
    return inputs;
  }

  /** What the view's own SQL reads of all events, or of none. */
  #plainInputs(view: Reading, of: "all" | "none"): Inputs {
    const inputs = new Map(
      of === "all"
        ? this.inputs({ ordered: view.ordered }, 0, this.count)
        : this.inputs({ ordered: view.ordered }, 0, 0),
    );
    for (const [name, { left }] of this.#tables)
      if (left) inputs.set(name, `SELECT * EXCLUDE (__o) FROM ${left} WHERE ${of === "all"}`);
    return inputs;
  }

  async partials(view: ViewDefinition, from: number, upto: number): Promise<string> {
    const table = freshName("partials");
    await this.session.run(`CREATE TEMP TABLE ${table} AS ${partialOf(view, this.inputs(view, from, upto))}`);
    return table;
  }

  /** A table of the user's own SQL over all events. */
  async plain(view: ViewDefinition): Promise<string> {
    const table = freshName("plain");
    await withPlainSql(this.session, view, this.#plainInputs(view, "all"), (plain) =>
      this.session.run(`CREATE TEMP TABLE ${table} AS ${plain}`),
    );
    return `FROM ${table}`;
  }

  /** The same over none of them. */
  async plainOfNothing(view: ViewDefinition): Promise<string> {
    const table = freshName("plain");
    await withPlainSql(this.session, view, this.#plainInputs(view, "none"), (plain) =>
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
      if (inexact.length === 0 && (await this.#exactlySame(l!, r!))) return;
      const { differences } = await compareRows(this.session, l!, r!, { inexact, tolerance: view.tolerance });
      expect(differences, `${what}\n${view.sql}`).toEqual([]);
    }
  }

  /** One statement, for what nearly always is the case; else it takes more to find what differs. */
  async #exactlySame(left: string, right: string): Promise<boolean> {
    const beyond = (a: string, b: string) => `(SELECT count(*) FROM (FROM ${a} EXCEPT ALL FROM ${b}))`;
    const both = `WITH l AS MATERIALIZED (${left}), r AS MATERIALIZED (${right})`;
    return Number(await this.session.value(`${both} SELECT ${beyond("l", "r")} + ${beyond("r", "l")}`)) === 0;
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
    const off = await estimatesOff(this.session, view, parts, this.#plainInputs(view, "all"));
    expect(off, `beyond its error\n${view.sql}`).toEqual([]);
  }

  /** All-batch, all-speed, cut at every event, and the laws of combine; each time a share of it. */
  async expectExact(sql: string): Promise<void> {
    const view = await this.compile(sql);
    const plain = await this.plain(view);
    const whole = await this.partials(view, 0, this.count);
    await this.expectSame(view, plain, rowsOf(view, `FROM ${whole}`), "all batch");
    await this.#throughFile(whole, async (file) => {
      await this.expectSame(view, plain, rowsOf(view, file), "all batch, through a file");
      await this.#expectTypes(view, file, "in a file");
      await this.#expectTypes(view, combineOf(view, file), "merged");
    });

    const speed: string[] = [];
    const ends = this.#ends();
    for (const [i, end] of ends.entries()) speed.push(await this.partials(view, ends[i - 1] ?? 0, end));
    const each = speed.map((table) => `FROM ${table}`).join(" UNION ALL ") || noPartials(view);
    await this.expectSame(view, plain, rowsOf(view, each), `all speed, in entries up to ${ends.join()}`);
    if (view.estimates) await this.#expectNear(view, whole, each);

    for (const cut of this.#cuts()) {
      const [batch, speed] = [this.inputs(view, 0, cut), this.inputs(view, cut, this.count)];
      const parts = `(${partialOf(view, batch)}) UNION ALL (${partialOf(view, speed)})`;
      await this.expectSame(view, plain, rowsOf(view, parts), `cut at ${cut}`);
    }
    if (view.weighted) {
      // rows of different keys may come in any order, and so may their changes once they are merged
      const bags = [0, 1, 2].map((bag) => `(${partialOf(view, this.#inputs(view, `hash(__n) % 3 = ${bag}`))})`);
      await this.expectSame(view, plain, rowsOf(view, bags.join(" UNION ALL ")), "in disorder");
    }
    if (oneIn(3)) await this.#expectLaws(view, whole);
    if (this.count === 0) return;
    const rows = Number(await this.session.value(`SELECT count(*) FROM (${plain})`));
    expect(rows, `a case that gives no rows shows nothing\n${sql}`).toBeGreaterThan(0);
  }

  /** False where a query fails on its data. */
  works(sql: string): Promise<boolean> {
    return this.session.read(sql).then(
      () => true,
      () => false,
    );
  }

  /** Partials of events with these numbers, together as they came, merged: what any replica would have seen. */
  async seenAs(view: ViewDefinition, batches: readonly (readonly number[])[]): Promise<string> {
    const tables: string[] = [];
    for (const numbers of batches.filter((each) => each.length > 0)) {
      const table = freshName("seen");
      const inputs = this.#inputs(view, `__n IN (${numbers.join(", ")})`);
      await this.session.run(`CREATE TEMP TABLE ${table} AS ${partialOf(view, inputs)}`);
      tables.push(table);
    }
    return rowsOf(view, tables.map((table) => `FROM ${table}`).join(" UNION ALL ") || noPartials(view));
  }

  /** At every event in the full lane, else at one of them, or at an end. */
  #cuts(): number[] {
    if (isFull) return Array.from({ length: this.count + 1 }, (_, cut) => cut);
    return [Math.floor(Math.random() * (this.count + 1))];
  }

  /** Where entries of the speed layer end: after every event, or, mostly, after some. */
  #ends(): number[] {
    const all = Array.from({ length: this.count }, (_, i) => i + 1);
    return oneIn(5) ? all : all.filter((end) => end === this.count || drawShare() * this.count < 3);
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

  /** What is computed, what a file makes of it and what merging makes of that has the type that the definition says. */
  async #expectTypes({ keys, parts, sql }: ViewDefinition, partials: string, what: string): Promise<void> {
    const said = [...keys, ...parts].map(({ name, type }) => ({ name, type }));
    const found = (await this.session.describe(partials)).map(({ name, type }) => ({ name, type }));
    if (said.length > 0) expect(found, `${what}\n${sql}`).toEqual(said);
  }

  async #expectLaws(view: ViewDefinition, c: string): Promise<void> {
    const middle = Math.floor(this.count / 2);
    const [a, b] = [await this.partials(view, 0, middle), await this.partials(view, middle, this.count)];
    const empty = await this.partials(view, 0, 0);
    const join = (...tables: string[]) => tables.map((table) => `(FROM ${table})`).join(" UNION ALL ");
    const same = async (left: string, right: string, law: string) => {
      const { differences } = await comparePartials(this.session, view, left, right);
      expect(differences, `${law}\n${view.sql}`).toEqual([]);
    };
    await same(combineOf(view, join(a)), combineOf(view, join(a, empty)), "identity");
    await same(combineOf(view, join(a, b)), combineOf(view, join(b, a)), "commutativity");
    const left = `(${combineOf(view, `(${combineOf(view, join(a, b))}) UNION ALL ${join(c)}`)})`;
    const right = `(${combineOf(view, `${join(a)} UNION ALL (${combineOf(view, join(b, c))})`)})`;
    await same(left, right, "associativity");
  }
}
