/** What foreign topics are read from, and what for. */
import type { FieldDefinition } from "../../shared/definition.ts";
import type { LogRecord } from "../../shared/log/log.ts";
import type { Change } from "../change.ts";

export interface ForeignRecord extends Pick<LogRecord, "offset" | "key" | "value" | "headers"> {
  readonly partition: number;
}

/** A changelog that is read from a topic of another's. */
export interface ForeignStream {
  readonly topic: string;
  readonly partitions: number;
  readonly row: readonly FieldDefinition[];
  /** Names of the fields that identify a row. */
  readonly key: readonly string[];
}

export interface ForeignChange {
  readonly change: Change;
  /**
   * Where it comes in the history of its key, to be kept with the key (also when the row is gone): see isNewer. Null:
   * the format has nothing for it, and the topic's own order is all there is.
   */
  readonly order: string | null;
  /**
   * Of a "d": the row goes on under another key, and the "c" there may lack what was not sent. It comes later, or has
   * come before, in another partition: the row is kept for it.
   */
  readonly moved?: true;
  /**
   * Places of fields that are null, or were not sent. Where what is known of the row has a value there, it can't be
   * known which: see doubtRefused.
   */
  readonly doubtful?: readonly number[];
}

export type Nothing = "tombstone" | "heartbeat" | "transaction" | "message";

/** What a record means. */
export type Reading =
  | { readonly is: "changes"; readonly changes: readonly ForeignChange[] }
  /** Every row that is not newer than `order` goes. */
  | { readonly is: "truncate"; readonly order: string | null }
  | { readonly is: "nothing"; readonly what: Nothing };

/** @throws SOURCE_RECORD, SOURCE_SETTING, with topic, partition and offset */
export type ReadRecord = (record: ForeignRecord) => Reading;
