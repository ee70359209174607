/** How a CSV file is written. */
export interface CsvOptions {
  /** Null: determined by the file's name, or by its first line. */
  readonly delimiter: string | null;
  /** Null: no quotes. */
  readonly quote: string | null;
  readonly escape: string | null;
  /** The unquoted texts that mean NULL. */
  readonly nulls: readonly string[];
  /** True when they mean NULL in quotes, too. */
  readonly quotedNulls: boolean;
  /** True when the first line names the columns; else they are the stream's fields, in their order. */
  readonly header: boolean;
  /** The decimal separator: "." or ",". */
  readonly decimal: string;
  /** Formats of strptime; null: ISO 8601. */
  readonly dateFormat: string | null;
  readonly timestampFormat: string | null;
}

export const plainCsv: CsvOptions = {
  delimiter: null,
  quote: '"',
  escape: null,
  nulls: [""],
  quotedNulls: false,
  header: true,
  decimal: ".",
  dateFormat: null,
  timestampFormat: null,
};
