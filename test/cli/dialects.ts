/**
 * Real dialects of CSV (dialects/, its README says who wrote what): how each is loaded, and how plain DuckDB is
 * configured to read it.
 */

export interface DialectCase {
  readonly file: string;
  /** Of `tidemark load`. */
  readonly load?: readonly string[];
  /** Of read_csv, as SQL, where they are not those of RFC 4180. */
  readonly duckdb?: Readonly<Record<string, string>>;
  /** The stream's; default: the common table's. */
  readonly fields?: Readonly<Record<string, string>>;
  /**
   * What the file's columns are called in SQL, in their order, where it has others than the fields; those are
   * texts.
   */
  readonly columns?: readonly string[];
  /** DuckDB reads texts only, and this one is NULL: it takes no escape for part of a NULL. */
  readonly texts?: string;
  /** SQL of a field over DuckDB's columns, where DuckDB does not read it as it was written. */
  readonly sql?: Readonly<Record<string, string>>;
  /** The writer loses nothing: the rows are those of the common table. */
  readonly whole?: true;
}

/** Most files hold this table. */
export const table = {
  id: "BIGINT",
  name: "VARCHAR?",
  note: "VARCHAR?",
  amount: "DOUBLE?",
  day: "DATE?",
  at: "TIMESTAMP?",
  ok: "BOOLEAN?",
};

/** Its rows, as they were put into the programs. */
export const tableRows = `VALUES
  (1, 'plain', 'a', 1.5::DOUBLE, DATE '2024-02-29', TIMESTAMP '2024-07-01 00:30:00', true),
  (2, '', NULL, -0.25, NULL, NULL, NULL),
  (3, NULL, '', NULL, '1999-12-31', '1999-12-31 23:59:59', false),
  (4, 'comma, semi; pipe| tab' || chr(9) || 'here', 'quote " and ""', 1234567.125, '2024-01-02', '2024-01-02 03:04:05', true),
  (5, 'line' || chr(10) || 'break', 'it''s', 0, '2024-01-02', '2024-01-02 03:04:05', true),
  (6, 'C:\\dir\\new \\N', 'NULL', 1e20, '2024-01-02', '2024-01-02 03:04:05', false),
  (7, 'ü 漢字', ' spaces ', 42, '2024-01-02', '2024-01-02 03:04:05', false),
  (8, 'NA', '\\N', 7, '2024-01-02', '2024-01-02 03:04:05', true)`;

const tab = { delim: "chr(9)" };
const semicolon = { delim: "';'" };
const pipe = { delim: "'|'" };
const bare = { quote: "''", escape: "''" };
const mysqlNull = { nullstr: "'\\N'" };
const escapes = ["--quote", "", "--escape", "\\"];
const withNull = ["--null", "\\N"];

/** What DuckDB leaves of C's escapes, since it has none. */
const lettersOf = (name: string) =>
  `replace(replace(replace(replace(replace(${name}, '\\\\', chr(1)), '\\t', chr(9)), '\\n', chr(10)), '\\''', ''''), chr(1), '\\')`;
const letters = { name: lettersOf("name"), note: lettersOf("note") };

/** The text `\\N` of the last row was written in quotes, which DuckDB's texts don't show. */
const lastNote = { note: "CASE WHEN id = '8' OR note <> '\\N' THEN note END" };

const { id, name, amount, at, ok } = table;

export const dialects: readonly DialectCase[] = [
  { file: "postgres-copy.csv", whole: true },
  {
    file: "postgres-copy-text.tsv",
    load: [...escapes, ...withNull],
    duckdb: { ...tab, ...bare, ...mysqlNull },
    sql: letters,
    whole: true,
  },
  {
    file: "postgres-copy-escape.csv",
    load: ["--escape", "\\", "--null", "NULL"],
    duckdb: { ...semicolon, escape: "'\\'", nullstr: "'NULL'" },
    whole: true,
  },
  { file: "postgres-timestamptz.csv", fields: { ...table, at: "TIMESTAMP WITH TIME ZONE?" } },
  {
    file: "mysql-outfile.tsv",
    texts: "(none)",
    whole: true,
    load: ["--no-header", ...escapes, ...withNull],
    duckdb: { ...tab, header: "false", quote: "''", escape: "'\\'", strict_mode: "false", ...mysqlNull },
  },
  {
    file: "mysql-outfile.csv",
    texts: "\\N",
    sql: lastNote,
    load: ["--no-header", "--escape", "\\", ...withNull],
    duckdb: { header: "false", escape: "'\\'" },
    whole: true,
  },
  {
    file: "mysql-batch.tsv",
    load: [...escapes, "--null", "NULL"],
    duckdb: { ...tab, ...bare, nullstr: "'NULL'" },
    sql: letters,
  },
  { file: "sqlite.csv", whole: true },
  { file: "sqlite.tsv", duckdb: tab },
  { file: "awk.psv", load: ["--quote", ""], duckdb: { ...pipe, ...bare } },
  { file: "python-excel.csv" },
  { file: "python-unix.csv", load: ["--quoted-null"], duckdb: { allow_quoted_nulls: "true" } },
  { file: "python-excel-tab.tsv", duckdb: tab },
  {
    file: "python-nonnumeric.csv",
    load: ["--quote", "'", "--quoted-null"],
    duckdb: { ...semicolon, quote: "''''", escape: "''''", allow_quoted_nulls: "true" },
  },
  { file: "python-escapes.csv", load: escapes, duckdb: { quote: "''", escape: "'\\'", strict_mode: "false" } },
  { file: "pandas.csv", columns: ["i", ...Object.keys(table)] },
  {
    file: "pandas-european.csv",
    load: ["--decimal", ",", "--null", "NA", "--timestamp-format", "%d.%m.%Y %H:%M"],
    duckdb: { ...semicolon, decimal_separator: "','", nullstr: "'NA'", timestampformat: "'%d.%m.%Y %H:%M'" },
  },
  { file: "pandas-utf16.csv", duckdb: { ...tab, encoding: "'utf-16'" } },
  { file: "polars.csv", whole: true },
  {
    file: "polars-quoted.csv",
    load: ["--null", "null", "--quoted-null"],
    duckdb: { ...pipe, nullstr: "'null'", allow_quoted_nulls: "true" },
  },
  { file: "pyarrow.csv", whole: true },
  { file: "duckdb.csv", whole: true },
  {
    file: "clickhouse.csv",
    load: ["--no-header", ...withNull],
    duckdb: { header: "false", ...mysqlNull },
    whole: true,
  },
  { file: "clickhouse-names.csv", load: withNull, duckdb: mysqlNull, whole: true },
  {
    file: "clickhouse.tsv",
    load: [...escapes, ...withNull],
    duckdb: { ...tab, ...bare, ...mysqlNull },
    sql: letters,
    whole: true,
  },
  {
    file: "r-write-csv.csv",
    load: ["--null", "NA"],
    duckdb: { nullstr: "'NA'" },
    columns: ["i", ...Object.keys(table)],
  },
  { file: "r-write-csv2.csv", load: ["--decimal", ","], duckdb: { ...semicolon, decimal_separator: "','" } },
  { file: "r-write-table.tsv", load: ["--quote", "", "--null", "NA"], duckdb: { ...tab, ...bare, nullstr: "'NA'" } },
  { file: "spark.csv", load: ["--escape", "\\"], duckdb: { escape: "'\\'" } },
  {
    file: "hive.txt",
    load: ["--format", "csv", "--delimiter", "\x01", "--no-header", "--quote", "", ...withNull],
    duckdb: { delim: "chr(1)", header: "false", ...bare, ...mysqlNull },
  },
  { file: "papaparse.csv" },
  { file: "csv-stringify.csv", duckdb: pipe, whole: true },
  { file: "go.tsv", duckdb: tab, fields: { ...table, at: "TIMESTAMP WITH TIME ZONE?" } },
  {
    file: "commons-csv-oracle.csv",
    texts: "\\N",
    sql: lastNote,
    load: ["--escape", "\\", ...withNull],
    duckdb: { escape: "'\\'", nullstr: "'(none)'" },
  },
  { file: "commons-csv-informix.csv", load: ["--escape", "\\"], duckdb: { ...pipe, escape: "'\\'" } },
  {
    file: "excel-de.csv",
    load: [
      "--encoding",
      "windows-1252",
      "--decimal",
      ",",
      "--date-format",
      "%d.%m.%Y",
      "--timestamp-format",
      "%d.%m.%Y %H:%M",
    ],
    duckdb: {
      ...semicolon,
      encoding: "'latin-1'",
      decimal_separator: "','",
      dateformat: "'%d.%m.%Y'",
      timestampformat: "'%d.%m.%Y %H:%M'",
    },
    fields: { id, name, amount, day: "DATE?", at, ok: "VARCHAR?" },
  },
  {
    file: "excel-utf8.csv",
    load: ["--decimal", ","],
    duckdb: { ...semicolon, skip: "1", decimal_separator: "','" },
    fields: { id, name, amount },
  },
  {
    file: "excel-unicode.txt",
    load: ["--format", "csv"],
    duckdb: { ...tab, encoding: "'utf-16'" },
    fields: { id, name, amount },
  },
  {
    file: "excel-mac.csv",
    load: ["--date-format", "%m/%d/%y"],
    duckdb: { dateformat: "'%m/%d/%y'" },
    fields: { id, name, day: "DATE?" },
  },
  {
    file: "google-sheets.csv",
    load: ["--date-format", "%m/%d/%Y", "--timestamp-format", "%m/%d/%Y %H:%M:%S"],
    duckdb: { dateformat: "'%m/%d/%Y'", timestampformat: "'%m/%d/%Y %H:%M:%S'" },
    fields: { id, name, amount, day: "DATE?", at, ok },
  },
  { file: "libreoffice.csv", fields: { id, name, amount: "DECIMAL(38,2)?", ok } },
  { file: "bigquery.csv", fields: { id, name, amount, at: "TIMESTAMP WITH TIME ZONE?", ok } },
  {
    file: "snowflake.csv",
    load: [...withNull, "--timestamp-format", "%Y-%m-%d %H:%M:%S.%g %z"],
    duckdb: mysqlNull,
    texts: "\\N",
    sql: { at: "strptime(\"at\", '%Y-%m-%d %H:%M:%S.%g %z')" },
    fields: { id, name, amount, at: "TIMESTAMP WITH TIME ZONE?", ok },
  },
  {
    file: "redshift.psv",
    texts: "(none)",
    load: ["--no-header", ...escapes, ...withNull],
    duckdb: { ...pipe, header: "false", quote: "''", escape: "'\\'", strict_mode: "false", ...mysqlNull },
    fields: { id, name, amount, at, ok },
  },
  {
    file: "sas.csv",
    load: ["--null", ".", "--null", "", "--date-format", "%d%b%Y", "--timestamp-format", "%d%b%Y:%H:%M:%S"],
    duckdb: { nullstr: "['', '.']", dateformat: "'%d%b%Y'", timestampformat: "'%d%b%Y:%H:%M:%S'" },
    fields: { id, name, amount, day: "DATE?", at },
  },
  {
    file: "sqlplus.csv",
    load: ["--date-format", "%d-%b-%y"],
    duckdb: { skip: "1", dateformat: "'%d-%b-%y'" },
    fields: { id, name, amount, day: "DATE?" },
  },
  {
    file: "gtfs-calendar.txt",
    load: ["--format", "csv", "--date-format", "%Y%m%d"],
    duckdb: { dateformat: "'%Y%m%d'" },
    fields: { service_id: "VARCHAR", monday: "BOOLEAN", sunday: "TINYINT", start_date: "DATE", end_date: "DATE" },
  },
  {
    file: "gtfs-stop-times.txt",
    load: ["--format", "csv"],
    fields: {
      trip_id: "VARCHAR",
      arrival_time: "VARCHAR",
      stop_id: "VARCHAR",
      stop_sequence: "INTEGER",
      stop_headsign: "VARCHAR?",
      shape_dist_traveled: "FLOAT?",
    },
  },
  {
    file: "fec.txt",
    load: ["--format", "csv", "--delimiter", "|", "--quote", "", "--no-header", "--date-format", "%m%d%Y"],
    duckdb: { ...pipe, ...bare, header: "false", dateformat: "'%m%d%Y'" },
    fields: {
      committee: "VARCHAR",
      amendment: "VARCHAR?",
      name,
      day: "DATE?",
      amount: "DECIMAL(12,2)?",
      memo: "VARCHAR?",
    },
  },
  {
    file: "eurostat.tsv",
    load: ["--null", ": "],
    duckdb: { ...tab, nullstr: "': '" },
    columns: ["freq,unit,geo\\TIME_PERIOD", "2020", "2021", "2022"],
    fields: { "freq,unit,geo\\TIME_PERIOD": "VARCHAR", "2020": "DOUBLE?", "2021": "DOUBLE?", "2022": "DOUBLE?" },
  },
  {
    file: "sql-server.csv",
    load: ["--null", "NULL"],
    duckdb: { nullstr: "'NULL'" },
    fields: { id, name, amount, at, ok },
  },
  {
    file: "salesforce.csv",
    load: ["--quoted-null"],
    duckdb: { allow_quoted_nulls: "true" },
    fields: {
      Id: "BIGINT",
      Name: "VARCHAR?",
      Amount: "DOUBLE?",
      CreatedDate: "TIMESTAMP WITH TIME ZONE?",
      IsClosed: "BOOLEAN?",
    },
  },
  {
    file: "openflights.dat",
    texts: "\\N",
    load: ["--format", "csv", "--no-header", "--escape", "\\", ...withNull, "--null", ""],
    duckdb: { header: "false", escape: "'\\'", nullstr: "''" },
    fields: { id, name, code: "VARCHAR?", amount, dst: "VARCHAR?" },
  },
  // DuckDB passes over the spaces before a quote, but not in each row
  {
    file: "spaced.csv",
    sql: { name: `regexp_replace(name, '^ *"(.*)"$', '\\1')` },
    fields: { id, name, note: "VARCHAR?" },
  },
  { file: "one-column.csv", fields: { name } },
  {
    file: "odd-names.csv",
    columns: ["order", 'a "b"', "x, y", "漢字", "two\nlines", "SELECT ", "rest"],
    fields: {
      order: "BIGINT",
      'a "b"': "BIGINT?",
      "x, y": "BIGINT?",
      漢字: "BIGINT?",
      "two\nlines": "BIGINT?",
      SELECT: "BIGINT?",
    },
    sql: { SELECT: '"SELECT "' },
  },
  { file: "blank-lines.csv", fields: { id, name } },
  {
    file: "latin9.tsv",
    load: ["--encoding", "iso-8859-15"],
    duckdb: { ...tab, encoding: "'latin-1'" },
    columns: ["id", "preis €", "ort"],
    fields: { id, "preis €": "BIGINT?", ort: "VARCHAR?" },
    sql: { ort: "replace(ort, chr(166), 'Š')" },
  },
];
