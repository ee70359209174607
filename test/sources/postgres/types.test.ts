/** Texts of PostgreSQL as JSON texts; what the server and the decoder make of them is in types.slow.test.ts. */
import { describe, expect, it } from "vitest";
import { listJson } from "../../../sources/postgres/arrays.ts";
import { ValueRefusal } from "../../../sources/postgres/refused-value.ts";
import { copyValues } from "../../../sources/postgres/snapshot.ts";
import { type PgType, proposedType, textReader } from "../../../sources/postgres/types.ts";

const type = (name: string, modifier = -1, isList = false): PgType => ({ name, modifier, isList, written: name });
const numeric = (precision: number, scale: number) => type("numeric", ((precision << 16) | (scale & 0x7ff)) + 4);

describe("what a column may be declared as", () => {
  it.each<[string, PgType, string, readonly string[], readonly string[]]>([
    ["int2", type("int2"), "SMALLINT", ["INTEGER", "BIGINT", "DOUBLE", "DECIMAL(5,0)"], ["TINYINT", "USMALLINT"]],
    ["int4", type("int4"), "INTEGER", ["BIGINT", "HUGEINT", "DECIMAL(12,2)"], ["SMALLINT", "FLOAT", "DECIMAL(11,2)"]],
    ["int8", type("int8"), "BIGINT", ["HUGEINT", "DECIMAL(19,0)"], ["INTEGER", "DOUBLE", "UBIGINT", "DECIMAL(18,0)"]],
    ["bool", type("bool"), "BOOLEAN", ["VARCHAR"], ["INTEGER"]],
    ["float4", type("float4"), "FLOAT", ["VARCHAR"], ["DOUBLE"]],
    ["float8", type("float8"), "DOUBLE", ["VARCHAR"], ["FLOAT", "DECIMAL(38,10)"]],
    ["numeric(12,2)", numeric(12, 2), "DECIMAL(12,2)", ["DECIMAL(14,4)"], ["DECIMAL(12,3)", "DECIMAL(12,1)", "DOUBLE"]],
    ["numeric(5,0)", numeric(5, 0), "DECIMAL(5,0)", ["INTEGER", "BIGINT", "HUGEINT"], ["SMALLINT"]],
    ["numeric(3,5)", numeric(3, 5), "DECIMAL(5,5)", ["DECIMAL(6,5)"], ["DECIMAL(5,4)"]],
    ["numeric(3,-2)", numeric(3, -2), "DECIMAL(5,0)", ["INTEGER", "DECIMAL(7,2)"], ["DECIMAL(4,0)"]],
    ["numeric(40,2)", numeric(40, 2), "VARCHAR", ["DECIMAL(38,2)"], ["BIGINT"]],
    ["numeric", type("numeric"), "VARCHAR", ["DECIMAL(38,6)", "DECIMAL(4,1)"], ["DOUBLE", "BIGINT"]],
    ["text", type("text"), "VARCHAR", [], ["BLOB", "UUID", "JSON"]],
    ["enum", type("enum"), "VARCHAR", [], ["INTEGER"]],
    ["uuid", type("uuid"), "UUID", ["VARCHAR"], ["BLOB"]],
    ["date", type("date"), "DATE", ["VARCHAR"], ["TIMESTAMP"]],
    ["timestamp", type("timestamp"), "TIMESTAMP", ["VARCHAR"], ["TIMESTAMP_MS", "TIMESTAMP WITH TIME ZONE", "DATE"]],
    ["timestamp(0)", type("timestamp", 0), "TIMESTAMP", ["TIMESTAMP_S", "TIMESTAMP_MS"], ["TIMESTAMP_NS"]],
    ["timestamptz", type("timestamptz"), "TIMESTAMP WITH TIME ZONE", ["TIMESTAMP", "VARCHAR"], ["TIMESTAMP_S"]],
    ["time", type("time"), "TIME", ["VARCHAR"], ["TIME WITH TIME ZONE"]],
    ["bytea", type("bytea"), "BLOB", ["VARCHAR"], ["JSON"]],
    ["jsonb", type("jsonb"), "JSON", ["VARCHAR"], ["STRUCT(a INTEGER)"]],
    ["int4[]", type("int4", -1, true), "INTEGER[]", ["BIGINT[]", "VARCHAR", "VARCHAR[]"], ["INTEGER", "INTEGER[][]"]],
    ["text[]", type("text", -1, true), "VARCHAR[]", ["VARCHAR"], ["JSON"]],
    ["numeric[]", type("numeric", -1, true), "VARCHAR", ["DECIMAL(9,2)[]"], ["DOUBLE[]"]],
    ["interval", type("other"), "VARCHAR", [], ["INTERVAL", "BIGINT"]],
    ["interval[]", type("other", -1, true), "VARCHAR", [], ["VARCHAR[]"]],
  ])("%s", (_, column, proposed, others, refused) => {
    expect(proposedType(column)).toBe(proposed);
    for (const declared of [proposed, ...others]) expect([declared, textReader(column, declared)]).not.toContain(null);
    for (const declared of refused) expect([declared, textReader(column, declared)]).toContain(null);
  });
});

it.each<[PgType, string, string, string]>([
  [type("int8"), "BIGINT", "9223372036854775807", "9223372036854775807"],
  [type("int8"), "DECIMAL(21,2)", "-9223372036854775808", "-9223372036854775808.00"],
  [type("bool"), "BOOLEAN", "t", "true"],
  [type("float8"), "DOUBLE", "-0", "-0.0"],
  [type("float8"), "DOUBLE", "-Infinity", '"-Infinity"'],
  [type("float8"), "DOUBLE", "1e-05", "1e-05"],
  [numeric(12, 2), "DECIMAL(14,4)", "-12.50", "-12.5000"],
  [type("numeric"), "DECIMAL(4,2)", "12.5000", "12.50"],
  [type("numeric"), "DECIMAL(2,2)", "0.5", "0.50"],
  [type("numeric"), "DECIMAL(4,0)", "-12.000", "-12"],
  [type("text"), "VARCHAR", 'a"b\\\n\u2028ä', '"a\\"b\\\\\\n\u2028ä"'],
  [type("date"), "DATE", "0044-03-15 BC", '"0044-03-15 (BC)"'],
  [type("timestamptz"), "TIMESTAMP", "0044-03-15 01:02:03.5+00 BC", '"0044-03-15 (BC) 01:02:03.5+00"'],
  [type("timestamp"), "TIMESTAMP", "287395-12-31 23:59:59.999999", '"287395-12-31 23:59:59.999999"'],
  [type("bytea"), "BLOB", "\\x00ff10", '"AP8Q"'],
  [type("json"), "JSON", '{"a":\n\r\n 1.50}', '{"a":  1.50}'],
  [type("json"), "JSON", '"\\ud83c\\udf88 \\\\ud800"', '"\\ud83c\\udf88 \\\\ud800"'],
  [type("int4", -1, true), "INTEGER[]", "{1,NULL,-3}", "[1,null,-3]"],
  [type("text", -1, true), "VARCHAR[]", '{a,"b,}\\"\\\\","NULL",NULL,""}', '["a","b,}\\"\\\\","NULL",null,""]'],
  [type("float8", -1, true), "DOUBLE[]", "{NaN,-0}", '["NaN",-0.0]'],
])("%o as %s: %s", (column, declared, text, json) => {
  expect(textReader(column, declared)!(text)).toBe(json);
});

it.each<[PgType, string, string, string]>([
  [type("numeric"), "DECIMAL(38,6)", "NaN", "NaN or an infinity"],
  [type("numeric"), "DECIMAL(38,6)", "-Infinity", "NaN or an infinity"],
  [type("numeric"), "DECIMAL(4,2)", "123.4", "more than 2 whole digits"],
  [type("numeric"), "DECIMAL(4,2)", "1.005", "more than 2 decimals"],
  [type("time"), "TIME", "24:00:00", "24:00"],
  [type("timestamp"), "TIMESTAMP", "287396-01-01 00:00:00", "after the year 287395"],
  [type("timestamptz"), "TIMESTAMP WITH TIME ZONE", "294276-12-31 23:59:59+00", "after the year 287395"],
  [type("json"), "JSON", '{"a":"\\ud800"}', "half a character"],
  [type("int4", -1, true), "INTEGER[]", "{{1,2},{3,4}}", "several dimensions"],
  [type("int4", -1, true), "INTEGER[]", "[0:1]={1,2}", "not numbered from 1"],
])("%o as %s refuses %s", (column, declared, text, problem) => {
  const read = () => textReader(column, declared)!(text);
  expect(read).toThrow(ValueRefusal);
  expect(read).toThrow(problem);
});

it("an empty array is an empty list", () => {
  expect(listJson("{}", (each) => each)).toBe("[]");
});

it.each<[string, readonly (string | null)[]]>([
  ["1\ta b\t\\N\t", ["1", "a b", null, ""]],
  ["a\\tb\\\\N\tc\\nd\t\\\\x00", ["a\tb\\N", "c\nd", "\\x00"]],
])("a line of COPY: %s", (line, values) => {
  expect(copyValues(line)).toEqual(values);
});
