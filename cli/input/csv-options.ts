/** What can be said of a CSV file. */
export interface CsvOptions {
  /** Null: the one of the file's name, or of its first line. */
  readonly delimiter: string | null;
  /** Null: none. */
  readonly quote: string | null;
  readonly escape: string | null;
  /** What stands for NULL where it is not quoted. */
  readonly nulls: readonly string[];
  /** It stands for NULL in quotes, too. */
  readonly quotedNulls: boolean;
  /** The first line names the columns; else they are the stream's fields, in their order. */
  readonly header: boolean;
  /** Of numbers: "." or ",". */
  readonly decimal: string;
  /** As strptime knows them; null: ISO 8601. */
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
