/**
 * A row's fields as JSON texts, in the order of the stream's row fields, digits of numbers as they were written;
 * undefined: not sent, it stays as it was.
 */
export type RowTexts = readonly (string | undefined)[];

/** A change of one keyed row, in the terms of all sources. */
export interface Change {
  /** r: read in a snapshot; c: created; u: updated; d: deleted. */
  readonly op: "r" | "c" | "u" | "d";
  /** The key's values as JSON texts, in the order of the stream's key. */
  readonly key: readonly string[];
  /** Null: the row goes. */
  readonly after: RowTexts | null;
  /** The key of the row that what was not sent is taken from; left out: its own. Of a key that changed, the old one. */
  readonly base?: readonly string[];
}
