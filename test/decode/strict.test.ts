/** What is an event and what is not, one record at a time, among good ones, on the fast way and on the slow. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allTypes } from "./all-types.ts";
import { batchOf, DecodeBench, type Value } from "./records.ts";

const poison: readonly (readonly [record: Value, reason: string])[] = [
  [null, "no value (a tombstone)"],
  ['{"i64":1.0}', "i64: a number of 3 characters is not a BIGINT"],
  ['{"i64":1e3}', "i64: a number of 6 characters is not a BIGINT"],
  ['{"i64":"12"}', "i64: a text of 2 characters is not a BIGINT"],
  ['{"i64":1.5}', "i64: a number of 3 characters is not a BIGINT"],
  ['{"i64":9223372036854775808}', "i64: a number of 19 characters is not a BIGINT"],
  ['{"i64":-9223372036854775809}', "i64: a number of 20 characters is not a BIGINT"],
  ['{"i64":true}', "i64: a boolean is not a BIGINT"],
  ['{"i64":null}', "i64: required field is missing"],
  ["{}", "i64: required field is missing"],
  ['{"I64":1}', "i64: required field is missing"],
  ['{"i64":[1]}', "i64: a list of 1 is not a BIGINT"],
  ['{"i64":{"a":1}}', "i64: an object is not a BIGINT"],
  ['{"i64":1,"i8":128}', "i8: a number of 3 characters is not a TINYINT"],
  ['{"i64":1,"u8":-1}', "u8: a number of 2 characters is not a UTINYINT"],
  ['{"i64":1,"i16":32768}', "i16: a number of 5 characters is not a SMALLINT"],
  ['{"i64":1,"u16":65536}', "u16: a number of 5 characters is not a USMALLINT"],
  ['{"i64":1,"i32":2147483648}', "i32: a number of 10 characters is not a INTEGER"],
  ['{"i64":1,"u32":4294967296}', "u32: a number of 10 characters is not a UINTEGER"],
  ['{"i64":1,"u64":18446744073709551616}', "u64: a number of 20 characters is not a UBIGINT"],
  ['{"i64":1,"i128":170141183460469231731687303715884105728}', "i128: a number of 39 characters is not a HUGEINT"],
  ['{"i64":1,"u128":340282366920938463463374607431768211456}', "u128: a number of 39 characters is not a UHUGEINT"],
  ['{"i64":1,"f64":1e400}', "f64: a number of 5 characters is not a DOUBLE"],
  ['{"i64":1,"f64":"nan"}', "f64: a text of 3 characters is not a DOUBLE"],
  ['{"i64":1,"f64":NaN}', "invalid JSON"],
  ['{"i64":1,"other":NaN}', "invalid JSON"],
  ['{"i64":1,"f64":-Infinity}', "invalid JSON"],
  ['{"i64":1,"f64":"1.5"}', "f64: a text of 3 characters is not a DOUBLE"],
  ['{"i64":1,"f64":true}', "f64: a boolean is not a DOUBLE"],
  ['{"i64":1,"f32":1e39}', "f32: a number of 4 characters is not a FLOAT"],
  ['{"i64":1,"d9":1.005}', "d9: a number of 5 characters is not a DECIMAL(9,2)"],
  ['{"i64":1,"d9":1e-3}', "d9: a number of 5 characters is not a DECIMAL(9,2)"],
  ['{"i64":1,"d9":12345678.00}', "d9: a number of 10 characters is not a DECIMAL(9,2)"],
  ['{"i64":1,"d9":" 1.25"}', "d9: a text of 5 characters is not a DECIMAL(9,2)"],
  ['{"i64":1,"d9":"1_0"}', "d9: a text of 3 characters is not a DECIMAL(9,2)"],
  ['{"i64":1,"d9":""}', "d9: a text of 0 characters is not a DECIMAL(9,2)"],
  ['{"i64":1,"d9":"NaN"}', "d9: a text of 3 characters is not a DECIMAL(9,2)"],
  ['{"i64":1,"d38":0.00000000001}', "d38: a number of 5 characters is not a DECIMAL(38,10)"],
  ['{"i64":1,"d38":12345678901234567890123456789}', "d38: a text of 29 characters is not a DECIMAL(38,10)"],
  ['{"i64":1,"d38":123456789012345e-20}', "d38: a number of 22 characters is not a DECIMAL(38,10)"],
  ['{"i64":1,"text":12}', "text: a number of 2 characters is not a VARCHAR"],
  ['{"i64":1,"text":"\\ud800"}', "invalid JSON"],
  ['{"i64":1,"text":["a"]}', "text: a list of 1 is not a VARCHAR"],
  ['{"i64":1,"text":"a\tb"}', "invalid JSON"],
  ['{"i64":1,"text":"\\x"}', "invalid JSON"],
  ['{"i64":1,"blob":"AA="}', "blob: a text of 3 characters is not a BLOB"],
  ['{"i64":1,"day":"2001-02-30"}', "day: a text of 10 characters is not a DATE"],
  ['{"i64":1,"day":"2001-02-28 10:00:00"}', "day: a text of 19 characters is not a DATE"],
  ['{"i64":1,"day":"2001-2-28"}', "day: a text of 9 characters is not a DATE"],
  ['{"i64":1,"day":"2001-02-8 "}', "day: a text of 10 characters is not a DATE"],
  ['{"i64":1,"day":"epoch"}', "day: a text of 5 characters is not a DATE"],
  ['{"i64":1,"day":"2001-02-28T00:00:00+02:00"}', "day: a text of 25 characters is not a DATE"],
  ['{"i64":1,"day":"2001-02-30T00:00:00Z"}', "day: a text of 20 characters is not a DATE"],
  ['{"i64":1,"day":"Infinity"}', "day: a text of 8 characters is not a DATE"],
  ['{"i64":1,"day":20010228}', "day: a number of 8 characters is not a DATE"],
  ['{"i64":1,"tod":"24:00:01"}', "tod: a text of 8 characters is not a TIME"],
  ['{"i64":1,"tod":"10:00:00+02"}', "tod: a text of 11 characters is not a TIME"],
  ['{"i64":1,"tod":"2001-01-01 10:00:00"}', "tod: a text of 19 characters is not a TIME"],
  ['{"i64":1,"ts":"2001-01-01T10:00:00+0200"}', "ts: a text of 24 characters is not a TIMESTAMP"],
  ['{"i64":1,"ts":"2001-01-01T10:00:00+24:00"}', "ts: a text of 25 characters is not a TIMESTAMP"],
  ['{"i64":1,"ts":"2001-01-01T10:00:00 +02:00"}', "ts: a text of 26 characters is not a TIMESTAMP"],
  ['{"i64":1,"ts":"2001-01-01Z"}', "ts: a text of 11 characters is not a TIMESTAMP"],
  ['{"i64":1,"ts":"2001-01-01T10"}', "ts: a text of 13 characters is not a TIMESTAMP"],
  ['{"i64":1,"ts":"2001-02-29T10:00:60Z"}', "ts: a text of 20 characters is not a TIMESTAMP"],
  ['{"i64":1,"ts":"2001-01-01 10:00:00 Europe/Berlin"}', "ts: a text of 33 characters is not a TIMESTAMP"],
  ['{"i64":1,"ts":"2001-13-01 10:00:00"}', "ts: a text of 19 characters is not a TIMESTAMP"],
  ['{"i64":1,"ts":"epoch"}', "ts: a text of 5 characters is not a TIMESTAMP"],
  ['{"i64":1,"ts":"now"}', "ts: a text of 3 characters is not a TIMESTAMP"],
  ['{"i64":1,"ts":"294247-01-10 04:00:54.775806+00"}', "ts: a text of 31 characters is not a TIMESTAMP"],
  ['{"i64":1,"ts":978343200}', "ts: a number of 9 characters is not a TIMESTAMP"],
  ['{"i64":1,"ts_ns":"2300-01-01 10:00:00"}', "ts_ns: a text of 19 characters is not a TIMESTAMP_NS"],
  ['{"i64":1,"tz":"today"}', "tz: a text of 5 characters is not a TIMESTAMP WITH TIME ZONE"],
  [
    '{"i64":1,"tz":"2001-01-01 10:00:00 Europe/Berlin"}',
    "tz: a text of 33 characters is not a TIMESTAMP WITH TIME ZONE",
  ],
  ['{"i64":1,"uuid":"11111111-1111-1111-1111-11111111111"}', "uuid: a text of 35 characters is not a UUID"],
  ['{"i64":1,"bool":"true"}', "bool: a text of 4 characters is not a BOOLEAN"],
  ['{"i64":1,"bool":1}', "bool: a number of 1 characters is not a BOOLEAN"],
  ['{"i64":1,"list":[1,"2"]}', "list: a list of 2 is not a BIGINT[]"],
  ['{"i64":1,"list":[1,2.5]}', "list: a list of 2 is not a BIGINT[]"],
  ['{"i64":1,"list":{"0":1}}', "list: an object is not a BIGINT[]"],
  ['{"i64":1,"list":"[1]"}', "list: a text of 3 characters is not a BIGINT[]"],
  ['{"i64":1,"list":[[1]]}', "list: a list of 1 is not a BIGINT[]"],
  ['{"i64":1,"lists":[["a",1]]}', "lists: a list of 1 is not a VARCHAR[][]"],
  ['{"i64":1,"lists":["a"]}', "lists: a list of 1 is not a VARCHAR[][]"],
  ['{"i64":1,"st":{"a":"1"}}', 'st: an object is not a STRUCT(a BIGINT, "b c" VARCHAR, d DECIMAL(38,10)[])'],
  ['{"i64":1,"st":[]}', 'st: a list of 0 is not a STRUCT(a BIGINT, "b c" VARCHAR, d DECIMAL(38,10)[])'],
  [
    '{"i64":1,"st":{"d":[0.00000000001]}}',
    'st: an object is not a STRUCT(a BIGINT, "b c" VARCHAR, d DECIMAL(38,10)[])',
  ],
  ['{"i64":1,}', "invalid JSON"],
  ['{"i64":1,"list":[1,]}', "invalid JSON"],
  ['{"i64":1', "invalid JSON"],
  ['{"i64":1}}', "invalid JSON"],
  ['{"i64":1}{"i64":2}', "invalid JSON"],
  ['{"i64":1} {"i64":2}', "invalid JSON"],
  ['{"i64":1}\n{"i64":2}', "invalid JSON"],
  ['\ufeff{"i64":1}', "invalid JSON"],
  ["", "empty value"],
  [" ", "invalid JSON"],
  ["null", "not a JSON object"],
  ["[1]", "not a JSON object"],
  ['"text"', "not a JSON object"],
  ["42", "not a JSON object"],
  ["not json", "invalid JSON"],
  ["{'i64':1}", "invalid JSON"],
  ["{i64:1}", "invalid JSON"],
  ['{"i64":01}', "invalid JSON"],
  ['{"i64":+1}', "invalid JSON"],
  ['{"i64":.5}', "invalid JSON"],
  ['{"i64":1 /* c */}', "invalid JSON"],
  [
    Buffer.from([0x7b, 0x22, 0x69, 0x36, 0x34, 0x22, 0x3a, 0x31, 0x2c, 0x22, 0x74, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]),
    "invalid UTF-8",
  ],
  [Buffer.from([0xed, 0xa0, 0x80]), "invalid UTF-8"],
  ['{"i64":1,"text":"\x00"}', "invalid JSON"],
];

/** Instants as they may be written; as a TIMESTAMP, and as a TIMESTAMPTZ in UTC where that is another text. */
const times: readonly (readonly [written: string, ts: string, tz?: string])[] = [
  ["2001-01-01T10:00:00+02:00", "2001-01-01 08:00:00"],
  ["2001-01-01T10:00:00-05", "2001-01-01 15:00:00"],
  ["2001-01-01T10:00Z", "2001-01-01 10:00:00"],
  ["2001-01-01T10:00", "2001-01-01 10:00:00"],
  ["2001-01-01 10:00-02:30", "2001-01-01 12:30:00"],
  ["2001-01-01t10:00:00.5z", "2001-01-01 10:00:00.5"],
  ["2001-01-01T10:00:00-00:00", "2001-01-01 10:00:00"],
  ["2016-12-31T23:59:60Z", "2017-01-01 00:00:00"],
  ["2016-12-31T18:59:60.25-05:00", "2017-01-01 00:00:00.25"],
  ["2000-12-31 23:59:59.9999999", "2000-12-31 23:59:59.999999"],
  ["1969-12-31T23:59:59.9999999999999Z", "1969-12-31 23:59:59.999999"],
  ["2001-01-01 24:00:00", "2001-01-02 00:00:00"],
  ["0000-03-01T00:00:00Z", "0001-03-01 (BC) 00:00:00"],
  ["0044-03-15 (BC) 10:53:28+00:53:28", "0044-03-15 (BC) 10:00:00"],
  ["12024-01-01 00:00:00", "12024-01-01 00:00:00"],
  ["infinity", "infinity", "infinity"],
  ["-infinity", "-infinity", "-infinity"],
];

/** Good records, and the fields they give beside `i64` = 1, as text. */
const exact: readonly (readonly [record: Value, fields: Readonly<Record<string, string>>])[] = [
  ['{"i64":-0}', { i64: "0" }],
  ['{"i64":1,"u64":18446744073709551615}', { u64: "18446744073709551615" }],
  ['{"i64":1,"i128":170141183460469231731687303715884105727}', { i128: "170141183460469231731687303715884105727" }],
  ['{"i64":1,"i128":-170141183460469231731687303715884105728}', { i128: "-170141183460469231731687303715884105728" }],
  ['{"i64":1,"u128":340282366920938463463374607431768211455}', { u128: "340282366920938463463374607431768211455" }],
  ['{"i64":1,"f64":-0.0}', { f64: "-0.0" }],
  ['{"i64":1,"f64":"NaN"}', { f64: "nan" }],
  ['{"i64":1,"f64":"-Infinity"}', { f64: "-inf" }],
  ['{"i64":1,"f64":0.1234567890123456789}', { f64: "0.12345678901234568" }],
  ['{"i64":1,"f64":1e-320}', { f64: "1e-320" }],
  ['{"i64":1,"f32":0.1}', { f32: "0.1" }],
  ['{"i64":1,"d9":1.100}', { d9: "1.10" }],
  ['{"i64":1,"d9":1e2}', { d9: "100.00" }],
  ['{"i64":1,"d9":1e-2}', { d9: "0.01" }],
  ['{"i64":1,"d9":"1.25"}', { d9: "1.25" }],
  ['{"i64":1,"d38":1234567890123456789012345678.0123456789}', { d38: "1234567890123456789012345678.0123456789" }],
  ['{"i64":1,"d38":0.0000000001}', { d38: "0.0000000001" }],
  ['{"i64":1,"d38":-0.1234567890}', { d38: "-0.1234567890" }],
  ['{"i64":1,"d38":123456789012345e-10}', { d38: "12345.6789012345" }],
  ['{"i64":1,"text":""}', { text: "" }],
  ['{"i64":1,"text":"a\\"b\\\\c\\/d\\u00e9\\n"}', { text: 'a"b\\c/dé\n' }],
  ['{"i64":1,"text":"\\ud83d\\ude00 \\u0000x"}', { text: "😀 \u0000x" }],
  ['{"i64":1,"text":"null"}', { text: "null" }],
  ['{"i64":1,"text":"\\u0022"}', { text: '"' }],
  ['{"i64":1,"text":"é日本😀 "}', { text: "é日本😀 " }],
  ['{"i64":1,"text":"a","text":"b"}', { text: "a" }],
  ['{"\\u0069\\u0036\\u0034":7}', { i64: "7" }],
  ['{"i64":1,"blob":"AAEC"}', { blob: "\\x00\\x01\\x02" }],
  ['{"i64":1,"blob":""}', { blob: "" }],
  ['{"i64":1,"day":"2001-02-28"}', { day: "2001-02-28" }],
  ['{"i64":1,"tod":"10:00:00.123456"}', { tod: "10:00:00.123456" }],
  ['{"i64":1,"ts":"2001-01-01T10:00:00"}', { ts: "2001-01-01 10:00:00" }],
  ['{"i64":1,"ts":"2001-01-01T10:00:00Z"}', { ts: "2001-01-01 10:00:00" }],
  ['{"i64":1,"ts":"2001-01-01"}', { ts: "2001-01-01 00:00:00" }],
  ['{"i64":1,"ts":"2001-01-01 10:00:00.1234567"}', { ts: "2001-01-01 10:00:00.123456" }],
  ['{"i64":1,"ts_s":"2001-01-01 10:00:00"}', { ts_s: "2001-01-01 10:00:00" }],
  ['{"i64":1,"ts_ms":"2001-01-01 10:00:00.123"}', { ts_ms: "2001-01-01 10:00:00.123" }],
  ['{"i64":1,"ts_ns":"2001-01-01 10:00:00.123456789"}', { ts_ns: "2001-01-01 10:00:00.123456789" }],
  ['{"i64":1,"tz":"2001-01-01T10:00:00+02:00"}', { tz: "2001-01-01 08:00:00+00" }],
  ['{"i64":1,"tz":"2001-01-01T10:00:00"}', { tz: "2001-01-01 10:00:00+00" }],
  ...times.flatMap(([written, ts, tz]): [Value, Readonly<Record<string, string>>][] => [
    [`{"i64":1,"ts":"${written}"}`, { ts }],
    [`{"i64":1,"tz":"${written}"}`, { tz: tz ?? `${ts}+00` }],
  ]),
  ['{"i64":1,"ts_s":"2000-12-31 23:59:59.9996"}', { ts_s: "2000-12-31 23:59:59" }],
  ['{"i64":1,"ts_s":"1969-12-31T23:59:59.9Z"}', { ts_s: "1969-12-31 23:59:59" }],
  ['{"i64":1,"ts_s":"2001-01-01T00:30:00.5+01:00"}', { ts_s: "2000-12-31 23:30:00" }],
  ['{"i64":1,"ts_s":"infinity"}', { ts_s: "infinity" }],
  ['{"i64":1,"ts_ms":"2000-12-31 23:59:59.9996"}', { ts_ms: "2000-12-31 23:59:59.999" }],
  ['{"i64":1,"ts_ms":"1969-12-31 23:59:59.9999Z"}', { ts_ms: "1969-12-31 23:59:59.999" }],
  ['{"i64":1,"ts_ms":"0044-03-15 (BC) 10:00:00.5"}', { ts_ms: "0044-03-15 (BC) 10:00:00.5" }],
  ['{"i64":1,"ts_ns":"2000-12-31 23:59:59.9999999999"}', { ts_ns: "2000-12-31 23:59:59.999999999" }],
  ['{"i64":1,"ts_ns":"2001-01-01T10:00:00.123456789+02:00"}', { ts_ns: "2001-01-01 08:00:00.123456789" }],
  ['{"i64":1,"ts_ns":"2016-12-31T23:59:60.123456789Z"}', { ts_ns: "2017-01-01 00:00:00.123456789" }],
  ['{"i64":1,"tod":"10:00"}', { tod: "10:00:00" }],
  ['{"i64":1,"tod":"23:59:59.9999999"}', { tod: "23:59:59.999999" }],
  ['{"i64":1,"tod":"24:00:00"}', { tod: "24:00:00" }],
  ['{"i64":1,"day":"infinity"}', { day: "infinity" }],
  ['{"i64":1,"day":"0044-03-15 (BC)"}', { day: "0044-03-15 (BC)" }],
  ['{"i64":1,"day":"12024-03-15"}', { day: "12024-03-15" }],
  ['{"i64":1,"day":"2001-02-28T00:00:00.000Z"}', { day: "2001-02-28" }],
  ['{"i64":1,"uuid":"11111111-1111-1111-1111-111111111111"}', { uuid: "11111111-1111-1111-1111-111111111111" }],
  ['{"i64":1,"json":{"a":[1,2.50,"x"],"a":null}}', { json: '{"a":[1,2.5,"x"],"a":null}' }],
  ['{"i64":1,"json":12345678901234567890.123}', { json: "12345678901234567890.123" }],
  [
    '{"i64":1,"json":{"a":[1.00000000000000000001, {"b": 1e-400}], "d9":"\\u0001"},"d9":1}',
    { json: '{"a":[1.00000000000000000001,{"b":1e-400}],"d9":"\\u0001"}', d9: "1.00" },
  ],
  ['{"i64":1,"json":"\\u0001[1]"}', { json: '"\\u0001[1]"' }],
  ['{"i64":1,"json":"12345678901234567890"}', { json: '"12345678901234567890"' }],
  ['{"i64":1,"json":"x"}', { json: '"x"' }],
  ['{"i64":1,"bool":false}', { bool: "false" }],
  ['{"i64":1,"list":[1,null,3]}', { list: "[1, NULL, 3]" }],
  ['{"i64":1,"list":[]}', { list: "[]" }],
  ['{"i64":1,"lists":[["a",null],null,[]]}', { lists: "[[a, NULL], NULL, []]" }],
  [
    '{"i64":1,"st":{"a":1,"b c":"x","d":[1.5,12345678901234567890.0123456789]}}',
    { st: "{'a': 1, 'b c': x, 'd': [1.5000000000, 12345678901234567890.0123456789]}" },
  ],
  ['{"i64":1,"st":{"a":1,"zzz":[{}]}}', { st: "{'a': 1, 'b c': NULL, 'd': NULL}" }],
  ['{"i64":1,"st":{}}', { st: "{'a': NULL, 'b c': NULL, 'd': NULL}" }],
  ['{"i64":1,"text":",}"}', { text: ",}" }],
  ['{"i64":1\n}', {}],
  ['{"i64":1\r}', {}],
  ['{"i64":1}\r', {}],
  [' {"i64":1} ', {}],
  ['{"i64":1} ', {}],
  ['{"i64":1,"text":"\u2028\u0085"}', { text: " " }],
  ['{"":1,"i64":2}', { i64: "2" }],
  ['{"i64":2,"__proto__":{"i64":3}}', { i64: "2" }],
];

let bench: DecodeBench;
/** What each record comes to one by one: a record without a value sends all of a batch that way. */
const slowly = new Map<Value, { readonly fault: string | null; readonly row: Record<string, string | null> | null }>();
beforeAll(async () => {
  // few rows: more threads would only wait for each other
  bench = await DecodeBench.open(allTypes, { threads: 1 });
  const records = [...poison, ...exact].map(([record]) => record);
  const { dead, rows } = await bench.decode(batchOf([...records, null]));
  const faults = new Map(dead.map((letter) => [Number(/^0:(\d+)/.exec(letter)![1]), letter]));
  let good = 0;
  for (const [i, record] of records.entries()) {
    const fault = faults.get(3 * i)?.replace(/^0:\d+ /, "") ?? null;
    slowly.set(record, { fault, row: fault === null ? rows[good++]! : null });
  }
  expect(good).toBe(rows.length);
});
afterAll(() => bench.close());

const plain = '{"i64":1}';
const shown = (value: Value) => (value === null ? "null" : value.toString("latin1" as BufferEncoding).slice(0, 80));

describe("a dead letter with its reason, and nothing else is lost", () => {
  for (const [record, reason] of poison) {
    test(`${shown(record)}: ${reason}`, async () => {
      const { dead, rows } = await bench.decode(batchOf([plain, record, plain]));
      expect(dead).toEqual([`0:3 ${reason}`]);
      expect(rows.map((row) => row.i64)).toEqual(["1", "1"]);
      // the same reason where another record sends the batch the slow way
      expect(slowly.get(record)!.fault).toBe(reason);
    });
  }

  test("all of them at once, over two partitions", async () => {
    const records = poison.flatMap(([record]) => [plain, record]);
    const { dead, rows } = await bench.decode(
      batchOf(records, 0, 100),
      batchOf([plain], 1, 7),
      batchOf(records, 1, 100),
    );
    const expected = (partition: number) =>
      poison.map(([, reason], i) => `${partition}:${100 + 3 * (2 * i + 1)} ${reason}`);
    expect(dead).toEqual([...expected(0), ...expected(1)]);
    expect(rows).toHaveLength(2 * poison.length + 1);
  });
});

describe("every value as it was sent", () => {
  for (const [record, fields] of exact) {
    test(shown(record), async () => {
      const { dead, rows } = await bench.decode(batchOf([record]));
      expect(dead).toEqual([]);
      for (const row of [rows[0]!, slowly.get(record)!.row!]) {
        const given = Object.entries(row).filter(([, value]) => value !== null);
        expect(Object.fromEntries(given)).toEqual({ i64: "1", ...fields });
      }
    });
  }
});
