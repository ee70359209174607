/**
 * What has a shape is read by DuckDB's own types, unseen by the strict reading: both must give the same, value
 * by value.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Shapes } from "../../shared/decode/shape.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import { isFull } from "../support/share.ts";
import { stream } from "../support/view-case.ts";
import { allTypes } from "./all-types.ts";
import { batchOf, DecodeBench, type Value } from "./records.ts";

const names = allTypes.fields.map((field) => field.name).filter((name) => name !== "i64");
const hasShape = (values: readonly string[], fields = allTypes.fields) =>
  new Shapes(fields).classify(batchOf(values)).odd.length === 0;

const digits = (max: number) => fc.stringMatching(new RegExp(`^(0|[1-9][0-9]{0,${max - 1}})$`), { size: "max" });
const number = fc
  .tuple(
    fc.constantFrom("", "", "-"),
    digits(20),
    fc.option(fc.stringMatching(/^[0-9]{1,18}$/), { nil: null, freq: 2 }),
    fc.constantFrom("", "", "", "e1", "E5", "e-9", "E+3", "e12", "e400"),
  )
  .map(([sign, whole, part, e]) => `${sign}${whole}${part === null ? "" : `.${part}`}${e}`);
const two = (max: number) => fc.integer({ min: 0, max }).map((n) => String(n).padStart(2, "0"));
const date = fc
  .tuple(fc.constantFrom("0000", "0001", "1969", "1970", "2001", "2026", "9999"), two(13), two(32))
  .map((each) => each.join("-"));
const clock = fc
  .tuple(two(24), two(60), two(60), fc.constantFrom("", "", ".1", ".123456", ".123456789", ".9999999"))
  .map(([h, m, s, part]) => `${h}:${m}:${s}${part}`);
const moment = fc
  .tuple(date, fc.constantFrom("T", " "), clock, fc.constantFrom("", "", "Z", "+02", "-05:30", "+0200", "z"))
  .map((each) => each.join(""));
const text = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.constantFrom(
    "",
    'a"b\\c/\n\t\r\b\f',
    "\u007f\u0080",
    "\u2028",
    "\u0000",
    "AAEC",
    "AAE=",
    "/+A=",
    "😀",
    "null",
    "12",
  ),
  fc.uuid(),
);
const token: fc.Arbitrary<string> = fc.oneof(
  number,
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.oneof(date, clock, moment, text).map((each) => JSON.stringify(each)),
  fc.constantFrom("true", "false", "null", "-0", "-0.0", "0.0", "1e1", '"\\u0041"', '"\\/"', "[1]", "{}"),
);

/** Each of the types, as a field of its own and inside a row of a changelog. */
const places = {
  "as a field": { of: () => allTypes, wrapped: (value: string) => value, runs: isFull ? 150 : 60 },
  "inside a row": {
    // a wide row of rows takes long to plan
    of: (name: string) => {
      const { type } = allTypes.fields.find((field) => field.name === name)!;
      return stream("rows", { i64: "BIGINT", [name]: `STRUCT("w x" STRUCT(v ${type}), n BIGINT)?` });
    },
    wrapped: (value: string) => `{"w x":{"v":${value}}, "n":null}`,
    runs: 60,
  },
};

describe("a shape and the strict reading", () => {
  for (const [place, { of, wrapped, runs }] of Object.entries(places)) {
    test(`agree on every value, type by type, ${place}`, async () => {
      const benches = new Map<StreamDefinition, DecodeBench>();
      const streams = new Map(names.map((name) => [name, of(name)]));
      const benchOf = async (stream: StreamDefinition) => {
        const bench = benches.get(stream) ?? (await DecodeBench.open(stream, { threads: 1 }));
        benches.set(stream, bench);
        return bench;
      };
      const shaped = new Set<string>();
      const proved = new Set<string>();
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...names),
          fc.array(token, { minLength: 40, maxLength: 80 }),
          async (name, all) => {
            const { fields } = streams.get(name)!;
            const bench = await benchOf(streams.get(name)!);
            const own = fields.filter((field) => field.name === name || field.name === "i64");
            const records = all
              .map((each) => `{"i64":5,${JSON.stringify(name)}:${wrapped(each)}}`)
              .filter((record) => hasShape([record], fields));
            if (records.length === 0) return;
            shaped.add(name);
            const strictly = await bench.decode(batchOf([...records, null]));
            for (const [i, record] of records.entries()) {
              if (!new Shapes(own).prove(batchOf([record]))) continue;
              proved.add(name);
              expect(
                strictly.dead.some((letter) => letter.startsWith(`0:${3 * i} `)),
                record,
              ).toBe(false);
            }
            // one by one too: a value that DuckDB refuses hides the others
            const whole = await bench.decode(batchOf(records));
            const strict = await bench.decode(batchOf([...records, null]));
            expect(whole.rows).toEqual(strict.rows);
            expect(whole.dead).toEqual(strict.dead.slice(0, -1));
            const good = records.filter((_, i) => !strict.dead.some((letter) => letter.startsWith(`0:${3 * i} `)));
            const each = await bench.decode(batchOf(good));
            expect(each).toEqual({ dead: [], rows: strict.rows });
          },
        ),
        { numRuns: runs },
      );
      expect(shaped.size).toBeGreaterThan(15);
      expect(proved.size).toBeGreaterThan(13);
      for (const name of ["blob", "tz"]) expect(proved).not.toContain(name);
      for (const name of ["json", "list", "lists", "st"]) expect(shaped).not.toContain(name);
      for (const bench of benches.values()) bench.close();
    }, 240_000);
  }

  test("doubles and decimals keep their last digit", async () => {
    const own = await DecodeBench.open(
      stream("numbers", { d: "DOUBLE?", f: "FLOAT?", m: "DECIMAL(15,3)?", n: "DECIMAL(38,4)?" }),
    );
    const fields = [
      { name: "d", type: "DOUBLE", nullable: true },
      { name: "f", type: "FLOAT", nullable: true },
      { name: "m", type: "DECIMAL(15,3)", nullable: true },
      { name: "n", type: "DECIMAL(38,4)", nullable: true },
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc
            .tuple(fc.integer({ min: 1, max: 999_999_999 }), fc.nat(999), fc.nat(999), fc.boolean())
            .map(([a, b, c, minus]) => {
              const plain = `${minus ? "-" : ""}${a}`;
              const part = String(c).padStart(3, "0");
              return `{"d":${plain}${b}.${part},"f":${plain}.${part},"m":${plain}${b}.${part},"n":${plain}.${part}}`;
            }),
          { minLength: 50, maxLength: 200 },
        ),
        async (records) => {
          expect(hasShape(records, fields)).toBe(true);
          const strict = await own.decode(batchOf([...records, null]));
          expect((await own.decode(batchOf(records))).rows).toEqual(strict.rows);
        },
      ),
      { numRuns: 20 },
    );
    own.close();
  }, 240_000);
});

describe("a line has a shape", () => {
  const one = stream("one", { a: "BIGINT", b: "VARCHAR?" }).fields;
  const good = ['{"a":1}', '{"a": 1, "b": "x"}', '{"b":null,"a":-7}', '{"x":1.5,"a":1}', '{"a":1,"b":"é日本\\n"}'];
  const bad = [
    '{"b":"x"}',
    '{"A":1}',
    '{"a":1,"a":2}',
    '{"a":1,"b":"x","b":"y"}',
    '{"\\u0061":1}',
    '{"a":1.0}',
    '{"a":1e3}',
    '{"a":"1"}',
    '{"a":null}',
    '{"a":1,"b":1}',
    '{"a":1,"x":[1]}',
    '{"a":1,"x":NaN}',
    '{"a":1,}',
    '{"a":1}}',
    '{"a":1}{"a":1}',
    ' {"a":1}',
    '{"a":1}\r',
    '{"a":1,"b":"\t"}',
    '{"a":1,"b":"\\ud800"}',
    '{"a":01}',
    '{"a":1234567890123456789}',
    "[]",
    "null",
    "",
  ];
  for (const record of good) test(record, () => expect(hasShape([record], one)).toBe(true));
  for (const record of bad) {
    test(`or not: ${JSON.stringify(record)}`, () => {
      expect(hasShape([record], one)).toBe(false);
      expect(hasShape(['{"a":1}', record], one)).toBe(false);
    });
  }

  describe("a row inside it", () => {
    const row = stream("row", { r: 'STRUCT(a BIGINT, "b c" VARCHAR)?' }).fields;
    for (const good of ['{"r":null}', '{"r":{"a":1,"b c":"x"}}', '{"r": {"a": null, "b c": null}}'])
      test(good, () => expect(hasShape([good], row)).toBe(true));
    for (const bad of [
      '{"r":{"b c":"x","a":1}}',
      '{"r":{"a":1}}',
      '{"r":{}}',
      '{"r":{"a":1,"b c":"x","a":2}}',
      '{"r":{"a":1,"b c":"x","d":2}}',
      '{"r":{"A":1,"b c":"x"}}',
      '{"r":{"a":1,"b c":"x",}}',
      '{"r":[{"a":1,"b c":"x"}]}',
    ])
      test(`or not: ${bad}`, () => {
        expect(hasShape([bad], row)).toBe(false);
        expect(hasShape(['{"r":{"a":1,"b c":"x"}}', bad], row)).toBe(false);
      });
  });

  test("several orders of keys are known at a time, more are not", () => {
    const shapes = new Shapes(one);
    const of = (i: number) => `{"a":1,"x${i}":1}`;
    const many = Array.from({ length: 40 }, (_, i) => of(i));
    expect(shapes.classify(batchOf(many.slice(0, 8))).odd).toEqual([]);
    expect(shapes.classify(batchOf(many)).odd.length).toBeGreaterThanOrEqual(24);
    expect(shapes.classify(batchOf([of(39), of(0), of(39)])).odd).toEqual([]);
  });

  test("names are bytes, whatever they hold", () => {
    const odd = ["a.b", 'q"uote', "back\\slash", "*", "$", "(", "[0]", "Größe", "日本", "it's", "a/b", "^", "|"];
    const fields = stream("odd", Object.fromEntries(odd.map((name) => [name, "BIGINT"]))).fields;
    const event = JSON.stringify(Object.fromEntries(odd.map((name, i) => [name, i])));
    expect(hasShape([event], fields)).toBe(true);
    expect(hasShape([event.replace("a.b", "axb")], fields)).toBe(false);
  });

  test("not invalid UTF-8", () => {
    const bad = Buffer.from('{"a":1,"b":"\xff"}', "latin1");
    expect(new Shapes(one).classify(batchOf([bad, '{"a":1,"b":"é"}', bad])).odd).toEqual([0, 2]);
  });
});

test("a day that its month does not have is not proved, nor is what another way must judge", () => {
  const fields = stream("dated", { d: "DATE", x: "BIGINT?" }).fields;
  const proved = (...records: string[]) => new Shapes(fields).prove(batchOf(records));
  for (const day of ["2026-02-28", "2026-12-31", "2026-04-30"]) expect(proved(`{"d":"${day}"}`), day).toBe(true);
  for (const day of ["2026-02-29", "2026-02-30", "2026-04-31", "2026-13-01"])
    expect(proved(`{"d":"${day}"}`), day).toBe(false);
  expect(proved('{"d":"2026-01-01"}', '{"x":1}')).toBe(false);
});

describe("odd records among shaped ones", () => {
  test("are judged by themselves, in their places", async () => {
    const own = await DecodeBench.open(stream("mixed", { i64: "BIGINT", text: "VARCHAR?" }));
    const odd: readonly Value[] = [
      "",
      "{",
      "[]",
      null,
      '{"i64":1}\n{"i64":2}',
      '{"i64":"1"}',
      '{"i64":7,"text":"\\u0041"}',
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(299), { minLength: 1, maxLength: 16 }),
        fc.array(fc.constantFrom(...odd), { minLength: 16, maxLength: 16 }),
        fc.integer({ min: 1, max: 299 }),
        async (places, values, cut) => {
          const records: Value[] = Array.from({ length: 300 }, (_, i) => `{"i64":${i}}`);
          for (const [i, place] of places.entries()) records[place] = values[i]!;
          const batches = [batchOf(records.slice(0, cut)), batchOf(records.slice(cut), 1, 5)];
          const mixed = await own.decode(...batches);
          const strict = await own.decode(
            ...batches,
            batchOf(
              Array.from({ length: 100 }, () => null),
              2,
            ),
          );
          expect(mixed.rows).toEqual(strict.rows);
          expect(mixed.dead).toEqual(strict.dead.filter((letter) => !letter.startsWith("2:")));
        },
      ),
      { numRuns: 40 },
    );
    own.close();
  }, 240_000);

  test("a field may be called fault", async () => {
    const own = await DecodeBench.open(stream("faulty", { fault: "VARCHAR", after: "JSON?" }));
    for (const values of [['{"fault":"x"}'], ['{"fault":"x","after":{}}'], ['{"fault":"x"}', null]]) {
      const { rows } = await own.decode(batchOf(values));
      expect(rows.map((row) => row.fault)).toEqual(["x"]);
    }
    own.close();
  });
});
