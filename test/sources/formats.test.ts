/** Every declared type in every way that connectors write it. */
import { describe, expect, it } from "vitest";
import { type FormatSettings, formatSettings } from "../../shared/format-settings.ts";
import { debeziumReader } from "../../sources/debezium.ts";
import { batchOf, DecodeBench } from "../decode/records.ts";
import { randomOf } from "../faults/fault.ts";
import { stream } from "../support/view-case.ts";
import { afterOf, decimalSchema, event, foreign, record, type SchemaText, schemaOf } from "./records.ts";

type Way = readonly [raw: string, schema: SchemaText, settings?: FormatSettings];

function read(type: string, [raw, schema, settings = {}]: Way, op = "c", before = "null"): string | undefined {
  const reader = debeziumReader(foreign({ id: "INTEGER", v: `${type}?` }, ["id"]), { nulls: "sent", ...settings });
  return afterOf(reader(record('{"id":1}', event(op, `{"id":1,"v":${raw}}`, schema, before))))![1];
}

const refusal = (run: () => unknown): string => {
  try {
    return `not refused: ${JSON.stringify(run())}`;
  } catch (error) {
    return (error as { line: string }).line;
  }
};

const random = randomOf(17);
const many = 40;
const whole = (below: number) => Math.floor(random() * below);
const digits = (count: number) => Array.from({ length: count }, () => whole(10)).join("");

/** Two's complement of as few bytes as there can be, by hand. */
function twosComplement(value: bigint): string {
  let length = 1;
  while (value >= 1n << BigInt(8 * length - 1) || value < -(1n << BigInt(8 * length - 1))) length++;
  const bytes = Buffer.alloc(length);
  let rest = value;
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 255n);
    rest >>= 8n;
  }
  return `"${bytes.toString("base64")}"`;
}

describe.each([
  [9, 2],
  [15, 0],
  [38, 10],
])("DECIMAL(%i,%i)", (precision, scale) => {
  const type = `DECIMAL(${precision},${scale})`;
  const values = [0n, 1n, -1n, 127n, 128n, -128n, -129n, 255n, 256n].concat(
    Array.from({ length: many }, () => BigInt(digits(1 + whole(precision))) * (random() < 0.5 ? -1n : 1n)),
  );
  const textOf = (value: bigint) => {
    const plain = String(value < 0n ? -value : value).padStart(scale + 1, "0");
    const sign = value < 0n ? "-" : "";
    return scale === 0 ? sign + plain : `${sign}${plain.slice(0, -scale)}.${plain.slice(-scale)}`;
  };
  const ways: readonly (readonly [string, (value: bigint) => Way])[] = [
    ["bytes, scale in the schema", (value) => [twosComplement(value), decimalSchema(scale)]],
    ["bytes with another scale", (value) => [twosComplement(value * 100n), decimalSchema(scale + 2)]],
    ["bytes, the field's scale", (value) => [twosComplement(value), null, { decimals: "precise" }]],
    [
      "variable scale",
      (value) => [
        `{"scale":${scale},"value":${twosComplement(value)}}`,
        schemaOf("struct", "io.debezium.data.VariableScaleDecimal"),
      ],
    ],
    ["variable scale without a schema", (value) => [`{"value":${twosComplement(value)},"scale":${scale}}`, null]],
    ["text", (value) => [`"${textOf(value)}"`, schemaOf("string")]],
    ["text by setting", (value) => [`"${textOf(value)}"`, null, { decimals: "string" }]],
    ["numbers of a decimal", (value) => [textOf(value), decimalSchema(scale)]],
    ["numbers by setting", (value) => [textOf(value), null, { decimals: "numeric" }]],
  ];
  it.each(ways)("%s", (_, way) => {
    for (const value of values) expect(read(type, way(value))).toBe(textOf(value));
  });
  it("doubles", () => {
    const withFraction = values.filter((value) => value !== 0n);
    const ways = withFraction.map((value): Way => [String(Number(value) / 10 ** scale), schemaOf("double")]);
    for (const [i, [raw]] of ways.entries()) {
      const run = () => read(type, [raw, schemaOf("float64")]);
      if (precision <= 15) expect(run()).toBe(textOf(withFraction[i]!));
      else expect(refusal(run)).toMatch(/v: a number that a double may have rounded; set decimal.handling.mode=string/);
    }
  });
});

/** The text of an instant, by JavaScript's own calendar. */
function instantOf(micros: bigint): string {
  const millis = micros >= 0n ? micros / 1000n : -((-micros + 999n) / 1000n);
  const rest = micros - millis * 1000n;
  const [, day, time, ms] = /^(.*)T(.*)\.(\d{3})Z$/.exec(new Date(Number(millis)).toISOString())!;
  const fraction = `${ms}${String(rest).padStart(3, "0")}`.replace(/0+$/, "");
  return `${day} ${time}${fraction === "" ? "" : `.${fraction}`}`;
}

describe("times", () => {
  const micros = [0n, 1n, -1n, -1_000_000n, 999_999n].concat(
    Array.from({ length: many }, () => BigInt(whole(5_000_000_000)) * 1_000_000n + BigInt(whole(1e6)) - 2n ** 51n),
  );
  const floor = (value: bigint, unit: bigint) => value - (((value % unit) + unit) % unit);
  const debezium = (name: string) => schemaOf("int64", `io.debezium.time.${name}`);
  const iso = (value: bigint) => `"${instantOf(value).replace(" ", "T")}Z"`;
  it.each<readonly [string, unit: bigint, (micros: bigint) => Way]>([
    ["Timestamp", 1000n, (value) => [String(value / 1000n), debezium("Timestamp")]],
    ["MicroTimestamp", 1n, (value) => [String(value), debezium("MicroTimestamp")]],
    ["NanoTimestamp", 1n, (value) => [`${value}000`.replace(/^0+(?=\d)/, ""), debezium("NanoTimestamp")]],
    [
      "Connect's",
      1000n,
      (value) => [String(value / 1000n), schemaOf("int64", "org.apache.kafka.connect.data.Timestamp")],
    ],
    ["IsoTimestamp", 1n, (value) => [iso(value), schemaOf("string", "io.debezium.time.IsoTimestamp")]],
    ["text alone", 1n, (value) => [iso(value), null]],
    ["milliseconds by setting", 1000n, (value) => [String(value / 1000n), null, { times: "milliseconds" }]],
    ["microseconds by setting", 1n, (value) => [String(value), null, { times: "microseconds" }]],
    ["nanoseconds by setting", 1n, (value) => [`${value}000`.replace(/^0+(?=\d)/, ""), null, { times: "nanoseconds" }]],
  ])("TIMESTAMP, %s", (_, unit, way) => {
    for (const each of micros) {
      const value = floor(each, unit);
      expect(read("TIMESTAMP", way(value))).toBe(`"${instantOf(value)}"`);
    }
  });
  it("TIMESTAMP WITH TIME ZONE", () => {
    for (const value of micros) {
      const zoned: Way = [iso(value), schemaOf("string", "io.debezium.time.ZonedTimestamp")];
      expect(read("TIMESTAMP WITH TIME ZONE", zoned)).toBe(`"${instantOf(value)}+00"`);
      expect(read("TIMESTAMP", zoned)).toBe(`"${instantOf(value)}"`);
    }
  });
  it("DATE and TIME", () => {
    for (const value of micros) {
      const [day, time] = instantOf(value).split(" ") as [string, string];
      const days = floor(value, 86_400_000_000n) / 86_400_000_000n;
      const ofDay = value - days * 86_400_000_000n;
      for (const name of ["io.debezium.time.Date", "org.apache.kafka.connect.data.Date"]) {
        expect(read("DATE", [String(days), schemaOf("int32", name)])).toBe(`"${day}"`);
      }
      expect(read("DATE", [String(days), null])).toBe(`"${day}"`);
      expect(read("DATE", [`"${day}Z"`, schemaOf("string", "io.debezium.time.IsoDate")])).toBe(`"${day}"`);
      expect(read("TIME", [String(ofDay), debezium("MicroTime")])).toBe(`"${time}"`);
      expect(read("TIME", [`${ofDay}000`.replace(/^0+(?=\d)/, ""), debezium("NanoTime")])).toBe(`"${time}"`);
      expect(read("TIME", [`"${time}Z"`, schemaOf("string", "io.debezium.time.IsoTime")])).toBe(`"${time}"`);
      const short = `"${time
        .replace(/(\.\d{1,3})\d*$/, "$1")
        .replace(/(\.\d*?)0+$/, "$1")
        .replace(/\.$/, "")}"`;
      expect(read("TIME", [String(ofDay / 1000n), debezium("Time")])).toBe(short);
    }
  });
});

/** What a value of each type is as JSON, and ways to write it. */
const others: Readonly<Record<string, readonly (readonly [expected: string, ...Way])[]>> = {
  BOOLEAN: [
    ["true", "true", schemaOf("boolean")],
    ["false", "false", null],
  ],
  SMALLINT: [["-7", "-7", schemaOf("int16")]],
  BIGINT: [
    ["9223372036854775807", "9223372036854775807", schemaOf("int64")],
    ["-9007199254740993", "-9007199254740993", null],
    ["12", '"DA=="', decimalSchema(0)],
    ["12", '"BLA="', decimalSchema(2)],
    ["12", '"12"', schemaOf("string")],
    ["3723000000", "3723000000", schemaOf("int64", "io.debezium.time.MicroDuration")],
  ],
  HUGEINT: [
    ["170141183460469231731687303715884105727", '"170141183460469231731687303715884105727"', schemaOf("string")],
  ],
  DOUBLE: [
    ["0.1", "0.1", schemaOf("float64")],
    ["1.0E300", "1.0E300", null],
    ['"NaN"', '"NaN"', schemaOf("float64")],
    ['"-Infinity"', '"-Infinity"', null],
    ['"Infinity"', '"POSITIVE_INFINITY"', schemaOf("string")],
    ["12.00", '"BLA="', decimalSchema(2)],
  ],
  FLOAT: [["0.1", "0.1", schemaOf("float32")]],
  VARCHAR: [
    ['"a \\"b\\" é"', '"a \\"b\\" \\u00e9"', schemaOf("string")],
    ['"12"', "12", schemaOf("int32")],
    ['"2024-02-28"', "19781", schemaOf("int32", "io.debezium.time.Date")],
    ['"2024-02-28 00:00:00.5"', "1709078400500", schemaOf("int64", "io.debezium.time.Timestamp")],
    ['"P1Y2M"', '"P1Y2M"', schemaOf("string", "io.debezium.time.Interval")],
    ['"12.00"', '"BLA="', decimalSchema(2)],
    ['"-0.5"', '{"scale":1,"value":"+w=="}', schemaOf("struct", "io.debezium.data.VariableScaleDecimal")],
  ],
  BLOB: [
    ['"AQID/w=="', '"AQID/w=="', schemaOf("bytes")],
    ['"AQID/w=="', '"AQID_w"', schemaOf("string")],
    ['"AQID/w=="', '"010203FF"', schemaOf("string"), { binary: "hex" }],
    ['"AQIDBA=="', '"AQIDBA=="', schemaOf("string"), { binary: "base64" }],
    ['"/w=="', '"ff"', null],
    ['""', '""', null],
  ],
  DATE: [
    ['"0044-03-15 (BC)"', "-735160", schemaOf("int32", "io.debezium.time.Date")],
    ['"infinity"', "-2147472692", schemaOf("int32", "io.debezium.time.Date")],
    ['"-infinity"', "-625821272", null],
    ['"infinity"', '"-5877611-06-21Z"', schemaOf("string", "io.debezium.time.IsoDate")],
  ],
  TIMESTAMP: [
    ['"infinity"', "9223372036825200000", schemaOf("int64", "io.debezium.time.MicroTimestamp")],
    ['"-infinity"', "-9223372036832400000", null, { times: "microseconds" }],
    ['"infinity"', "9223372036854775807", schemaOf("int64", "io.debezium.time.NanoTimestamp")],
  ],
  TIMESTAMP_NS: [['"1970-01-01 00:00:00.000000001"', "1", schemaOf("int64", "io.debezium.time.NanoTimestamp")]],
  "TIMESTAMP WITH TIME ZONE": [
    ['"infinity"', '"infinity"', schemaOf("string", "io.debezium.time.ZonedTimestamp")],
    ['"0044-03-15 (BC) 10:00:00+00"', '"-0043-03-15T10:00:00Z"', schemaOf("string", "io.debezium.time.ZonedTimestamp")],
    ['"12024-02-28 10:00:00+00"', '"+12024-02-28T10:00:00Z"', null],
    ['"2024-02-28 10:00:00+02"', '"2024-02-28T10:00:00+02:00"', null],
  ],
  TIME: [['"24:00:00"', "86400000000", schemaOf("int64", "io.debezium.time.MicroTime")]],
  UUID: [['"0a000000-0000-0000-0000-00000000000b"', '"0A000000-0000-0000-0000-00000000000B"', null]],
  JSON: [
    [
      '{"a": 12345678901234567890.5}',
      '"{\\"a\\": 12345678901234567890.5}"',
      schemaOf("string", "io.debezium.data.Json"),
    ],
    ['{ "a":[1 ]}', '"{\\n\\"a\\":[1\\n]}"', null],
    ['{"x":1,"y":2}', '{"x":1,"y":2}', schemaOf("struct", "io.debezium.data.geometry.Point")],
    ['"[1]"', '"[1]"', null, { json: "value" }],
  ],
  "BIGINT[]": [
    [
      "[1,null,9007199254740993]",
      "[1, null, 9007199254740993]",
      schemaOf("array", "", `,"items":${schemaOf("int64")}`),
    ],
  ],
  "DECIMAL(9,2)[]": [["[12.00,null]", '["BLA=",null]', schemaOf("array", "", `,"items":${decimalSchema(2)}`)]],
  "DATE[]": [
    ['["2024-02-28"]', "[19781]", schemaOf("array", "", `,"items":${schemaOf("int32", "io.debezium.time.Date")}`)],
  ],
  "VARCHAR[][]": [['[["a"],[null]]', '[["a"],[null]]', null]],
  "STRUCT(a BIGINT, b VARCHAR[])": [['{"a":9007199254740993,"b":null}', '{"z":1,"a":9007199254740993}', null]],
};

describe.each(Object.entries(others))("%s", (type, ways) => {
  it("is read", () => {
    for (const [expected, ...way] of ways) expect([way[0], read(type, way)]).toEqual([way[0], expected]);
  });

  it("is NULL where it is null", () => {
    expect(read(type, ["null", null])).toBe("null");
  });

  it("is not sent where the placeholder is in its place", () => {
    const text = "__debezium_unavailable_value";
    const [base64, codes] = [Buffer.from(text).toString("base64"), [...Buffer.from(text)]];
    const listed: Record<string, string> = {
      "VARCHAR[][]": `["${text}"]`,
      "BIGINT[]": `[${codes}]`,
      "DATE[]": `[${codes.join(", ")}]`,
    };
    const shapes = [`"${text}"`, listed[type] ?? `"${text}"`, ...(type === "BLOB" ? [`"${base64}"`] : [])];
    for (const shape of shapes) expect([shape, read(type, [shape, null])]).toEqual([shape, undefined]);
    const own = [`"${"gone"}"`, null, { placeholder: "gone" }] as const;
    expect(read(type, own)).toBeUndefined();
  });
});

it("what is read is a value of its type for the stream's own decoder", async () => {
  const fields = Object.keys(others).map((type, i) => [`f${i}`, `${type}?`] as const);
  const bench = await DecodeBench.open(stream("all", { id: "BIGINT", ...Object.fromEntries(fields) }));
  const records = Object.values(others).flatMap((ways, i) => ways.map(([expected]) => `{"id":1,"f${i}":${expected}}`));
  try {
    expect((await bench.decode(batchOf(records))).dead).toEqual([]);
  } finally {
    bench.close();
  }
});

describe("what can't be told apart is refused, with the setting to change", () => {
  const at = "topic shop.public.t, partition 0, offset 7: field v: ";
  it.each<readonly [string, Way, string]>([
    ["DECIMAL(9,2)", ['"1234"', null], "a decimal's digits, or its bytes in base64?; set decimal.handling.mode=string"],
    ["DECIMAL(38,2)", ["1.25", null], "a number that a double may have rounded; set decimal.handling.mode=string"],
    [
      "DECIMAL(9,2)",
      ['"NaN"', schemaOf("string")],
      "NaN and infinities are no decimals; declare the field as DOUBLE or VARCHAR",
    ],
    [
      "DECIMAL(9,2)",
      ['"1.255"', schemaOf("string")],
      "a number with more than 2 decimals; declare more than DECIMAL(9,2) has",
    ],
    ["BIGINT", ["1.5", schemaOf("float64")], "a number that a double may have rounded"],
    [
      "BIGINT",
      ["19781", schemaOf("int32", "io.debezium.time.Date")],
      "a time is not a BIGINT; declare the field with its column's type",
    ],
    [
      "TIMESTAMP",
      ["1709078400500", null],
      'a timestamp without time zone as a number: of which unit?; set times: "microseconds"',
    ],
    ["TIME", ["1", null], "a time of day as a number: of which unit?"],
    ["TIMESTAMP", ["1", schemaOf("int64")], "an int64 is not a timestamp without time zone"],
    [
      "TIMESTAMP WITH TIME ZONE",
      ["1", schemaOf("int64", "io.debezium.time.MicroTimestamp")],
      "a timestamp without time zone is not a timestamp with time zone",
    ],
    [
      "TIME",
      ['"10:00:00Z"', schemaOf("string", "io.debezium.time.ZonedTime")],
      "io.debezium.time.ZonedTime is not a time of day",
    ],
    ["BLOB", ['"abcd"', null], "bytes in hex, or in base64?; set binary to the connector's binary.handling.mode"],
    ["BLOB", ['"abc!"', schemaOf("bytes")], "a text that is no bytes as base64"],
    ["VARCHAR", ["12", null], "a number in a VARCHAR field"],
    ["VARCHAR", ["1.5", schemaOf("float64")], "a double is not a VARCHAR; declare the field as DOUBLE"],
    [
      "VARCHAR",
      ["12", schemaOf("int64", "io.debezium.time.MicroDuration")],
      "an interval in microseconds, with months of 30.4375 days; set interval.handling.mode=string",
    ],
    ["VARCHAR", ['"AQ=="', schemaOf("bytes")], "bytes are not a VARCHAR; declare the field as BLOB"],
    ["VARCHAR", ["true", null], "a boolean is not a VARCHAR"],
    ["JSON", ['"{"', null], "a text that is no JSON; declare the field as VARCHAR"],
    ["DATE", ["2147483647", null], "days beyond those of a date"],
    ["BOOLEAN", ["1", null], "an integer is not a BOOLEAN"],
    ["UUID", ["1", null], "an integer is not a UUID"],
  ])("%s %s", (type, way, expected) => {
    const line = refusal(() => read(type, way));
    expect(line).toContain(at + expected);
    // what it names can be set
    for (const [, name, value] of line.matchAll(/\b(decimals|times|binary|json|nulls|missing): "([^"]+)"/g)) {
      expect(formatSettings[name as keyof typeof formatSettings]).toContain(value);
    }
  });
});

it("null in an update is doubtful where there is no placeholder, but for full rows", () => {
  const listOf = (items: string) => schemaOf("array", "", `,"items":${items}`);
  const doubtful = (type: string, schema: SchemaText, op = "u", before = "null", settings: FormatSettings = {}) => {
    const reader = debeziumReader(foreign({ id: "INTEGER", v: `${type}?` }, ["id"]), { nulls: "sent", ...settings });
    const reading = reader(record('{"id":1}', event(op, '{"id":1,"v":null}', schema, before)));
    return reading.is === "changes" && reading.changes[0]!.doubtful !== undefined;
  };
  const doubles = listOf(schemaOf("float64"));
  expect(doubtful("DOUBLE[]", doubles)).toBe(true);
  expect(doubtful("DOUBLE[]", null)).toBe(true);
  expect(doubtful("DOUBLE[]", doubles, "u", '{"id":1,"v":null}')).toBe(true);
  expect(doubtful("DOUBLE[]", doubles, "u", '{"id":1,"v":[1.5]}')).toBe(false);
  expect(doubtful("DOUBLE[]", doubles, "c")).toBe(false);
  expect(doubtful("VARCHAR[]", listOf(schemaOf("string")))).toBe(false);
  expect(doubtful("INTEGER[]", listOf(schemaOf("int32")))).toBe(false);
  expect(doubtful("DATE[]", listOf(schemaOf("int32", "io.debezium.time.Date")))).toBe(false);
  expect(doubtful("DATE[]", listOf(schemaOf("int32", "org.apache.kafka.connect.data.Date")))).toBe(true);
  expect(doubtful("DATE[]", listOf(schemaOf("string", "io.debezium.time.IsoDate")))).toBe(true);
  expect(doubtful("BLOB", schemaOf("bytes"))).toBe(false);
  expect(doubtful("BLOB", schemaOf("string"))).toBe(true);
  expect(doubtful("BLOB", schemaOf("string"), "u", "null", { binary: "hex" })).toBe(false);
  expect(doubtful("VARCHAR", null)).toBe(false);
});

it("a column's default may be a NULL that the converter replaced", () => {
  const withDefault = schemaOf("string", "", ',"default":"none"');
  const readWith = (raw: string, schema: SchemaText, settings: FormatSettings, type = "VARCHAR?") =>
    afterOf(
      debeziumReader(
        foreign({ id: "INTEGER", v: type }, ["id"]),
        settings,
      )(record('{"id":1}', event("c", `{"id":1,"v":${raw}}`, schema))),
    )![1];
  const question = "the column's default, or NULL?; set value.converter.replace.null.with.default=false";
  expect(refusal(() => readWith('"none"', withDefault, {}))).toContain(question);
  expect(refusal(() => readWith('"x"', null, {}))).toContain("without a schema, a value may be the default");
  expect(readWith('"some"', withDefault, {})).toBe('"some"');
  expect(readWith('"none"', schemaOf("string"), {})).toBe('"none"');
  expect(readWith('"none"', withDefault, {}, "VARCHAR")).toBe('"none"');
  for (const nulls of ["sent", "replaced"] as const) expect(readWith('"none"', withDefault, { nulls })).toBe('"none"');
});
