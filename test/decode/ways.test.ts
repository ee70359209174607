/** The fast way and the slow way give the same tables; large micro-batches, odd names and odd sizes. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ExactText } from "../../shared/decode/exact-text.ts";
import { fastLines } from "../../shared/decode/frame.ts";
import { isFull } from "../support/share.ts";
import { stream } from "../support/view-case.ts";
import { allTypes } from "./all-types.ts";
import { batchOf, DecodeBench } from "./records.ts";

let bench: DecodeBench;
beforeAll(async () => {
  bench = await DecodeBench.open(allTypes);
});
afterAll(() => bench.close());

const number = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("0", "1", "-7", "255", "1.5", "0.25", "1e2", "-0.0", "0.00000001", "3.10") },
  fc.integer().map(String),
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .map((value) => (Object.is(value, -0) ? "-0.0" : JSON.stringify(value))),
  fc.bigInt({ min: -(2n ** 129n), max: 2n ** 129n }).map(String),
  fc
    .tuple(fc.bigInt({ min: 0n, max: 10n ** 20n }), fc.nat(10 ** 9), fc.constantFrom("", "e3", "E-4", "e+20"))
    .map(([whole, part, e]) => `${whole}.${part}${e}`),
);
const text = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.constantFrom(
    "NaN",
    "Infinity",
    "nan}",
    ",]",
    "2001-01-01",
    "2001-01-01 00:00:00",
    "2001-01-01T00:00:00+01",
    "12:00:00",
    "AAEC",
    "1.25",
    "null",
  ),
);
const value: fc.Arbitrary<string> = fc.letrec<{ any: string }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom("null", "true", "false"),
    number,
    text.map((each) => JSON.stringify(each)),
    fc.array(tie("any"), { maxLength: 4 }).map((each) => `[${each.join(",")}]`),
    fc
      .array(fc.tuple(fc.constantFrom("a", "b c", "d", "x"), tie("any")), { maxLength: 4 })
      .map((each) => `{${each.map(([key, one]) => `${JSON.stringify(key)}:${one}`).join(" , ")}}`),
  ),
})).any;
const digits = new ExactText(allTypes.fields, null);
const names = allTypes.fields.map((field) => field.name);
const record = fc
  .array(fc.tuple(fc.constantFrom(...names, "other"), value), { maxLength: 6 })
  .map((each) => `{"i64":5${each.map(([name, one]) => `,${JSON.stringify(name)}: ${one}`).join("")}}`);

describe("fast and slow", () => {
  test("agree on every record and reason", async () => {
    let fast = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 8 }), async (records) => {
        const batch = batchOf(records);
        if (fastLines([batch], digits)) fast++;
        const one = await bench.decode(batch);
        const two = await bench.decode(batchOf([...records, null]));
        expect(one.rows).toEqual(two.rows);
        expect(one.dead).toEqual(two.dead.slice(0, -1));
      }),
      { numRuns: isFull ? 80 : 30 },
    );
    expect(fast).toBeGreaterThan(1);
  }, 240_000);

  test("fields may have any name", async () => {
    const odd = [
      "a.b",
      'q"uote',
      "back\\slash",
      "*",
      "$",
      "$.x",
      "sp ace",
      "Größe",
      "日本",
      "[0]",
      "#",
      "it's",
      "a/b",
      "~1",
      "0",
      "v",
      "f",
      "v0",
      "j1",
    ];
    const own = await DecodeBench.open(stream("odd", Object.fromEntries(odd.map((name) => [name, "BIGINT?"]))));
    const event = JSON.stringify(Object.fromEntries(odd.map((name, i) => [name, i])));
    for (const values of [[event], [event, null]]) {
      const { rows } = await own.decode(batchOf(values));
      expect(rows).toEqual([Object.fromEntries(odd.map((name, i) => [name, String(i)]))]);
    }
    own.close();
  });

  test("rows keep the order of their records, though threads read them", async () => {
    const own = await DecodeBench.open(stream("ordered", { n: "BIGINT", text: "VARCHAR" }));
    const values = Array.from({ length: 100_000 }, (_, n) => `{"n":${n},"text":"${"x".repeat(n % 90)}"}`);
    for (const batch of [batchOf(values), batchOf([...values, null])]) {
      const { rows } = await own.decode(batch);
      expect(rows.every((row, n) => row.n === String(n))).toBe(true);
      expect(rows).toHaveLength(values.length);
    }
    own.close();
  }, 240_000);
});

describe("many and large", () => {
  test("100 malformed of 10,000: each by its offset, all others decoded", async () => {
    const bad = [
      "",
      "{",
      "[]",
      '{"i64":"1"}',
      '{"i64":1}{"i64":2}',
      "\ufeff{}",
      '{"i64":1.5}',
      '{"text":"no i64"}',
      '{"i64":NaN}',
      null,
    ];
    const values = Array.from({ length: 10_000 }, (_, i) =>
      i % 100 === 37 ? bad[Math.floor(i / 100) % bad.length]! : `{"i64":${i}}`,
    );
    const { dead, rows } = await bench.decode(batchOf(values, 3, 1000));
    expect(dead.map((each) => each.split(" ")[0])).toEqual(
      Array.from({ length: 100 }, (_, i) => `3:${1000 + 3 * (i * 100 + 37)}`),
    );
    expect(rows.map((row) => Number(row.i64))).toEqual(values.map((_, i) => i).filter((i) => i % 100 !== 37));
  });

  test("brackets a hundred thousand deep", async () => {
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    const records = [
      `{"i64":1,"other":${deep}}`,
      `{"i64":1,"json":${deep}}`,
      `{"i64":1,"list":${deep}}`,
      deep,
      deep.slice(1),
      `{"a":`.repeat(100_000),
    ];
    for (const each of records) {
      for (const values of [
        [each, '{"i64":2}'],
        [each, '{"i64":2}', null],
      ]) {
        expect((await bench.decode(batchOf(values))).rows.at(-1)?.i64).toBe("2");
      }
    }
  }, 240_000);

  test("a value of 20 MB", async () => {
    const long = `{"i64":1,"text":"${"é\\\\".repeat(5_000_000)}"}`;
    for (const values of [
      ['{"i64":0}', long],
      ['{"i64":0}', long, null],
    ]) {
      const { rows } = await bench.decode(batchOf(values));
      expect(rows.map((row) => row.text?.length ?? 0)).toEqual([0, 10_000_000]);
    }
  }, 240_000);

  test("nothing at all", async () => {
    expect(await bench.decode()).toEqual({ dead: [], rows: [] });
    expect(await bench.decode(batchOf([]))).toEqual({ dead: [], rows: [] });
  });
});
