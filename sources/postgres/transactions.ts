/** pgoutput's messages → items: transactions in pieces, with changes in the terms of the streams. */
import { isCode, type TidemarkError } from "../../shared/errors.ts";
import type { Change, RowTexts } from "../change.ts";
import type { Finding, FindingKind } from "./checks.ts";
import type { EmittedMessage, SourceItem, TableChange } from "./items.ts";
import type { Relation, Tuple, WalMessage } from "./pgoutput.ts";
import type { SourceTable } from "./tables.ts";
import { TupleReader } from "./tuple-reader.ts";
import type { TypeCatalog } from "./type-catalog.ts";

export interface TransactionsOptions {
  readonly source: string;
  readonly tables: readonly SourceTable[];
  readonly types: TypeCatalog;
  /** A table's oid by the last poll; undefined: not known. */
  readonly oidOf: (table: string) => number | undefined;
  /** Prefixes of messages that are wanted. */
  readonly messages: readonly string[];
  /** What the messages of a piece have at most, but for the last of them. */
  readonly pieceBytes: number;
}

/** A relation that is followed. */
interface Followed {
  readonly table: SourceTable;
  readonly relation: Relation;
  /** Null: it can't be read. */
  readonly reader: TupleReader | null;
}

interface Open {
  readonly commitLsn: bigint;
  readonly committedMicros: bigint;
  readonly xid: number;
}

export class Transactions {
  readonly #options: TransactionsOptions;
  readonly #tables: ReadonlyMap<string, SourceTable>;
  /** By oid; null: not followed. */
  readonly #relations = new Map<number, Followed | null>();
  /** Relations that go by the name of another: found once for each time. */
  readonly #misnamed = new Set<number>();
  /** Tables whose changes are left out: until commits from this LSN on, or null, until further notice. */
  readonly #stopped = new Map<string, bigint | null>();
  #open: Open | null = null;
  #n = 0;
  #pieces = 0;
  #bytes = 0;
  #changes: TableChange[] = [];
  #messages: EmittedMessage[] = [];
  #findings: Finding[] = [];
  #items: SourceItem[] = [];

  constructor(options: TransactionsOptions) {
    this.#options = options;
    this.#tables = new Map(options.tables.map((each) => [each.table, each]));
  }

  /** Between Begin and Commit. */
  get isOpen(): boolean {
    return this.#open !== null;
  }

  /** What has come to be since the last time. */
  drain(): SourceItem[] {
    const items = this.#items;
    this.#items = [];
    return items;
  }

  /** A table that was stopped goes on: commits from `lsn` on are read. */
  restart(table: string, lsn: bigint): void {
    if (this.#stopped.has(table)) this.#stopped.set(table, lsn);
  }

  /** @returns a promise where the server has to be asked first: the next message waits for it */
  take(message: WalMessage, bytes: number): Promise<void> | null {
    switch (message.is) {
      case "insert":
        this.#row(message.oid, bytes, (reader) => [{ change: created(reader, message.after) }]);
        return null;
      case "update":
        this.#row(message.oid, bytes, (reader) => updated(reader, message));
        return null;
      case "delete":
        this.#row(message.oid, bytes, (reader) => [deleted(reader, message)]);
        return null;
      case "begin":
        this.#open = message;
        [this.#n, this.#pieces] = [0, 0];
        return null;
      case "commit":
        this.#commit(message.endLsn);
        return null;
      case "relation":
        return this.#relation(message);
      case "truncate":
        this.#truncate(message.oids);
        return null;
      case "message":
        this.#message(message);
        return null;
      default:
        return null;
    }
  }

  #row(oid: number, bytes: number, changes: (reader: TupleReader) => Numbered[]): void {
    const n = ++this.#n;
    const followed = this.#relations.get(oid);
    if (followed == null || this.#isStopped(followed.table.table)) return;
    const { table } = followed.table;
    try {
      for (const change of changes(followed.reader!)) this.#changes.push({ table, n, ...change });
    } catch (error) {
      if (!isCode(error, "SOURCE_VALUE")) throw error;
      this.#stop(table, "value-refused", error, "user");
      return;
    }
    this.#bytes += bytes;
    if (this.#bytes >= this.#options.pieceBytes) this.#flush(null);
  }

  #truncate(oids: readonly number[]): void {
    const n = ++this.#n;
    for (const oid of oids) {
      const followed = this.#relations.get(oid);
      if (followed == null || this.#isStopped(followed.table.table)) continue;
      this.#changes.push({ table: followed.table.table, n, change: "truncate" });
    }
  }

  #message(message: WalMessage & { readonly is: "message" }): void {
    const { prefix, content, lsn } = message;
    const isWanted = this.#options.messages.includes(prefix);
    if (message.transactional) {
      const n = ++this.#n;
      if (isWanted) this.#messages.push({ n, prefix, content });
      this.#bytes += content.length;
      if (this.#bytes >= this.#options.pieceBytes) this.#flush(null);
      return;
    }
    if (!isWanted) return;
    this.#items.push({
      is: "piece",
      commitLsn: lsn,
      endLsn: lsn,
      xid: 0,
      committedMicros: 0n,
      number: 1,
      last: true,
      changes: [],
      messages: [{ n: 1, prefix, content }],
    });
  }

  #commit(endLsn: bigint): void {
    const isEmpty = this.#pieces === 0 && this.#changes.length === 0 && this.#messages.length === 0;
    if (isEmpty) this.#items.push({ is: "position", lsn: endLsn });
    else this.#flush(endLsn);
    this.#open = null;
    if (this.#findings.length === 0) return;
    this.#items.push({ is: "found", findings: this.#findings });
    this.#findings = [];
  }

  #flush(endLsn: bigint | null): void {
    const { commitLsn, xid, committedMicros } = this.#open!;
    this.#items.push({
      is: "piece",
      commitLsn,
      endLsn,
      xid,
      committedMicros,
      number: ++this.#pieces,
      last: endLsn !== null,
      changes: this.#changes,
      messages: this.#messages,
    });
    [this.#changes, this.#messages, this.#bytes] = [[], [], 0];
  }

  #relation(relation: Relation): Promise<void> | null {
    const name = `${relation.schema}.${relation.name}`;
    const table = this.#tables.get(name);
    this.#checkName(relation.oid, name);
    if (table === undefined) {
      this.#relations.set(relation.oid, null);
      return null;
    }
    const { types } = this.#options;
    const oids = relation.columns.map(({ type }) => type);
    if (oids.every((oid) => types.knows(oid))) {
      this.#follow(table, relation);
      return null;
    }
    return types.learn(oids).then(() => this.#follow(table, relation));
  }

  /** Between two polls, a table may go by another name, or another by its name. */
  #checkName(oid: number, name: string): void {
    const { tables, oidOf } = this.#options;
    const known = this.#tables.has(name) ? (oidOf(name) ?? oid) : oid;
    const own = tables.find((each) => oidOf(each.table) === oid)?.table ?? name;
    if (known === oid && own === name) {
      this.#misnamed.delete(oid);
      return;
    }
    if (this.#misnamed.has(oid)) return;
    this.#misnamed.add(oid);
    const isOther = known !== oid;
    const table = isOther ? name : own;
    const meaning = isOther ? "it was another table for a while" : `it was called ${name} for a while`;
    this.#findings.push({
      kind: "table-recreated",
      table,
      meaning: `${table}: ${meaning}: changes of then did not come`,
      mend: "table",
      todo: "",
    });
  }

  #follow(table: SourceTable, relation: Relation): void {
    const before = this.#relations.get(relation.oid) ?? null;
    let reader: TupleReader | null = null;
    try {
      reader = TupleReader.ofRelation(this.#options.source, table, relation, this.#options.types);
    } catch (error) {
      if (!isCode(error, "SOURCE_TABLE")) throw error;
      this.#stop(table.table, "table-unfit", error, "user");
    }
    this.#relations.set(relation.oid, { table, relation, reader });
    if (before === null || reader === null || shapeOf(table, before.relation) === shapeOf(table, relation)) return;
    const meaning = `${table.table}: its columns changed, and values may have with them`;
    this.#findings.push({ kind: "table-changed", table: table.table, meaning, mend: "table", todo: "" });
  }

  #isStopped(table: string): boolean {
    const until = this.#stopped.get(table);
    if (until === undefined) return false;
    if (until === null || this.#open!.commitLsn < until) return true;
    const isReadable = [...this.#relations.values()].some(
      (each) => each?.table.table === table && each.reader !== null,
    );
    if (isReadable) this.#stopped.delete(table);
    return !isReadable;
  }

  #stop(table: string, kind: FindingKind, error: TidemarkError, mend: "user"): void {
    this.#stopped.set(table, null);
    const meaning = `${error.message}; changes of the table are left out from here on`;
    this.#findings.push({ kind, table, meaning, mend, todo: error.todo });
  }
}

function created(reader: TupleReader, tuple: Tuple): Change {
  const after = reader.row(tuple);
  return { op: "c", key: reader.keyOf(after), after };
}

type Numbered = Omit<TableChange, "table" | "n">;

function deleted(reader: TupleReader, { before, beforeIs }: WalMessage & { readonly is: "delete" }): Numbered {
  const old = beforeIs === "row" ? reader.oldRow(before) : null;
  return { change: { op: "d", key: reader.keyOfOld(before), after: null }, ...(old && { before: old }) };
}

function updated(reader: TupleReader, { before, beforeIs, after }: WalMessage & { readonly is: "update" }): Numbered[] {
  const row = reader.row(after);
  if (before === null) return [{ change: { op: "u", key: reader.keyOf(row), after: row } }];
  const oldKey = reader.keyOfOld(before);
  const old = beforeIs === "row" ? reader.oldRow(before) : null;
  const sent = old === null ? {} : { before: old };
  const whole = old === null ? withKey(reader, row, oldKey) : filled(row, old);
  const key = reader.keyOf(whole);
  if (key.every((text, i) => text === oldKey[i])) return [{ change: { op: "u", key, after: whole }, ...sent }];
  const base = whole.includes(undefined) ? { base: oldKey } : {};
  return [
    { change: { op: "d", key: oldKey, after: null }, ...sent },
    { change: { op: "c", key, after: whole, ...base } },
  ];
}

/** A large value of the key that did not change is in the old key. */
function withKey(reader: TupleReader, row: RowTexts, oldKey: readonly string[]): RowTexts {
  return row.includes(undefined) ? reader.withKey(row, oldKey) : row;
}

function filled(row: RowTexts, old: RowTexts): RowTexts {
  return row.includes(undefined) ? row.map((text, i) => text ?? old[i]) : row;
}

/** What of a relation decides how rows are read. */
function shapeOf(table: SourceTable, { columns }: Relation): string {
  return JSON.stringify(
    table.row.map(({ name }) => {
      const column = columns.find((each) => each.name === name);
      return column && [column.type, column.modifier];
    }),
  );
}
