/** Long records are decoded in a bounded memory, whichever way they are read, and come as they were sent. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { slicesOf } from "../../shared/decode/slices.ts";
import { stream } from "../support/view-case.ts";
import { batchOf, DecodeBench } from "./records.ts";

const row = ["text VARCHAR", "list INTEGER[]", "day DATE", ...Array.from({ length: 12 }, (_, i) => `c${i} VARCHAR`)];
const wide = stream("wide", {
  op: "VARCHAR",
  before: `STRUCT(${row.join(", ")})?`,
  after: `STRUCT(${row.join(", ")})?`,
});
const flat = stream("flat", { op: "VARCHAR", text: "VARCHAR?", n: "BIGINT?" });
const long = (i: number) => `${"x".repeat(5000)}${i}`;
const rowOf = (i: number) => ({ text: long(i), list: [i, null], day: "2024-07-01", c0: "a", c11: "z" });
const changes = Array.from({ length: 1500 }, (_, i) => ({ op: "u", before: rowOf(i), after: rowOf(i + 1) }));
const events = Array.from({ length: 1500 }, (_, i) => ({ op: "u", text: long(i), n: i }));

describe("long records", () => {
  test.each([
    ["rows of a table, with lists", wide, changes, (i: number) => `'text': ${long(i)}, 'list': [${i}, NULL]`],
    [
      "those and an invalid one",
      wide,
      [...changes, { op: 1 }],
      (i: number) => `'text': ${long(i)}, 'list': [${i}, NULL]`,
    ],
    ["texts", flat, events, long],
    ["texts with invalid ones among them", flat, events.flatMap((each) => [each, { op: 1 }]), long],
  ] as const)("%s", async (_, of, records, expected) => {
    const bench = await DecodeBench.open(of, { memoryLimit: "300MB", threads: 2 });
    const { rows, dead } = await bench.decode(batchOf(records.map((each) => JSON.stringify(each))));
    bench.close();
    expect(rows).toHaveLength(1500);
    expect(dead).toHaveLength(records.length - 1500);
    for (const i of [0, 700, 1499]) expect(rows[i]!.before ?? rows[i]!.text).toContain(expected(i));
  });

  test("lines are taken in portions that end with a line", () => {
    const line = fc.nat(30).map((length) => `${"x".repeat(length)}\n`);
    const buffers = fc.array(fc.array(line, { minLength: 1, maxLength: 5 }).map((each) => Buffer.from(each.join(""))));
    fc.assert(
      fc.property(buffers, fc.integer({ min: 1, max: 80 }), (all, bytesMax) => {
        const slices = slicesOf({ buffers: all, longest: 30 }, bytesMax).map((each) => Buffer.concat(each).toString());
        expect(slices.join("")).toBe(Buffer.concat(all).toString());
        for (const slice of slices) {
          expect(slice === "" || slice.endsWith("\n")).toBe(true);
          expect(slice.length <= bytesMax || slice.indexOf("\n") === slice.length - 1).toBe(true);
        }
        // none is shorter than it has to be
        for (const [i, slice] of slices.slice(0, -1).entries())
          expect(slice.length + slices[i + 1]!.indexOf("\n") + 1).toBeGreaterThan(bytesMax);
      }),
    );
  });
});
