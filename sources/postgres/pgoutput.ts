/**
 * What the output plugin pgoutput writes, protocol version 1: committed transactions in commit order, each between
 * Begin and Commit. Layouts: PostgreSQL's manual, "Logical Replication Message Formats".
 */

/** A value as PostgreSQL writes it; null: NULL; undefined: not sent, since it did not change (TOAST). */
export type TupleText = string | null | undefined;
/** A row's values, in the order of its relation's columns. Of an old row that is a key, the others are null. */
export type Tuple = readonly TupleText[];

export interface RelationColumn {
  /** Of the replica identity. */
  readonly isKey: boolean;
  readonly name: string;
  /** Of the type; a domain's own. */
  readonly type: number;
  /** The type's modifier; -1: none. */
  readonly modifier: number;
}

/** A table as it is from here on in the WAL; sent before its first change, and after each change of its shape. */
export interface Relation {
  readonly is: "relation";
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** d: by its primary key; f: full; i: by an index; n: none. */
  readonly identity: string;
  readonly columns: readonly RelationColumn[];
}

/** What an old row is: its key alone, or all of it (REPLICA IDENTITY FULL). */
export type OldIs = "key" | "row";

export type WalMessage =
  | { readonly is: "begin"; readonly commitLsn: bigint; readonly committedMicros: bigint; readonly xid: number }
  | { readonly is: "commit"; readonly commitLsn: bigint; readonly endLsn: bigint; readonly committedMicros: bigint }
  | { readonly is: "origin"; readonly lsn: bigint; readonly name: string }
  | Relation
  | { readonly is: "type"; readonly oid: number; readonly schema: string; readonly name: string }
  | { readonly is: "insert"; readonly oid: number; readonly after: Tuple }
  | {
      readonly is: "update";
      readonly oid: number;
      /** Null: not sent, and the key did not change. */
      readonly before: Tuple | null;
      readonly beforeIs: OldIs;
      readonly after: Tuple;
    }
  | { readonly is: "delete"; readonly oid: number; readonly before: Tuple; readonly beforeIs: OldIs }
  | { readonly is: "truncate"; readonly oids: readonly number[]; readonly cascade: boolean; readonly restart: boolean }
  | {
      readonly is: "message";
      readonly transactional: boolean;
      readonly lsn: bigint;
      readonly prefix: string;
      readonly content: Buffer;
    };

/** From 1970 to 2000, where PostgreSQL's times begin. */
const epochMicros = 946_684_800_000_000n;
/** A text up to here is cut out of the whole message's, which costs less than asking for it alone. */
const cutMax = 48;
/** Of a message whose text is taken as a whole. */
const wholeMax = 8_192;

/** Node's own, which cost less than toString. */
interface Bytes extends Buffer {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
}

export class PgOutputDecoder {
  #bytes = Buffer.alloc(0) as Bytes;
  #at = 0;
  /** Where the message begins whose bytes, one character each, are in `#whole`; "" where it is too long. */
  #start = 0;
  #whole = "";

  /** One message, from `start` to `end`. */
  decode(bytes: Buffer, start: number, end: number): WalMessage {
    this.#bytes = bytes as Bytes;
    this.#at = start + 1;
    this.#start = start;
    const tag = bytes[start]!;
    switch (tag) {
      case 0x49: // I
        this.#take(end);
        return { is: "insert", oid: this.#uint32(), after: this.#newTuple() };
      case 0x55: // U
        this.#take(end);
        return this.#update();
      case 0x44: // D
        this.#take(end);
        return this.#delete();
      case 0x42: // B
        return { is: "begin", commitLsn: this.#uint64(), committedMicros: this.#time(), xid: this.#uint32() };
      case 0x43: // C
        this.#at++; // flags, of which there are none
        return { is: "commit", commitLsn: this.#uint64(), endLsn: this.#uint64(), committedMicros: this.#time() };
      case 0x52: // R
        return this.#relation();
      case 0x54: // T
        return this.#truncate();
      case 0x4d: // M
        return this.#message();
      case 0x4f: // O
        return { is: "origin", lsn: this.#uint64(), name: this.#name() };
      case 0x59: // Y
        return { is: "type", oid: this.#uint32(), schema: this.#schema(), name: this.#name() };
      default:
        throw new RangeError(`pgoutput: a message of kind ${tag}`);
    }
  }

  #take(end: number): void {
    this.#whole = end - this.#start > wholeMax ? "" : this.#bytes.latin1Slice(this.#start, end);
  }

  #update(): WalMessage {
    const oid = this.#uint32();
    const kind = this.#bytes[this.#at];
    const before = kind === 0x4e ? null : this.#oldTuple();
    return { is: "update", oid, before, beforeIs: kind === 0x4f ? "row" : "key", after: this.#newTuple() };
  }

  #delete(): WalMessage {
    const oid = this.#uint32();
    const beforeIs = this.#bytes[this.#at] === 0x4f ? "row" : "key";
    return { is: "delete", oid, before: this.#oldTuple(), beforeIs };
  }

  #newTuple(): Tuple {
    if (this.#bytes[this.#at] !== 0x4e) throw new RangeError("pgoutput: a change without its row");
    this.#at++;
    return this.#tuple();
  }

  #oldTuple(): Tuple {
    const kind = this.#bytes[this.#at];
    if (kind !== 0x4b && kind !== 0x4f) throw new RangeError("pgoutput: a change without its old row");
    this.#at++;
    return this.#tuple();
  }

  #tuple(): Tuple {
    const bytes = this.#bytes;
    const count = bytes.readUInt16BE(this.#at);
    let at = this.#at + 2;
    const values: TupleText[] = new Array(count);
    for (let i = 0; i < count; i++) {
      const kind = bytes[at]!;
      at++;
      if (kind === 0x74) {
        // t
        const length = bytes.readUInt32BE(at);
        at += 4;
        values[i] = this.#text(at, at + length);
        at += length;
      } else if (kind === 0x6e) values[i] = null;
      else if (kind === 0x75) values[i] = undefined;
      else throw new RangeError(`pgoutput: a value of kind ${kind}`);
    }
    this.#at = at;
    return values;
  }

  #text(start: number, end: number): string {
    const bytes = this.#bytes;
    if (end - start > cutMax || this.#whole === "") return bytes.utf8Slice(start, end);
    for (let i = start; i < end; i++) if (bytes[i]! > 0x7f) return bytes.utf8Slice(start, end);
    return this.#whole.substring(start - this.#start, end - this.#start);
  }

  #relation(): Relation {
    const oid = this.#uint32();
    const [schema, name] = [this.#schema(), this.#name()];
    const identity = String.fromCharCode(this.#bytes[this.#at++]!);
    const columns: RelationColumn[] = [];
    for (let count = this.#uint16(); count > 0; count--) {
      const isKey = (this.#bytes[this.#at++]! & 1) === 1;
      columns.push({ isKey, name: this.#name(), type: this.#uint32(), modifier: this.#uint32() | 0 });
    }
    return { is: "relation", oid, schema, name, identity, columns };
  }

  #truncate(): WalMessage {
    const count = this.#uint32();
    const flags = this.#bytes[this.#at++]!;
    const oids = Array.from({ length: count }, () => this.#uint32());
    return { is: "truncate", oids, cascade: (flags & 1) !== 0, restart: (flags & 2) !== 0 };
  }

  #message(): WalMessage {
    const transactional = (this.#bytes[this.#at++]! & 1) === 1;
    const [lsn, prefix, length] = [this.#uint64(), this.#name(), this.#uint32()];
    const content = Buffer.from(this.#bytes.subarray(this.#at, this.#at + length));
    return { is: "message", transactional, lsn, prefix, content };
  }

  /** pg_catalog is written as nothing. */
  #schema(): string {
    return this.#name() || "pg_catalog";
  }

  #name(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    const name = this.#bytes.utf8Slice(this.#at, end);
    this.#at = end + 1;
    return name;
  }

  #time(): bigint {
    const micros = this.#bytes.readBigInt64BE(this.#at);
    this.#at += 8;
    return micros + epochMicros;
  }

  #uint64(): bigint {
    this.#at += 8;
    return this.#bytes.readBigUInt64BE(this.#at - 8);
  }

  #uint32(): number {
    this.#at += 4;
    return this.#bytes.readUInt32BE(this.#at - 4);
  }

  #uint16(): number {
    this.#at += 2;
    return this.#bytes.readUInt16BE(this.#at - 2);
  }
}
