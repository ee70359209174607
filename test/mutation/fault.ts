export interface Edit {
  /** The source's exact text, which must be there exactly once. */
  readonly find: string;
  readonly replace: string;
}

export interface Fault {
  readonly name: string;
  readonly file: string;
  readonly edits: readonly Edit[];
  /** Test files of the fast lane. */
  readonly tests: readonly string[];
  /** A pattern of test names: of many only these. */
  readonly named?: string;
}
