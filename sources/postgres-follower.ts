/**
 * Follows a PostgreSQL database: its tables' changes become the records of changelogs, in commit order, a transaction
 * in one append, and are acknowledged only once the log has them. Whatever the server did behind the stream's back is
 * mended by the one means that there is: a snapshot, of which the log gets what it does not say already.
 */

import type { ChangelogStream, StreamDefinition, TableOrigin } from "../shared/definition.ts";
import type { Session } from "../shared/duckdb/duck.ts";
import { isCode, TidemarkError } from "../shared/errors.ts";
import type { Log } from "../shared/log/log.ts";
import { type Position, places, positionOf } from "../shared/position.ts";
import type { PostgresConnection } from "../shared/postgres/connection.ts";
import type { PostgresSection } from "../shared/project/sources.ts";
import type { ChangelogWriter, SourcedChange } from "./changelog-writer.ts";
import { Control } from "./control.ts";
import { keepLetters } from "./letters.ts";
import { isBehind, type LsnPlace, lsnPlaceText } from "./lsn-place.ts";
import { type OutboxRow, OutboxWriter, outboxTable, rowOfMessage, rowOfTexts } from "./outbox.ts";
import type { Finding, FindingKind } from "./postgres/checks.ts";
import { type Evidence, sqlName } from "./postgres/evidence.ts";
import type { Piece, SourceItem, TableChange } from "./postgres/items.ts";
import { lsnOf, lsnText } from "./postgres/lsn.ts";
import { publishTables } from "./postgres/publication.ts";
import type { TableSnapshot } from "./postgres/snapshot.ts";
import { PostgresSource } from "./postgres/source.ts";
import type { SourceTable } from "./postgres/tables.ts";
import { connectTo } from "./postgres/target.ts";

const pollMs = 5000;
/** How long a slot may wait for transactions that are open. */
const slotWaitMsMax = 300_000;
/** How often at most it is noted how far the source is, while changes come. */
const noteMs = 100;

/** Of tables that can't be published. */
const unfitKinds: readonly FindingKind[] = ["table-missing", "table-without-key", "table-unfit"];

/** What is remembered of a source, in its control stream. */
export interface PostgresState {
  /** Counts slots. */
  readonly epoch: number;
  /** Where the slot began. */
  readonly slotLsn: string;
  /** Streams to be read again: after a crash, too. */
  readonly pending: readonly string[];
  /** Of streams that were read beside the slot: changes of before are in them already. */
  readonly readAt: Readonly<Record<string, string>>;
  /** What the server said when all of that was done; null: nothing is to be compared with. */
  readonly evidence: Evidence | null;
}

export interface PostgresFollowerOptions {
  readonly log: Log;
  readonly project: string;
  readonly name: string;
  readonly section: PostgresSection;
  readonly writers: readonly ChangelogWriter[];
  /** Streams that events of its outbox go to, and what checks them. */
  readonly streams: readonly StreamDefinition[];
  readonly session: Session;
  readonly now: () => number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
  /** Trouble of a single stream; null: it has passed. */
  readonly onTrouble: (stream: string, trouble: Finding | null) => Promise<void>;
}

interface Opened {
  readonly control: Control<PostgresState>;
  readonly source: PostgresSource;
  readonly query: PostgresConnection;
  readonly byTable: ReadonlyMap<string, Followed>;
  readonly outbox: OutboxWriter | null;
}

interface Followed {
  readonly writer: ChangelogWriter;
  readonly table: SourceTable;
}

export class PostgresFollower {
  readonly #options: PostgresFollowerOptions;
  readonly #control: Control<PostgresState>;
  readonly #source: PostgresSource;
  readonly #query: PostgresConnection;
  readonly #byTable: ReadonlyMap<string, Followed>;
  readonly #outbox: OutboxWriter | null;
  /** Ids of events of the outbox that are in the log, and whose rows are to be removed. */
  #toRemove: string[] = [];
  #state: PostgresState | null;
  /** Everything up to here is in the log; null: there is no slot yet. */
  #durable: bigint | null;
  /** Where the log's streams were then: what is appended meanwhile is not all of a transaction. */
  #reachedPosition: Position = {};
  #noted = 0;
  #notedLsn: bigint | null;
  /**
   * Streams whose table can't be followed as it is; it is read again once it can. Any of them may be one until it is
   * known: what a process before said of it is taken back by this one.
   */
  #troubled: ReadonlySet<string>;
  /** The oids of tables that were published: another one of that name is not yet, nor one that could not be. */
  #published: ReadonlyMap<string, number> = new Map();
  #checked = 0;
  /** The server's end when this was opened. */
  readonly #openedLsn: bigint;

  private constructor(options: PostgresFollowerOptions, { control, source, query, byTable, outbox }: Opened) {
    this.#options = options;
    this.#control = control;
    this.#source = source;
    this.#query = query;
    this.#byTable = byTable;
    this.#outbox = outbox;
    this.#openedLsn = lsnOf(source.evidence.server.endLsn);
    this.#state = control.state;
    this.#durable = typeof control.at === "string" ? lsnOf(control.at) : null;
    if (this.#state && this.#durable === null) this.#durable = lsnOf(this.#state.slotLsn);
    this.#troubled = new Set(this.#streams);
    // nothing more is known until something comes
    this.#notedLsn = this.#durable;
  }

  /** Nothing is changed at the server yet. @throws DATABASE_UNREACHABLE, DATABASE_LOGIN, DATABASE_SETTING */
  static async open(options: PostgresFollowerOptions): Promise<PostgresFollower> {
    const { log, project, name, section, writers, now } = options;
    const control = await Control.open<PostgresState>(log, project, name);
    const byTable = new Map(writers.map((writer) => [tableOf(writer.stream).table, followedBy(writer)]));
    const { outbox: box } = section;
    const outbox = box && (await OutboxWriter.open(log, options.session, options.streams, control.repeatedFrom));
    const boxTables = box?.table == null ? [] : [outboxTable(box.table)];
    const target = { source: name, url: section.url() };
    const query = await connectTo(target);
    try {
      const source = await PostgresSource.open({
        ...target,
        slot: section.slot,
        publications: [section.publication, ...(boxTables.length > 0 ? [outboxPublication(section)] : [])],
        tables: [...[...byTable.values()].map(({ table }) => table), ...boxTables],
        messages: box?.messages == null ? [] : [box.messages],
        heartbeatMs: section.heartbeatMs,
        pollMs,
        now,
      });
      return new PostgresFollower(options, { control, source, query, byTable, outbox });
    } catch (error) {
      await query.close();
      throw error;
    }
  }

  /**
   * Until the signal.
   * @param works called once the stream is followed
   * @throws DATABASE_UNREACHABLE and others: it is opened again
   */
  async run(works: () => Promise<void>): Promise<void> {
    const { signal } = this.#options;
    await this.#publish();
    await this.#mend(this.#source.findings(this.#state?.evidence ?? null, this.#state ? this.#durable : null));
    if (!this.#state) await this.#begin("it is followed for the first time");
    const stop = () => void this.#source.close();
    signal.addEventListener("abort", stop, { once: true });
    try {
      // a snapshot ends the stream, which then goes on behind it
      for (let first = true; !signal.aborted; first = false) {
        await this.#readPending();
        if (first) await works();
        await this.#stream();
      }
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  async close(): Promise<void> {
    await this.#source.close();
    await this.#query.close();
  }

  async #publish(): Promise<void> {
    const { section, say, name } = this.#options;
    const box = section.outbox?.table ?? null;
    // one that is published without a key would make the application's UPDATE fail
    const unfit = this.#unfit;
    const fit = [...this.#byTable.values()].flatMap(({ table }) => (unfit.has(table.table) ? [] : [table]));
    const evidence = this.#source.evidence;
    this.#published = new Map(this.#publishable);
    const statements = await publishTables(this.#query, section.publication, fit, evidence);
    if (box !== null)
      statements.push(...(await publishTables(this.#query, outboxPublication(section), [outboxTable(box)], evidence)));
    for (const statement of statements) say(`${name}: ${statement}`);
    await this.#source.poll();
  }

  /** The tables there are that can be published as they are, with their oids. */
  get #publishable(): [table: string, oid: number][] {
    const unfit = this.#unfit;
    const { tables } = this.#source.evidence;
    return Object.entries(tables).flatMap(([name, found]) => (found && !unfit.has(name) ? [[name, found.oid]] : []));
  }

  /** A table that got a key, or was dropped and created again, as migrations do, is published as at the start. */
  async #publishNew(): Promise<void> {
    if (this.#publishable.every(([table, oid]) => this.#published.get(table) === oid)) return;
    try {
      await this.#publish();
    } catch (error) {
      // that one table waits for its owner, and the line says what to run; the others go on
      if (!isCode(error, "DATABASE_FORBIDDEN")) throw error;
      this.#options.say(`${this.#options.name}: ${error.message}; ${error.todo}`);
    }
  }

  /** Tables that can't be published as they are. */
  get #unfit(): ReadonlySet<string> {
    const unfit = this.#source.findings(null, this.#durable).filter(({ kind }) => unfitKinds.includes(kind));
    return new Set(unfit.flatMap(({ table }) => table ?? []));
  }

  /** Does what findings ask for, or notes it to be done. */
  async #mend(found: readonly Finding[]): Promise<void> {
    const { name, say } = this.#options;
    for (const { meaning, todo } of found) say(`${name}: ${meaning}${todo === "" ? "" : `; ${todo}`}`);
    const hopeless = found.find(({ mend, table }) => mend === "user" && table === null);
    if (hopeless) throw new TidemarkError("SOURCE_SETTING", `source ${name}: ${hopeless.meaning}`, hopeless.todo);
    const own = found.flatMap((finding) => {
      const followed = finding.table === null ? undefined : this.#byTable.get(finding.table);
      return followed ? [{ finding, stream: followed.writer.stream.name }] : [];
    });
    const slot = found.find(({ mend }) => mend === "slot");
    if (slot) return this.#begin(slot.meaning);
    const all = found.some(({ mend }) => mend === "tables") ? this.#streams : [];
    const again = [
      ...all,
      ...own.filter(({ finding }) => /^(table|user)$/.test(finding.mend)).map(({ stream }) => stream),
    ];
    // of a source that is not followed yet, all is read once it is
    if (again.length > 0 && this.#state) await this.#remember({ pending: unique([...this.#state.pending, ...again]) });
  }

  /** Which tables can't be followed as they are now. */
  async #check(): Promise<void> {
    this.#checked = this.#options.now();
    await this.#source.poll();
    await this.#publishNew();
    const troubled = this.#troublesIn(this.#source.evidence);
    for (const [stream, finding] of troubled) await this.#options.onTrouble(stream, finding);
    for (const stream of this.#troubled) if (!troubled.has(stream)) await this.#options.onTrouble(stream, null);
    this.#troubled = new Set(troubled.keys());
  }

  #troublesIn(now: Evidence): Map<string, Finding> {
    const troubled = new Map<string, Finding>();
    // an outbox is no stream of its own
    for (const finding of this.#source.findings(now, this.#durable)) {
      const followed = finding.table === null ? undefined : this.#byTable.get(finding.table);
      if (followed && finding.mend === "user") troubled.set(followed.writer.stream.name, finding);
    }
    return troubled;
  }

  /** Streams to be read again, of those that can be. */
  get #ready(): string[] {
    const wanted = unique([...(this.#state?.pending ?? []), ...this.#control.asked]);
    return wanted.filter((stream) => this.#streams.includes(stream) && !this.#troubled.has(stream));
  }

  get #streams(): string[] {
    return [...this.#byTable.values()].map(({ writer }) => writer.stream.name);
  }

  async #remember(change: Partial<PostgresState>): Promise<void> {
    this.#state = { ...this.#state!, ...change };
    await this.#control.remember(this.#state);
  }

  /** A new slot, and all tables by what the log does not say of them. */
  async #begin(why: string): Promise<void> {
    const { name, section, say } = this.#options;
    say(`${name}: a new slot ${section.slot}: ${why}`);
    await this.#check();
    const snapshot = await this.#snapshot("new");
    try {
      const slotLsn = lsnText(snapshot.lsn);
      const epoch = (this.#state?.epoch ?? 0) + 1;
      this.#state = { epoch, slotLsn, pending: this.#streams, readAt: {}, evidence: null };
      await this.#control.remember(this.#state);
      this.#durable = snapshot.lsn;
      await this.#readTables(snapshot, this.#ready);
    } finally {
      await snapshot.close();
    }
    this.#reach(snapshot.lsn);
    await this.#note(true);
  }

  #snapshot(kind: "new" | "beside"): Promise<TableSnapshot> {
    const { name, say } = this.#options;
    return this.#source.snapshot(kind, {
      waitMsMax: slotWaitMsMax,
      onWaiting: ([first]) => {
        if (first)
          say(`${name}: the snapshot waits for transaction of ${first.pid} (${first.who}), ${first.ageSeconds} s old`);
      },
    });
  }

  /** Streams that have to be read again, beside the slot. */
  async #readPending(): Promise<void> {
    await this.#control.read();
    await this.#check();
    const ready = this.#ready;
    if (ready.length === 0) return;
    await this.#remember({ pending: unique([...this.#state!.pending, ...this.#control.asked]) });
    const snapshot = await this.#snapshot("beside");
    try {
      await this.#readTables(snapshot, ready);
    } finally {
      await snapshot.close();
    }
  }

  async #readTables(snapshot: TableSnapshot, streams: readonly string[]): Promise<void> {
    const evidence = await this.#source.poll();
    for (const { writer, table } of this.#byTable.values()) {
      const { name } = writer.stream;
      if (!streams.includes(name)) continue;
      await this.#readTable(snapshot, writer, table, evidence);
      this.#source.restart(table.table, snapshot.lsn);
      await this.#remember({
        pending: this.#state!.pending.filter((each) => each !== name),
        readAt: { ...this.#state!.readAt, [name]: lsnText(snapshot.lsn) },
      });
    }
    if (this.#state!.pending.length === 0) await this.#remember({ evidence });
  }

  /** What a snapshot has that the changelog does not, and what it does not have. */
  async #readTable(
    snapshot: TableSnapshot,
    writer: ChangelogWriter,
    table: SourceTable,
    evidence: Evidence,
  ): Promise<void> {
    const { say } = this.#options;
    const place = this.#placeText({ lsn: snapshot.lsn, n: 0, part: 0 });
    const seen = writer.beginSeen();
    let [rows, records] = [0, 0];
    for await (const changes of snapshot.rows(table, evidence)) {
      records += (await writer.write(changes.map((change) => ({ change, place })))).records;
      seen.add(changes.map(({ key }) => key));
      rows += changes.length;
    }
    for (const keys of seen.others())
      records += (await writer.write(keys.map((key) => ({ change: { op: "d", key, after: null }, place })))).records;
    say(`${writer.stream.name}: ${rows} rows at ${lsnText(snapshot.lsn)}, ${records} records`);
  }

  #placeText(place: Omit<LsnPlace, "epoch">): string {
    return lsnPlaceText({ epoch: this.#state!.epoch, ...place });
  }

  /** Until a table has to be read again, or the signal. */
  async #stream(): Promise<void> {
    const { signal } = this.#options;
    let noting: NodeJS.Timeout | null = null;
    let failed: unknown = null;
    try {
      for await (const items of this.#source.stream(this.#durable!)) {
        if (failed !== null) throw failed;
        const reached = await this.#write(items);
        if (reached !== null) this.#reach(reached);
        if (this.#options.now() - this.#noted >= noteMs) await this.#note();
        else
          noting ??= setTimeout(() => {
            noting = null;
            this.#note().catch((error: unknown) => {
              failed = error;
            });
          }, noteMs);
        const found = items.flatMap((item) => (item.is === "found" ? item.findings : []));
        if (found.length > 0) await this.#mend(found);
        await this.#control.read();
        const isDue = this.#state!.pending.length > 0 && this.#options.now() - this.#checked >= pollMs;
        if (found.length > 0 || isDue) await this.#check();
        if (signal.aborted || this.#ready.length > 0) return;
      }
    } finally {
      if (noting) clearTimeout(noting);
      if (!signal.aborted) await this.#note();
    }
  }

  /** Notes how far the log is, and acknowledges it: a restart knows of it then. */
  async #note(always = false): Promise<void> {
    const now = this.#options.now();
    if (this.#durable === null || (!always && this.#durable === this.#notedLsn)) return;
    const lsn = this.#durable;
    this.#noted = now;
    this.#notedLsn = lsn;
    const position = this.#reachedPosition;
    const removed = this.#toRemove;
    this.#toRemove = [];
    const { outbox } = this.#options.section;
    // before it is acknowledged: what is acknowledged does not come again to be removed
    if (removed.length > 0 && outbox?.table != null)
      await this.#query.rows(`DELETE FROM ${sqlName(outbox.table)} WHERE id = ANY ($1::uuid[])`, [removed]);
    await this.#control.note(lsnText(lsn), position, this.#repeatedFrom(lsn));
    this.#source.acknowledge(lsn);
  }

  /**
   * What the streams had already when this was opened comes once more up to where the server was then: until that is
   * noted, the next process has to know all of it.
   */
  #repeatedFrom(lsn: bigint): string | null {
    if (!this.#outbox || lsn >= this.#openedLsn) return null;
    return this.#control.repeatedFrom;
  }

  #reach(lsn: bigint): void {
    this.#durable = lsn;
    this.#reachedPosition = this.#position;
  }

  get #position(): Position {
    const own = [...this.#byTable.values()].flatMap(({ writer }) => places(writer.position));
    return positionOf([...own, ...places(this.#outbox?.position ?? {})]);
  }

  /** @returns up to where the log has everything then; null: as before */
  async #write(items: readonly SourceItem[]): Promise<bigint | null> {
    let reached: bigint | null = null;
    let waiting = new Map<ChangelogWriter, SourcedChange[]>();
    const flush = async () => {
      const some = waiting;
      waiting = new Map();
      await Promise.all([...some].map(([writer, changes]) => writer.write(changes)));
    };
    const events: OutboxRow[] = [];
    for (const item of items) {
      if (item.is === "position") reached = item.lsn;
      if (item.is !== "piece") continue;
      for (const [i, change] of item.changes.entries()) {
        const followed = this.#byTable.get(change.table);
        if (!followed || this.#isRead(followed.writer, item)) continue;
        const { writer } = followed;
        if (change.change === "truncate") {
          await flush();
          await this.#truncate(writer, item, change.n);
          continue;
        }
        const own = waiting.get(writer) ?? [];
        waiting.set(writer, own);
        // of a key that changed, both halves have one number
        const isMoved = item.changes[i + 1]?.n === change.n;
        this.#place(writer, item, change, isMoved, own);
      }
      events.push(...this.#eventsIn(item));
      if (item.last) reached = item.endLsn;
    }
    await Promise.all([flush(), this.#emit(events)]);
    return reached;
  }

  /** What was put into the outbox, in the order in which it was. */
  #eventsIn({ commitLsn, changes, messages }: Piece): OutboxRow[] {
    const { outbox } = this.#options.section;
    if (!outbox) return [];
    const lsn = lsnText(commitLsn);
    const rows = changes.flatMap(({ table, n, change }) =>
      table === outbox.table && change !== "truncate" && change.after
        ? [{ lsn, n, values: rowOfTexts(change.after), isRow: true }]
        : [],
    );
    const sent = messages.map(({ n, content }) => {
      const values = rowOfMessage(content) ?? new Map([["payload", JSON.stringify(content.toString())]]);
      return { lsn, n, values, isRow: false };
    });
    return [...rows, ...sent].sort((a, b) => a.n - b.n);
  }

  async #emit(events: readonly OutboxRow[]): Promise<void> {
    if (!this.#outbox || events.length === 0) return;
    const letters = await this.#outbox.append(events);
    const { name, say, section, log, project } = this.#options;
    await keepLetters(log, project, name, letters);
    for (const { lsn, n, reason } of letters)
      say(`${name}: what was committed to the outbox at ${lsn} (${n}) is no event: ${reason}`);
    if (!section.outbox?.remove) return;
    const rows = events.filter(({ isRow }) => isRow);
    this.#toRemove.push(...rows.map(({ values }) => JSON.parse(values.get("id")!) as string));
  }

  /** A snapshot that was taken beside the slot has it already. */
  #isRead({ stream: { name } }: ChangelogWriter, { commitLsn }: Piece): boolean {
    const at = this.#state!.readAt[name];
    return at !== undefined && commitLsn < lsnOf(at);
  }

  #place(
    writer: ChangelogWriter,
    { commitLsn }: Piece,
    { n, change }: TableChange,
    moved: boolean,
    to: SourcedChange[],
  ): void {
    if (change === "truncate") return;
    const place = { epoch: this.#state!.epoch, lsn: commitLsn, n, part: change.base ? 1 : 0 };
    const partition = writer.partitionOf(change.key);
    if (isBehind(place, writer.placeOf(partition))) return;
    to.push({ change, place: lsnPlaceText(place), moved, partition });
  }

  /** A partition whose last record is of a later change was emptied before that. */
  async #truncate(writer: ChangelogWriter, { commitLsn }: Piece, n: number): Promise<void> {
    const own = { epoch: this.#state!.epoch, lsn: commitLsn, n, part: 0 };
    const emptied = Array.from({ length: writer.partitions }, (_, partition) =>
      isBehind(own, writer.placeOf(partition)),
    );
    // as of the change before: until all rows are gone, it may have to be done again
    const place = lsnPlaceText({ ...own, n: n - 1, part: 9 });
    const keys = [...writer.rows()].map((row) => writer.keyOf(row)).filter((key) => !emptied[writer.partitionOf(key)]);
    await writer.write(keys.map((key) => ({ change: { op: "d", key, after: null }, place })));
  }
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}

function tableOf({ changelog: { from } }: ChangelogStream): TableOrigin {
  return from as TableOrigin;
}

function followedBy(writer: ChangelogWriter): Followed {
  const { row, key } = writer.stream.changelog;
  return { writer, table: { table: tableOf(writer.stream).table, row, key } };
}

/** Its rows only come: updates and removals of them need not be sent. */
function outboxPublication({ publication }: PostgresSection): string {
  return `${publication.slice(0, 56)}_outbox`;
}
