/** Every type that a field or a result's column may have, with values from all over its domain. */

export interface TypeRow {
  /** The column's name. */
  readonly name: string;
  readonly type: string;
  /** As DuckDB's cast from VARCHAR reads them; after the last, and where there is none, NULL. */
  readonly values: readonly string[];
  /** A field may have it, and so a group key. */
  readonly field: boolean;
  /** A group key may not have it, or a filter: why is the message's. */
  readonly noKey?: true;
}

const wholes: Readonly<Record<string, readonly [string, string]>> = {
  TINYINT: ["-128", "127"],
  SMALLINT: ["-32768", "32767"],
  INTEGER: ["-2147483648", "2147483647"],
  BIGINT: ["-9223372036854775808", "9223372036854775807"],
  HUGEINT: ["-99999999999999999999999999999999999999", "99999999999999999999999999999999999999"],
  UTINYINT: ["0", "255"],
  USMALLINT: ["0", "65535"],
  UINTEGER: ["0", "4294967295"],
  UBIGINT: ["0", "18446744073709551615"],
  UHUGEINT: ["0", "340282366920938463463374607431768211455"],
};

const texts = [
  "",
  " ",
  "a",
  "NULL",
  "null",
  'q"u,o\\te',
  "line\nbreak\r\n",
  "é漢\u0301😀",
  "\u0001[1]",
  "\uFEFFx",
  "0",
  "{}",
  "infinity",
];

const field = (name: string, type: string, ...values: string[]): TypeRow => ({ name, type, values, field: true });
const result = (name: string, type: string, ...values: string[]): TypeRow => ({ name, type, values, field: false });

export const types: readonly TypeRow[] = [
  field("bool", "BOOLEAN", "true", "false"),
  ...Object.entries(wholes).map(([type, ends]) =>
    field(type.toLowerCase(), type, ...ends, "0", "1", ...(type.startsWith("U") ? [] : ["-1"])),
  ),
  field("f32", "FLOAT", "0.1", "-0.0", "nan", "inf", "-inf", "3.4028235e38", "1e-45", "16777217", "-1.5"),
  field(
    "f64",
    "DOUBLE",
    "0.1",
    "-0.0",
    "nan",
    "inf",
    "-inf",
    "1.7976931348623157e308",
    "5e-324",
    "9007199254740993",
    "1e21",
    "-1e-7",
  ),
  field("d4", "DECIMAL(4,2)", "-99.99", "0.01", "99.99", "0"),
  field("d18", "DECIMAL(18,0)", "-999999999999999999", "999999999999999999"),
  field(
    "d38",
    "DECIMAL(38,10)",
    "-9999999999999999999999999999.9999999999",
    "0.0000000001",
    "1234567890123456789012345678.0123456789",
  ),
  field(
    "d38all",
    "DECIMAL(38,38)",
    "0.12345678901234567890123456789012345678",
    "-0.00000000000000000000000000000000000001",
  ),
  field("text", "VARCHAR", ...texts),
  field("blob", "BLOB", "", "a", "\\x00\\xFF", "\\x22,\\x0A", "\\xFB\\xFF\\xBF"),
  field(
    "day",
    "DATE",
    "infinity",
    "-infinity",
    "5877642-06-25 (BC)",
    "5881580-07-10",
    "0001-01-01 (BC)",
    "0001-12-31",
    "0044-03-15 (BC)",
    "2024-02-29",
    "9999-12-31",
    "10000-01-01",
  ),
  field("tod", "TIME", "00:00:00", "24:00:00", "23:59:59.999999", "12:00:00.5"),
  field(
    "ts",
    "TIMESTAMP",
    "infinity",
    "-infinity",
    "290309-12-22 (BC) 00:00:00",
    "294247-01-10 04:00:54.775806",
    "0001-01-01 (BC) 12:00:00",
    "1969-12-31 23:59:59.999999",
    "2024-03-31 02:30:00",
  ),
  field(
    "ts_s",
    "TIMESTAMP_S",
    "infinity",
    "-infinity",
    "0044-03-15 (BC) 10:00:00",
    "1969-12-31 23:59:59",
    "294247-01-10 04:00:54",
  ),
  field(
    "ts_ms",
    "TIMESTAMP_MS",
    "infinity",
    "-infinity",
    "0044-03-15 (BC) 10:00:00.001",
    "1969-12-31 23:59:59.999",
    "294247-01-10 04:00:54.775",
  ),
  field(
    "ts_ns",
    "TIMESTAMP_NS",
    "infinity",
    "-infinity",
    "1677-09-22 00:00:00.000000001",
    "2262-04-11 23:47:16.854775806",
    "1969-12-31 23:59:59.999999999",
  ),
  field(
    "tz",
    "TIMESTAMP WITH TIME ZONE",
    "infinity",
    "-infinity",
    "0044-03-15 (BC) 10:00:00+00",
    "1800-01-01 00:00:00+00",
    "2024-10-27 00:30:00+00",
    "2024-10-27 01:30:00+00",
    "2024-07-01 12:00:00.123456+00",
    "12024-07-01 12:00:00+00",
    "294246-01-10 04:00:54.775806+00",
  ),
  field(
    "uuid",
    "UUID",
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "7fffffff-ffff-ffff-ffff-ffffffffffff",
  ),
  field(
    "json",
    "JSON",
    '{"a":[1,2.5,"x"],"b":null}',
    '"x"',
    "null",
    "12345678901234567890123.00000000001",
    '{"n":1e400,"u":"\\u0001"}',
    '"\\u0001[1]"',
    '"12345678901234567890"',
    "[]",
    "-0.0",
  ),
  field("list", "BIGINT[]", "[]", "[1, NULL, -9223372036854775808]"),
  field("lists", "VARCHAR[][]", '[["a", NULL], NULL, []]', "[[b, c d], []]"),
  field("days", "DATE[]", "[infinity, '0044-03-15 (BC)', NULL]", "[]"),
  field("instants", "TIMESTAMP WITH TIME ZONE[]", "['2024-10-27 00:30:00+00', '2024-10-27 01:30:00+00', NULL]"),
  field(
    "struct",
    'STRUCT(a BIGINT, "b c" VARCHAR, d DECIMAL(38,10), e BLOB)',
    "{'a': 1, 'b c': x, 'd': 1234567890123456789012345678.0123456789, 'e': '\\\\x00\\\\xFF'}",
    "{'a': NULL, 'b c': NULL, 'd': NULL, 'e': NULL}",
  ),
  field("numbered", 'STRUCT("2" INTEGER, "1" INTEGER)', "{'2': 2, '1': 1}"),
  { ...field("floats", "DOUBLE[]", "[nan, inf, -inf, -0.0, 0.1, NULL]", "[]"), noKey: true },
  result("huge", "HUGEINT", "-170141183460469231731687303715884105728", "170141183460469231731687303715884105727"),
  result("bignum", "BIGNUM", "123456789012345678901234567890123456789012345678901234567890", "-1", "0"),
  result(
    "interval",
    "INTERVAL",
    "0 days",
    "1 month -1 days",
    "-00:00:00.000001",
    "-1 years",
    "25 months 3 days 04:05:06.7",
  ),
  result("todtz", "TIME WITH TIME ZONE", "24:00:00+15:59:59", "00:00:00-15:59:59", "12:00:00.5+02", "10:00:00-03:30"),
  result("tod_ns", "TIME_NS", "23:59:59.999999999", "00:00:00"),
  result("bit", "BIT", "0", "101", "0000000000000000000000000000000000000000000000000000000000000000000001"),
  result("enum", "ENUM('x', 'y\"z', '')", "x", 'y"z', ""),
  result(
    "map",
    "MAP(VARCHAR, DECIMAL(38,10))",
    "{}",
    "{k=1.5, l=NULL}",
    '{"=,}"=1234567890123456789012345678.0123456789}',
  ),
  result("mapped", "MAP(DATE, TIME WITH TIME ZONE[])", "{2024-01-01=['10:00:00+02', NULL]}"),
  result("array", "INTEGER[3]", "[1, NULL, 3]"),
  result("union", 'UNION(n INTEGER, "at" TIMESTAMP WITH TIME ZONE, s VARCHAR)', "12", "abc", "2024-10-27 00:30:00+00"),
  result("jsons", "JSON[]", '[{"a": 1}, null]'),
  result("loose", "JSON", "[1,]", '{"a":NaN, "b": [-Infinity, ], }', '{"a":\n 1}'),
];

export const rows = Math.max(...types.map(({ values }) => values.length)) + 1;

/** A value's text in a row; undefined: it is NULL there. */
export function valueAt({ values }: TypeRow, row: number): string | undefined {
  return values[row];
}
