/** What Debezium's records mean. */
import { describe, expect, it } from "vitest";
import type { FormatSettings } from "../../shared/format-settings.ts";
import { debeziumReader } from "../../sources/debezium.ts";
import type { ForeignRecord, Reading } from "../../sources/formats/foreign.ts";
import { fold } from "./fold.ts";
import { event, foreign, record, schemaOf } from "./records.ts";

const text = schemaOf("string");
const stream = foreign({ id: "INTEGER", v: "VARCHAR?" }, ["id"]);
const read = (each: ForeignRecord, settings: FormatSettings = { nulls: "sent" }): Reading =>
  debeziumReader(stream, settings)(each);
const refusal = (run: () => unknown): string => {
  try {
    return `not refused: ${JSON.stringify(run())}`;
  } catch (error) {
    return (error as { line: string }).line;
  }
};
const key = '{"id":1}';
const order = "5 1000";
const placeholder = '{"id":2,"v":"__debezium_unavailable_value"}';

describe.each([
  ["with schemas", text],
  ["payloads alone", null],
])("%s", (_, schema) => {
  it("r, c and u have the row", () => {
    for (const op of ["r", "c", "u"] as const) {
      expect(read(record(key, event(op, '{"id":1,"v":"a"}', schema)))).toEqual({
        is: "changes",
        changes: [{ change: { op, key: ["1"], after: ["1", '"a"'] }, order }],
      });
    }
  });

  it("d has the key, and what else is null there says nothing", () => {
    expect(read(record(key, event("d", "null", schema, '{"id":1,"v":null}')))).toEqual({
      is: "changes",
      changes: [{ change: { op: "d", key: ["1"], after: null }, order }],
    });
    expect(read(record(key, event("d", "null", schema)))).toMatchObject({
      changes: [{ change: { op: "d", key: ["1"] } }],
    });
  });

  it("a key update is a d and a c, which takes what was not sent from the old key", () => {
    const gone = record(key, event("d", "null", schema, '{"id":1,"v":null}'), { "__debezium.newkey": '{"id":2}' });
    expect(read(gone)).toEqual({
      is: "changes",
      changes: [{ change: { op: "d", key: ["1"], after: null }, order, moved: true }],
    });
    for (const header of [key, `{"schema":{"type":"struct"},"payload":${key}}`, "Struct{id=1}"]) {
      const came = record('{"id":2}', event("c", placeholder, schema), { "__debezium.oldkey": header });
      expect(read(came)).toEqual({
        is: "changes",
        changes: [{ change: { op: "c", key: ["2"], after: ["2", undefined], base: ["1"] }, order }],
      });
    }
  });

  it("a u of another key than before is both", () => {
    const moved = record('{"id":2}', event("u", placeholder, schema, '{"id":1,"v":"a"}'));
    expect(read(moved)).toEqual({
      is: "changes",
      changes: [
        { change: { op: "d", key: ["1"], after: null }, order, moved: true },
        { change: { op: "c", key: ["2"], after: ["2", undefined], base: ["1"] }, order },
      ],
    });
  });

  it("what is no change is counted", () => {
    expect(read(record(key, null))).toEqual({ is: "nothing", what: "tombstone" });
    expect(read(record(null, event("m", "null", schema)))).toEqual({ is: "nothing", what: "message" });
    expect(read(record(null, event("t", "null", schema)))).toEqual({ is: "truncate", order });
  });
});

it("the halves of a key update may come in either order, from two partitions", () => {
  const reader = debeziumReader(stream, { nulls: "sent" });
  const at = (text: string, lsn: number) => text.replace('"lsn":5', `"lsn":${lsn}`);
  const before = record(key, at(event("c", '{"id":1,"v":"large"}'), 4));
  const gone = record(key, event("d", "null", null, '{"id":1,"v":null}'), { "__debezium.newkey": '{"id":2}' });
  const came = record('{"id":2}', event("c", placeholder), { "__debezium.oldkey": key });
  for (const halves of [
    [gone, record(key, null), came],
    [came, gone, record(key, null)],
    [came, gone, came, gone],
  ]) {
    expect([...fold(stream, [before, ...halves], reader).rows]).toEqual([['["2"]', ["2", '"large"']]]);
  }
});

it("heartbeats and transactions are counted", () => {
  expect(read(record('{"serverName":"shop"}', '{"ts_ms":1}'))).toEqual({ is: "nothing", what: "heartbeat" });
  const end = '{"status":"END","id":"7:1","event_count":2,"data_collections":[],"ts_ms":1}';
  expect(read(record('{"id":"7:1"}', end))).toEqual({ is: "nothing", what: "transaction" });
  expect(read(record(key, '{"schema":null,"payload":null}'))).toEqual({ is: "nothing", what: "tombstone" });
});

it("the schema of each record counts, whichever came before", () => {
  const reader = debeziumReader(foreign({ id: "INTEGER", v: "DECIMAL(9,2)?" }, ["id"]), { nulls: "sent" });
  const decimal = (scale: number) =>
    schemaOf("bytes", "org.apache.kafka.connect.data.Decimal", `,"parameters":{"scale":"${scale}"}`);
  const after = (value: string) => {
    const reading = reader(record(key, value));
    return reading.is === "changes" ? reading.changes[0]!.change.after![1] : null;
  };
  for (const scale of [2, 1, 1, 2]) {
    expect(after(event("c", '{"id":1,"v":"BLA="}', decimal(scale)))).toBe(scale === 2 ? "12.00" : "120.00");
    expect(after(event("c", '{"id":1,"v":"1.5"}'))).toBe("1.50");
  }
});

describe("is refused, with its place:", () => {
  const at = "topic shop.public.t, partition 0, offset 7: ";
  const ok = '{"id":1,"v":"a"}';
  const two = foreign({ id: "INTEGER", region: "VARCHAR", v: "VARCHAR?" }, ["id", "region"], 4);
  const names = "name the topic's own key in key: …, or set message.key.columns in the connector";
  it.each<readonly [string, () => unknown, string]>([
    [
      "no key",
      () => read(record(null, event("c", ok))),
      `a change without a key, so that changes of one row lie in any partition; ${names}`,
    ],
    [
      "another key",
      () => read(record('{"id":1,"n":2}', event("c", ok))),
      `the records' key is id, n, and the stream's id; ${names}`,
    ],
    [
      "a key of a converter for text",
      () => read(record("Struct{id=1}", event("c", ok))),
      "a key that is no JSON object; use org.apache.kafka.connect.json.JsonConverter as key.converter",
    ],
    [
      "Avro",
      () => read({ ...record(key, ""), value: Buffer.from([0, 0, 0, 0, 1]) }),
      "a record of a schema registry; use org.apache.kafka.connect.json.JsonConverter",
    ],
    ["no JSON", () => read(record(key, "{")), "a record that is no JSON"],
    [
      "a row alone",
      () => read(record(key, ok)),
      "a record that is no change event of Debezium; where a transform takes the row out of the event " +
        '(ExtractNewRecordState), set format: "upsert"',
    ],
    ["no row", () => read(record(key, event("c", "null"))), "a change without a row after it"],
    ["another op", () => read(record(key, event("x", ok))), "an operation that is none of r, c, u, d, t and m"],
    [
      "a missing field",
      () => read(record(key, event("c", '{"id":1}'))),
      "field v: the row has no such column; name the field as its column, give it a DEFAULT, " +
        'or set missing: "null" or missing: "unchanged"',
    ],
    [
      "NULL in a key",
      () => read(record(key, event("d", "null", null, '{"id":null}'))),
      "field id: NULL in the key; name a key that every row has",
    ],
    [
      "truncate among partitions",
      () => debeziumReader(two, {})(record(null, event("t", "null"))),
      "a truncate in one of 4 partitions, in no order with changes in the others; " +
        "leave truncates out (skipped.operations=t)",
    ],
    [
      "an old key that may be two",
      () => {
        const came = event("c", '{"id":2,"region":"b","v":"__debezium_unavailable_value"}');
        return debeziumReader(
          two,
          {},
        )(record('{"id":2,"region":"b"}', came, { "__debezium.oldkey": "Struct{id=1,region=a,region=b}" }));
      },
      "the old key of an update of a key, in a header that is no JSON; " +
        "use org.apache.kafka.connect.json.JsonConverter as header.converter",
    ],
  ])("%s", (_, run, expected) => {
    expect(refusal(run)).toContain(at + expected);
  });

  it("NULL in a field that can't be", () => {
    const strict = debeziumReader(foreign({ id: "INTEGER", v: "VARCHAR" }, ["id"]), {});
    expect(refusal(() => strict(record(key, event("c", '{"id":1,"v":null}'))))).toContain(
      `${at}field v: NULL, and the field is not nullable; declare it as "VARCHAR?" [SOURCE_RECORD]`,
    );
  });

  it("values are in no refusal", () => {
    const secret = debeziumReader(foreign({ id: "INTEGER", v: "BIGINT?" }, ["id"]), { nulls: "sent" });
    expect(refusal(() => secret(record(key, event("c", '{"id":1,"v":"secret"}'))))).not.toContain("secret");
  });
});

it("a missing field is its default, or what the setting says", () => {
  const reader = (type: string, settings: FormatSettings) => {
    const reading = debeziumReader(
      foreign({ id: "INTEGER", v: type }, ["id"]),
      settings,
    )(record(key, event("u", '{"id":1,"w":2}')));
    return reading.is === "changes" ? reading.changes[0]!.change.after : null;
  };
  expect(reader("VARCHAR DEFAULT 'x'", {})).toEqual(["1", "null"]);
  expect(reader("VARCHAR?", { missing: "null" })).toEqual(["1", "null"]);
  expect(reader("VARCHAR?", { missing: "unchanged" })).toEqual(["1", undefined]);
});
