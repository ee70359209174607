/** Rows that take their key's place. */
import { describe, expect, it } from "vitest";
import type { FormatSettings } from "../../shared/format-settings.ts";
import { upsertReader } from "../../sources/upsert.ts";
import { foreign, record } from "./records.ts";

const one = foreign({ id: "INTEGER", v: "VARCHAR?" }, ["id"]);
const named = foreign({ name: "VARCHAR", v: "BIGINT?" }, ["name"]);
const two = foreign({ a: "INTEGER", b: "VARCHAR", v: "JSON?" }, ["a", "b"]);
const read = (stream: typeof one, key: string | null, value: string | null, settings: FormatSettings = {}) =>
  upsertReader(stream, settings)(record(key, value));
const put = (key: string[], after: (string | undefined)[]) => ({
  is: "changes",
  changes: [{ change: { op: "u", key, after }, order: null }],
});
const gone = (key: string[]) => ({ is: "changes", changes: [{ change: { op: "d", key, after: null }, order: null }] });

it.each<readonly [string, unknown, unknown]>([
  ["a key of JSON", read(one, '{"id":1}', '{"id":1,"v":"a","more":2}'), put(["1"], ["1", '"a"'])],
  ["a key of one value", read(one, "1", '{"id":1,"v":null}'), put(["1"], ["1", "null"])],
  [
    "a key with its schema",
    read(one, '{"schema":{"type":"int32"},"payload":1}', '{"id":1,"v":"a"}'),
    put(["1"], ["1", '"a"']),
  ],
  [
    "a key of text",
    read(named, 'Zoë "1"', '{"v":9007199254740993}'),
    put(['"Zoë \\"1\\""'], ['"Zoë \\"1\\""', "9007199254740993"]),
  ],
  ["a key of text in JSON", read(named, '"a"', '{"name":"a","v":1}'), put(['"a"'], ['"a"', "1"])],
  ["a key of text that reads as a number", read(named, "12", '{"v":1}'), put(['"12"'], ['"12"', "1"])],
  [
    "a row without its key",
    read(two, '{"b":"x","a":1}', '{"v":{"n":1.50}}'),
    put(["1", '"x"'], ["1", '"x"', '{"n":1.50}']),
  ],
  ["a tombstone", read(one, '{"id":1}', null), gone(["1"])],
  ["null", read(one, '{"id":1}', "null"), gone(["1"])],
  ["null with a schema", read(one, '{"id":1}', '{"schema":null,"payload":null}'), gone(["1"])],
  ["a delete that a transform rewrote", read(one, '{"id":1}', '{"id":1,"v":null,"__deleted":"true"}'), gone(["1"])],
  ["no delete", read(one, '{"id":1}', '{"id":1,"v":"a","__deleted":"false"}'), put(["1"], ["1", '"a"'])],
  ["what is missing by setting", read(one, "1", "{}", { missing: "unchanged" }), put(["1"], ["1", undefined])],
])("%s", (_, reading, expected) => {
  expect(reading).toEqual(expected);
});

it("values are read by their schema", () => {
  const field = '{"type":"int64","name":"org.apache.kafka.connect.data.Timestamp","optional":true,"field":"v"}';
  const value = `{"schema":{"type":"struct","fields":[${field}]},"payload":{"v":1709078400500}}`;
  expect(read(foreign({ id: "INTEGER", v: "TIMESTAMP?" }, ["id"]), "1", value)).toEqual(
    put(["1"], ["1", '"2024-02-28 00:00:00.5"']),
  );
});

describe("is refused:", () => {
  const at = "topic shop.public.t, partition 0, offset 7: ";
  it.each<readonly [string, () => unknown, string]>([
    [
      "no key",
      () => read(one, null, "{}"),
      "a record without a key; let the topic's records have the row's key as their key",
    ],
    [
      "another key",
      () => read(one, "1", '{"id":2,"v":null}'),
      "the row's key is another than the record's; name the topic's own key in key: …",
    ],
    [
      "a key of one value for two",
      () => read(two, "1", "{}"),
      "a key of one value, and the stream's is a, b; name one in key: …",
    ],
    ["a key without a field", () => read(two, '{"a":1}', "{}"), "field b: the key has no such field"],
    ["no row", () => read(one, "1", "[]"), "a value that is no JSON object"],
    ["a missing field", () => read(one, "1", '{"id":1}'), "field v: the row has no such column"],
    [
      "a text in a JSON field",
      () => read(two, '{"a":1,"b":"x"}', '{"v":"[1]"}'),
      'field v: a text in a JSON field: JSON written as text, or a text?; set json: "text" or json: "value"',
    ],
    ["a key that is no number", () => read(one, "one", "{}"), "field id: no JSON is not a decimal"],
  ])("%s", (_, run, expected) => {
    expect(() => {
      try {
        run();
      } catch (error) {
        throw new Error((error as { line: string }).line);
      }
    }).toThrow(at + expected);
  });
});
