/** What a PostgreSQL source gives its caller, in commit order. */
import type { Change, RowTexts } from "../change.ts";
import type { Finding } from "./checks.ts";

export type SourceItem = Piece | SourcePosition | Found;

/** A transaction, or a part of one that is large; its pieces follow one another. All of it is committed. */
export interface Piece {
  readonly is: "piece";
  /** Of the commit record. Ascends from transaction to transaction. */
  readonly commitLsn: bigint;
  /** Where the commit record ends: acknowledged once the log has the whole transaction. Null but in the last piece. */
  readonly endLsn: bigint | null;
  /** 0: a message that is of no transaction. */
  readonly xid: number;
  /** Since 1970; 0 where there is no transaction. */
  readonly committedMicros: bigint;
  /** Of the pieces of its transaction, from 1. */
  readonly number: number;
  readonly last: boolean;
  readonly changes: readonly TableChange[];
  readonly messages: readonly EmittedMessage[];
}

export interface TableChange {
  /** schema.name */
  readonly table: string;
  /**
   * Its number in the transaction, from 1; the same each time the transaction is sent. The two changes of a key that
   * changed share one, and so do all tables of one TRUNCATE.
   */
  readonly n: number;
  /** truncate: every row goes. */
  readonly change: Change | "truncate";
  /** The row before it, as the database says; left out: it does not (REPLICA IDENTITY FULL makes it). */
  readonly before?: RowTexts;
}

/** Of pg_logical_emit_message. */
export interface EmittedMessage {
  readonly n: number;
  readonly prefix: string;
  readonly content: Buffer;
}

/**
 * There is nothing to append up to here. To be acknowledged only once a restart will know of it: else the slot is
 * seen to be ahead of the log.
 */
export interface SourcePosition {
  readonly is: "position";
  readonly lsn: bigint;
}

/** What was found to be wrong since the last time. */
export interface Found {
  readonly is: "found";
  readonly findings: readonly Finding[];
}
