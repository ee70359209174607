/**
 * One DuckDB in which cases run, one after the other. Events are decoded as in the product, the view is
 * compiled by the product, and the steps of the history are made of its three texts; what is served at a comparison
 * is compared with plain DuckDB.
 */
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DuckDBPreparedStatement, Json } from "@duckdb/node-api";
import { rollUpBy } from "../../serving/question/roll-up.ts";
import { Compiler } from "../../shared/compiler/compile.ts";
import { eventColumn, eventType } from "../../shared/compiler/event-order.ts";
import {
  combineOf,
  type Inputs,
  noPartials,
  partialColumns,
  partialOf,
  rolledUpOf,
  rowsOf,
} from "../../shared/compiler/texts.ts";
import { weightColumn } from "../../shared/compiler/weights.ts";
import { Decoder } from "../../shared/decode/decode.ts";
import type { ViewDefinition } from "../../shared/definition.ts";
import { Duck, freshName, quoteName, quoteText, type Session } from "../../shared/duckdb/duck.ts";
import { messageOf, TidemarkError } from "../../shared/errors.ts";
import { isOfValues } from "../../shared/health/failing-groups.ts";
import { ArrayBatch } from "../../shared/log/batch.ts";
import { withPlainSql } from "../../shared/proof/plain-sql.ts";
import { randomChangelog, rowsLeft, rowsThatCame, weighed } from "./changes.ts";
import { differenceOf } from "./difference.ts";
import type { Records } from "./events.ts";
import type { Offsets, Step } from "./history.ts";
import { randomReference, referenceRows } from "./reference.ts";
import { randomStream } from "./stream.ts";

/** What runs: a view, the log, and what happens to it. This is what a file of `found` holds. */
export interface Case {
  readonly sql: string;
  /** See Written. */
  readonly scaled: string;
  readonly rounded: readonly number[];
  readonly records: Records;
  /** They are taken for changes of rows. */
  readonly changelog?: true;
  readonly steps: readonly Step[];
}

export type Outcome =
  /** `comparisons` of `rows` rows in all. */
  | { readonly kind: "same"; readonly comparisons: number; readonly rows: number }
  /** The compiler says why the view can't be kept exact. */
  | { readonly kind: "refused"; readonly why: string }
  /** The view's own SQL fails on these events. */
  | { readonly kind: "failing"; readonly why: string }
  | { readonly kind: "broken"; readonly why: string };

/** Refusals that are the view's own fault; any other means that the compiler could not do its work. */
const rightly =
  /can't be kept|whichever came first|depends on order|beyond scale|two columns are called|VIEW_SYNTAX|is not available|no exact interpolation|shown in some groups only|is written twice|has no unique result|of a changelog/;

/** A table of one row: the entry that is made next, and the offsets that its events lie between. */
const span = "span_of_the_fold";

const fields = randomStream.fields.map((field) => quoteName(field.name)).join(", ");

/** Another reading of a compiled view, to see that what is wrong with it is found. */
export type Tamper = (view: ViewDefinition) => ViewDefinition;

interface Entry {
  readonly number: number;
  readonly upto: Offsets;
}

export class Lane {
  readonly #duck: Duck;
  readonly #session: Session;
  /** Over events, and over rows that change. */
  readonly #compilers: readonly [Compiler, Compiler];
  readonly #decoder: Decoder;
  readonly #tamper: Tamper;
  #loaded: (Loaded & { readonly records: Records }) | null = null;

  private constructor(duck: Duck, session: Session, compilers: readonly [Compiler, Compiler], tamper: Tamper) {
    this.#duck = duck;
    this.#session = session;
    this.#compilers = compilers;
    this.#decoder = new Decoder(session, randomStream);
    this.#tamper = tamper;
  }

  static async open(tamper: Tamper = (view) => view): Promise<Lane> {
    const duck = await Duck.open({ threads: 1 });
    const session = await duck.session();
    await session.run(`CREATE TEMP TABLE ${span} (entry INTEGER, first BIGINT[], last BIGINT[])`);
    // a statement is planned by what a table has ever held: without such a row it would take the first span for
    // the only one
    await session.run(`INSERT INTO ${span} VALUES (0, [0], [0]), (${1e9}, [-1, ${1e15}], [-1, ${1e15}])`);
    await session.run(`DELETE FROM ${span} WHERE entry > 0`);
    const compilers = [
      await Compiler.open(session, [randomStream], [randomReference]),
      await Compiler.open(await duck.session(), [randomChangelog], [randomReference]),
    ] as const;
    return new Lane(duck, session, compilers, tamper);
  }

  close(): void {
    this.#session.close();
    this.#duck.close();
  }

  async run(of: Case): Promise<Outcome> {
    let view: ViewDefinition;
    try {
      const source = { name: "v", file: "v.sql", sql: of.sql, description: "" };
      view = this.#tamper(await this.#compilers[of.changelog ? 1 : 0].compile(source));
    } catch (error) {
      const why = error instanceof TidemarkError ? error.line : messageOf(error);
      return { kind: rightly.test(why) ? "refused" : "broken", why };
    }
    const events = await this.load(of.records);
    return new Replay(this.#session, of, view, events).run();
  }

  /** Places of records that are no events, as "partition:offset". Kept until other records are loaded. */
  async load(records: Records): Promise<Loaded> {
    if (this.#loaded?.records === records) return this.#loaded;
    if (this.#loaded) await this.#session.run(`DROP TABLE ${this.#loaded.rows}; DROP TABLE ${this.#loaded.table}`);
    this.#loaded = null;
    const batches = records.map((list, partition) => {
      const typed = list.map((value, offset) => ({
        offset,
        timestamp: offset,
        key: null,
        value: value === null ? null : Buffer.from(value),
      }));
      return new ArrayBatch(partition, 0, list.length, typed);
    });
    const decoded = await this.#decoder.decode(batches);
    const table = freshName("log");
    const places = `${eventColumn}.p AS __partition, ${eventColumn}.o AS __offset`;
    await this.#session.run(
      `CREATE TEMP TABLE ${table} AS SELECT ${fields}, ${places} FROM (${await decoded.select({ ordered: true })}) ORDER BY __partition, __offset`,
    );
    await decoded.close();
    const dead = new Set(decoded.dead.map((each) => `${each.partition}:${each.offset}`));
    const rows = freshName("rows");
    await this.#session.run(`CREATE TEMP TABLE ${rows} AS ${rowsThatCame(table)}`);
    this.#loaded = { records, table, rows, dead };
    return this.#loaded;
  }
}

/** Tables of the events, and of rows that they make; and places of what is none. */
interface Loaded {
  readonly table: string;
  readonly rows: string;
  readonly dead: ReadonlySet<string>;
}

/** One case on its way: the entries that are served, and the rows of all that ever were. */
class Replay {
  readonly #session: Session;
  readonly #case: Case;
  readonly #view: ViewDefinition;
  readonly #events: Loaded;
  readonly #rows = freshName("entries");
  #made = 0;
  /** Planning the partials' text takes much longer than running it: one plan for all micro-batches. */
  #folding: DuckDBPreparedStatement | null = null;
  /** What the delta begins with: the version's entry, or nothing where there is none yet. */
  #base: Entry | null = null;
  #delta: readonly Entry[] = [];
  #comparisons = 0;
  #compared = 0;

  constructor(session: Session, of: Case, view: ViewDefinition, events: Loaded) {
    this.#session = session;
    this.#case = of;
    this.#view = view;
    this.#events = events;
  }

  get #start(): Offsets {
    return this.#base?.upto ?? this.#case.records.map(() => 0);
  }

  get #position(): Offsets {
    return this.#delta.at(-1)?.upto ?? this.#start;
  }

  async run(): Promise<Outcome> {
    try {
      await this.#session.run(
        `CREATE TEMP TABLE ${this.#rows} AS SELECT 0 AS __entry, * FROM (${noPartials(this.#view)})`,
      );
      for (const step of this.#case.steps) {
        const why = await this.#step(step);
        if (why) return { kind: "broken", why };
      }
      return { kind: "same", comparisons: this.#comparisons, rows: this.#compared };
    } catch (error) {
      const why = messageOf(error);
      // a view whose own SQL fails, here or over all events, is failed for all to see; what else fails is our fault
      for (const upto of [this.#position, this.#case.records.map((list) => list.length)])
        if (!(await this.#works(upto))) return { kind: "failing", why };
      return { kind: "broken", why };
    } finally {
      this.#folding?.destroySync();
      await this.#session.run(`DROP TABLE IF EXISTS ${this.#rows}`);
    }
  }

  #works(upto: Offsets): Promise<boolean> {
    return this.#plain(upto).then(
      () => true,
      () => false,
    );
  }

  async #step(step: Step): Promise<string | null> {
    switch (step.do) {
      case "fold":
        this.#delta = [...this.#delta, await this.#fold(this.#position, step.upto)];
        return null;
      case "version":
        this.#base = await this.#fold(
          step.cut.map(() => 0),
          step.cut,
        );
        this.#delta = [];
        return null;
      case "restart":
        this.#delta = this.#delta.slice(0, step.keep);
        return null;
      case "compact": {
        const run = this.#delta.slice(step.at, step.at + step.count);
        const last = run.at(-1);
        if (!last) return null;
        const by = await this.#keep(combineOf(this.#view, this.#partials(run)), last.upto);
        this.#delta = this.#delta.toSpliced(step.at, run.length, by);
        return null;
      }
      case "file": {
        const entry = this.#delta[step.at];
        if (entry) this.#delta = this.#delta.with(step.at, await this.#throughFile(entry));
        return null;
      }
      case "look":
        return this.#compareRows();
    }
  }

  /** A case that was made smaller may ask for offsets that go back: nothing lies between those. */
  async #fold(from: Offsets, upto: Offsets): Promise<Entry> {
    const entry = { number: this.#made++, upto: upto.map((offset, at) => Math.max(offset, from[at]!)) };
    await this.#session.run(
      `UPDATE ${span} SET entry = ${entry.number}, first = [${from.join(", ")}], last = [${entry.upto.join(", ")}]`,
    );
    // not parameters, which would have the statement planned each time
    const events = this.#read(
      `, ${span}`,
      (offset) => `${offset} >= first[__partition + 1] AND ${offset} < last[__partition + 1]`,
    );
    this.#folding ??= await this.#session.connection.prepare(
      `INSERT INTO ${this.#rows} SELECT (SELECT entry FROM ${span}), * FROM (${partialOf(this.#view, this.#inputs(events))})`,
    );
    await this.#folding.run();
    return entry;
  }

  async #keep(partials: string, upto: Offsets): Promise<Entry> {
    const number = this.#made++;
    await this.#session.run(`INSERT INTO ${this.#rows} SELECT ${number}, * FROM (${partials})`);
    return { number, upto };
  }

  async #throughFile(entry: Entry): Promise<Entry> {
    const file = join(tmpdir(), `${this.#rows}.parquet`);
    try {
      await this.#session.run(`COPY (${this.#partials([entry])}) TO ${quoteText(file)} (FORMAT parquet)`);
      return await this.#keep(`FROM read_parquet(${quoteText(file)})`, entry.upto);
    } finally {
      rmSync(file, { force: true });
    }
  }

  #partials(entries: readonly Entry[]): string {
    const numbers = entries.map((each) => each.number).join(", ");
    return `SELECT ${partialColumns(this.#view)} FROM ${this.#rows} WHERE __entry IN (${numbers})`;
  }

  /** An event's log time is its offset here, so that the log's order goes back and forth between the partitions. */
  get #fields(): string {
    if (!this.#view.ordered) return fields;
    return `${fields}, CAST({t: __offset, p: __partition, o: __offset} AS ${eventType}) AS ${eventColumn}`;
  }

  #inputs(events: string): Inputs {
    return new Map([
      [randomStream.name, events],
      [randomReference.name, referenceRows],
    ]);
  }

  /** What the view reads. @param more tables that its condition of an offset reads, too */
  #read(more: string, where: (offset: string) => string): string {
    const { table, rows } = this.#events;
    if (this.#case.changelog) return weighed(`${rows}${more}`, where);
    return `SELECT ${this.#fields} FROM ${table}${more} WHERE ${where("__offset")}`;
  }

  /** What the view's own SQL reads. */
  #below(upto: Offsets): Inputs {
    const where = isBelow(upto);
    return this.#inputs(this.#case.changelog ? rowsLeft(this.#events.rows, where) : this.#read("", where));
  }

  /** Rows of the view's own SQL, with scales. */
  #plain(upto: Offsets): Promise<Json[][]> {
    const view = { ...this.#view, sql: this.#case.scaled };
    return withPlainSql(this.#session, view, this.#below(upto), (plain) => this.#rowsIn(plain));
  }

  /** Merged partials, but for doubles that depend on how they were added up. */
  #merged(partials: string): Promise<Json[][]> {
    const inexact = this.#view.inexact.map((each) => each.name);
    const left = inexact.length > 0 ? ` EXCLUDE (${inexact.join(", ")})` : "";
    return this.#rowsIn(`SELECT *${left} FROM (${combineOf(this.#view, `FROM (${partials})`)})`);
  }

  async #rowsIn(select: string): Promise<Json[][]> {
    return (await this.#session.read(select)).getRowsJson();
  }

  /** Why what is served differs, or null. */
  async #compareRows(): Promise<string | null> {
    const entries = [...(this.#base ? [this.#base] : []), ...this.#delta];
    if (entries.length === 0) return null;
    const upto = this.#position;
    const partials = this.#partials(entries);
    // what a sketch estimates is another thing than the exact aggregate, but it must not depend on how events
    // were split
    const sketch = this.#view.estimates !== null;
    const truth = sketch
      ? await this.#merged(partialOf(this.#view, this.#inputs(this.#read("", isBelow(upto)))))
      : await this.#plain(upto);
    const served = sketch ? await this.#merged(partials) : await this.#rowsIn(rowsOf(this.#view, partials));
    this.#comparisons++;
    this.#compared += truth.length;
    const difference =
      differenceOf(served, truth, sketch ? [] : this.#case.rounded) ?? (await this.#compareRolledUp(partials, upto));
    return difference && `at ${upto.join(",")}: ${difference}`;
  }

  /** Of rows that change: coarser groups are those of the rows that are left, as if none had ever gone. */
  async #compareRolledUp(partials: string, upto: Offsets): Promise<string | null> {
    const view = this.#view;
    const { rollUp, keys, tolerance, columns } = view;
    if (!this.#case.changelog || !rollUp || rollUp.having || tolerance > 0 || view.estimates) return null;
    const [key] = columns.filter((column) => column.key !== null);
    const by = key && upto[0]! % 2 === 0 ? [{ column: key.name, bucket: null }] : [];
    const rolledUp = rollUpBy(view, by);
    const left = rowsLeft(this.#events.rows, isBelow(upto));
    const once = partialOf(view, this.#inputs(`SELECT *, 1::BIGINT AS ${weightColumn} FROM (${left})`));
    const rowsBy = (rows: string) => this.#rowsIn(rolledUpOf(view, rolledUp, rows));
    let truth: Json[][];
    try {
      truth = await rowsBy(once);
    } catch (error) {
      // a coarser group may have no value where each of its own has one
      if (isOfValues(error)) return null;
      throw error;
    }
    const difference = differenceOf(await rowsBy(partials), truth, []);
    return difference && `rolled up from ${keys.length} columns to ${by.length}: ${difference}`;
  }
}

/** The condition that an offset, a column, is below. */
function isBelow(upto: Offsets): (offset: string) => string {
  return (column) => {
    const stretches = upto.map((offset, partition) => `WHEN ${partition} THEN ${column} < ${offset}`);
    return `CASE __partition ${stretches.join(" ")} END`;
  };
}
