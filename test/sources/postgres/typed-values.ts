/**
 * Values of each type at their edges, and how PostgreSQL and DuckDB each say which value it is: two texts, neither of
 * them the one that the source wrote.
 */

export interface TypedColumn {
  /** As CREATE TABLE has it. */
  readonly type: string;
  /** Declared types that have all of its values, but for those that are refused. */
  readonly declared: readonly string[];
  /** SQL expressions. */
  readonly values: readonly string[];
  /** Of the values, those that the declared types (but VARCHAR) have no value for. */
  readonly refused?: readonly string[];
}

const text = (values: readonly string[]) => values.map((value) => `'${value.replaceAll("'", "''")}'`);
const texts = text([
  "",
  " ",
  "plain",
  "a\tb\nc\r\\d\"e'f",
  "\\N",
  "ä漢🎈\u2028\u0001\u007f",
  "NULL",
  "{}",
  "x".repeat(300),
]);
const instants = [
  "'1970-01-01 00:00:00'",
  "'2024-07-01 12:34:56.789012'",
  "'2024-07-01 12:34:56.5'",
  "'9999-12-31 23:59:59.999999'",
  "'10000-01-01 00:00:00'",
  "'287395-12-31 23:59:59.999999'",
  "'0001-01-01 00:00:00'",
  "'0001-12-31 23:59:59.9 BC'",
  "'4713-01-01 00:00:00 BC'",
  "'infinity'",
  "'-infinity'",
];
const late = ["'287396-01-01 00:00:00'", "'294276-12-31 23:59:59.999999'"];
const json = text([
  "null",
  "true",
  "1",
  "-0",
  "1.50",
  "12345678901234567890.123456789",
  "1e400",
  '"a\\"b\\\\c\\n\\u00e4\\ud83c\\udf88"',
  '{"a": [1, {"b": null}],\n "a": 2, "": "ä漢🎈"}',
  "[]",
  "{}",
]);
const doubles = ["'0'", "'-0'", "'0.1'", "'1e-5'", "'1e15'", "'1e16'", "'NaN'", "'Infinity'", "'-Infinity'"];

export const columns: readonly TypedColumn[] = [
  {
    type: "int2",
    declared: ["SMALLINT", "INTEGER", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL(6,1)"],
    values: ["-32768", "0", "32767"],
  },
  {
    type: "int4",
    declared: ["INTEGER", "BIGINT", "DOUBLE", "DECIMAL(10,0)"],
    values: ["-2147483648", "0", "2147483647"],
  },
  {
    type: "int8",
    declared: ["BIGINT", "HUGEINT", "DECIMAL(21,2)"],
    values: ["-9223372036854775808", "0", "9007199254740993", "9223372036854775807"],
  },
  { type: "oid", declared: ["UINTEGER", "BIGINT", "UBIGINT"], values: ["'0'", "'4294967295'"] },
  { type: "bool", declared: ["BOOLEAN"], values: ["true", "false"] },
  { type: "float4", declared: ["FLOAT"], values: [...doubles, "'3.4028235e38'", "'1e-45'", "'16777217'"] },
  {
    type: "float8",
    declared: ["DOUBLE"],
    values: [...doubles, "'1.7976931348623157e308'", "'5e-324'", "0.1::float8 + 0.2"],
  },
  {
    type: "numeric(12,2)",
    declared: ["DECIMAL(12,2)", "DECIMAL(20,4)"],
    values: ["0", "-0.01", "0.5", "9999999999.99", "-9999999999.99", "'NaN'"],
    refused: ["'NaN'"],
  },
  {
    type: "numeric(38,10)",
    declared: ["DECIMAL(38,10)"],
    values: ["1234567890123456789012345678.0123456789", "-1e-10"],
  },
  {
    type: "numeric(38,0)",
    declared: ["HUGEINT", "DECIMAL(38,0)"],
    values: [`${"9".repeat(38)}`, `-${"9".repeat(38)}`],
  },
  { type: "numeric(18,0)", declared: ["BIGINT"], values: ["999999999999999999", "0"] },
  { type: "numeric(2,4)", declared: ["DECIMAL(4,4)"], values: ["0.0099", "0"] },
  { type: "numeric(2,-3)", declared: ["DECIMAL(5,0)", "INTEGER"], values: ["99000", "-1000"] },
  {
    type: "numeric",
    declared: ["DECIMAL(38,6)"],
    values: ["1.5", "1.500000000", "0.000001", "0.0000001", "1e32", "'Infinity'", "'-Infinity'", "'NaN'"],
    refused: ["0.0000001", "1e32", "'Infinity'", "'-Infinity'", "'NaN'"],
  },
  { type: "text", declared: ["VARCHAR"], values: texts },
  { type: "varchar(20)", declared: ["VARCHAR"], values: text(["", "short", "trailing  "]) },
  { type: "char(5)", declared: ["VARCHAR"], values: text(["ab", ""]) },
  { type: "name", declared: ["VARCHAR"], values: text(["a name"]) },
  { type: "mood", declared: ["VARCHAR"], values: text(["glad", "sad \"'\\"]) },
  { type: "citext", declared: ["VARCHAR"], values: text(["Ab", "aB"]) },
  { type: "positive", declared: ["INTEGER", "DECIMAL(10,0)"], values: ["1"] },
  {
    type: "uuid",
    declared: ["UUID"],
    values: ["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "'00000000-0000-0000-0000-000000000000'"],
  },
  {
    type: "date",
    declared: ["DATE"],
    values: [
      "'1970-01-01'",
      "'2024-02-29'",
      "'0001-01-01'",
      "'0001-12-31 BC'",
      "'4713-01-01 BC'",
      "'294300-01-01'",
      "'5874897-12-31'",
      "'infinity'",
      "'-infinity'",
    ],
  },
  {
    type: "time",
    declared: ["TIME"],
    values: ["'00:00:00'", "'23:59:59.999999'", "'12:00:00.5'", "'24:00:00'"],
    refused: ["'24:00:00'"],
  },
  { type: "timestamp", declared: ["TIMESTAMP"], values: [...instants, ...late], refused: late },
  {
    type: "timestamp(0)",
    declared: ["TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS"],
    values: ["'2024-07-01 12:34:56'", "'1969-12-31 23:59:59'"],
  },
  {
    type: "timestamp(3)",
    declared: ["TIMESTAMP_MS"],
    values: ["'2024-07-01 12:34:56.789'", "'1969-12-31 23:59:59.001'"],
  },
  {
    type: "timestamptz",
    declared: ["TIMESTAMP WITH TIME ZONE", "TIMESTAMP"],
    values: [...instants, ...late, "'1890-01-01 00:00:00+00:53:28'"],
    refused: late,
  },
  { type: "bytea", declared: ["BLOB"], values: ["''", "'\\x00ff10'", "decode(repeat('ab', 1000), 'hex')"] },
  { type: "json", declared: ["JSON"], values: [...json, "'\"\\ud800\"'"], refused: ["'\"\\ud800\"'"] },
  { type: "jsonb", declared: ["JSON"], values: json },
  {
    type: "int4[]",
    declared: ["INTEGER[]", "BIGINT[]"],
    values: ["'{}'", "'{1,NULL,-3}'", "'{{1,2},{3,4}}'", "'[0:1]={1,2}'"],
    refused: ["'{{1,2},{3,4}}'", "'[0:1]={1,2}'"],
  },
  { type: "text[]", declared: ["VARCHAR[]"], values: [`ARRAY[${texts.join(", ")}, NULL]`] },
  {
    type: "numeric(8,3)[]",
    declared: ["DECIMAL(8,3)[]"],
    values: ["'{1.5,-2,NULL}'", "'{NaN}'"],
    refused: ["'{NaN}'"],
  },
  { type: "float8[]", declared: ["DOUBLE[]"], values: ["'{NaN,-0,0.1,Infinity}'"] },
  {
    type: "timestamptz[]",
    declared: ["TIMESTAMP WITH TIME ZONE[]"],
    values: ["'{2024-07-01 12:00:00+02,infinity,0044-03-15 00:00:00 BC}'"],
  },
  { type: "mood[]", declared: ["VARCHAR[]"], values: [`'{glad,"sad \\"''\\\\"}'`] },
  { type: "positive[]", declared: ["INTEGER[]"], values: ["'{1,2}'"] },
  { type: "uuid[]", declared: ["UUID[]"], values: ["'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'"] },
  { type: "bool[]", declared: ["BOOLEAN[]"], values: ["'{t,f,NULL}'"] },
  { type: "bytea[]", declared: ["BLOB[]"], values: [`'{"\\\\x00ff",NULL}'`] },
  { type: "whole", declared: ["INTEGER[]"], values: ["'{1}'"] },
  ...[
    "interval",
    "timetz",
    "inet",
    "money",
    "int4range",
    "point",
    "xml",
    "tsvector",
    "bit(3)",
    "pair",
    "pg_lsn",
    "interval[]",
  ].map((type) => ({
    type,
    declared: ["VARCHAR"],
    values: [
      {
        interval: "'1 year 2 mons -3 days 04:05:06.7'",
        timetz: "'12:00:00.5+02'",
        inet: "'10.0.0.1/8'",
        money: "'12.34'",
        int4range: "'[1,5)'",
        point: "'(1.5,-2)'",
        xml: "'<a b=\"c\">d</a>'",
        tsvector: "'a:1 b:2'",
        "bit(3)": "B'101'",
        pair: "ROW(1, 'a,\"b')",
        pg_lsn: "'0/1A2B'",
        "interval[]": "'{1 day,NULL}'",
      }[type]!,
    ],
  })),
];

export const setup = `
  CREATE EXTENSION citext;
  CREATE TYPE mood AS ENUM ('glad', 'sad "''\\');
  CREATE DOMAIN positive AS int4 CHECK (VALUE > 0);
  CREATE DOMAIN over AS positive;
  CREATE DOMAIN whole AS int4[];
  CREATE TYPE pair AS (a int, b text);`;

/** SQL of PostgreSQL: which value it is. */
export function serversValue(type: string, declared: string, value: string): string {
  if (declared === "VARCHAR")
    return `CASE WHEN ${value} IS NOT NULL THEN encode(convert_to(format('%s', ${value}), 'UTF8'), 'hex') END`;
  if (declared.endsWith("[]")) {
    const each = serversValue(type.replace(/\[\]$/, ""), declared.slice(0, -2), "x");
    const all = `string_agg(coalesce(${each}, 'none'), '|' ORDER BY n)`;
    return `(SELECT coalesce(${all}, '') FROM unnest(${value}) WITH ORDINALITY AS u(x, n))`;
  }
  const finite = (micros: string) => `CASE WHEN isfinite(${value}) THEN ${micros} ELSE ${value}::text END`;
  switch (declared) {
    case "BOOLEAN":
      return `${value}::int::text`;
    case "FLOAT":
      return `encode(float4send(${value}::float4), 'hex')`;
    case "DOUBLE":
      return `encode(float8send(${value}::float8), 'hex')`;
    case "DATE":
      return finite(`(${value} - date '1970-01-01')::text`);
    case "TIME":
      return `(extract(epoch FROM ${value}) * 1000000)::numeric(20,0)::text`;
    case "BLOB":
      return `encode(${value}, 'hex')`;
    case "JSON":
      return `${value}::jsonb::text`;
    default:
      if (declared.startsWith("TIMESTAMP"))
        return finite(`(extract(epoch FROM ${value}) * 1000000)::numeric(30,0)::text`);
      if (declared.startsWith("DECIMAL")) return `(${value})::numeric(38,${/,(\d+)/.exec(declared)![1]})::text`;
      return `${value}::text`;
  }
}

/** SQL of DuckDB: which value it is. Of doubles their own, of JSON the text. */
export function decodedValue(declared: string, value: string): string {
  if (declared.endsWith("[]")) {
    const each = decodedValue(declared.slice(0, -2), "x");
    const all = `list_transform(${value}, lambda x: coalesce(${each}, 'none'))`;
    return `coalesce(list_aggregate(${all}, 'string_agg', '|'), '')`;
  }
  const finite = (text: string) => `CASE WHEN isfinite(${value}) THEN ${text} ELSE ${value}::VARCHAR END`;
  switch (declared) {
    case "VARCHAR":
      return `lower(hex(encode(${value})))`;
    case "BOOLEAN":
      return `${value}::INTEGER::VARCHAR`;
    case "FLOAT":
      return `${value}::DOUBLE::VARCHAR`;
    case "DATE":
      return finite(`date_diff('day', DATE '1970-01-01', ${value})::VARCHAR`);
    case "TIME":
      return `date_diff('microsecond', TIME '00:00:00', ${value})::VARCHAR`;
    case "BLOB":
      return `lower(hex(${value}))`;
    default:
      // DuckDB leaves out a zero where a DECIMAL has no whole digits
      if (/^DECIMAL\((\d+),\1\)$/.test(declared)) return `regexp_replace(${value}::VARCHAR, '^(-?)\\.', '\\10.')`;
      return declared.startsWith("TIMESTAMP") ? finite(`epoch_us(${value})::VARCHAR`) : `${value}::VARCHAR`;
  }
}

/** A double's text as the bytes that PostgreSQL says. */
export function floatBytes(declared: string, text: string): string {
  if (declared.endsWith("[]")) {
    return text
      .split("|")
      .map((each) => floatBytes(declared.slice(0, -2), each))
      .join("|");
  }
  const value =
    { nan: Number.NaN, inf: Number.POSITIVE_INFINITY, "-inf": Number.NEGATIVE_INFINITY }[text] ?? Number(text);
  const bytes = Buffer.alloc(declared === "FLOAT" ? 4 : 8);
  if (declared === "FLOAT") bytes.writeFloatBE(value);
  else bytes.writeDoubleBE(value);
  return bytes.toString("hex");
}
