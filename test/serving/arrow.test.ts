import { tableFromIPC } from "apache-arrow";
import { expect, it } from "vitest";
import { arrowStream } from "../../serving/rows/arrow.ts";
import { rowsFrom } from "../../serving/rows/rows.ts";
import { ownSession } from "../support/own-session.ts";

const session = ownSession();

/** A query's rows as an Arrow table, through the bytes of a stream. */
async function arrowOf(sql: string) {
  const { columns, chunks } = await rowsFrom(session(), sql, []);
  const pieces: Uint8Array[] = [];
  for await (const piece of arrowStream(columns, chunks)) pieces.push(piece.slice());
  return tableFromIPC(Buffer.concat(pieces));
}

it.each([
  ["true, NULL, false", "Bool", [true, null, false]],
  ["(-128)::TINYINT, 127::TINYINT, NULL", "Int8", [-128, 127, null]],
  ["(-32768)::SMALLINT, NULL", "Int16", [-32768, null]],
  ["2147483647::INTEGER, NULL", "Int32", [2147483647, null]],
  ["9223372036854775807::BIGINT, '-9223372036854775808'::BIGINT, NULL", "Int64", [2n ** 63n - 1n, -(2n ** 63n), null]],
  ["255::UTINYINT", "Uint8", [255]],
  ["65535::USMALLINT", "Uint16", [65535]],
  ["4294967295::UINTEGER", "Uint32", [4294967295]],
  ["18446744073709551615::UBIGINT, NULL", "Uint64", [2n ** 64n - 1n, null]],
  ["1.5::FLOAT, NULL", "Float32", [1.5, null]],
  ["0.1::DOUBLE, 'NaN'::DOUBLE, NULL", "Float64", [0.1, Number.NaN, null]],
  ["'ü', '', NULL, 'line' || chr(10)", "Utf8", ["ü", "", null, "line\n"]],
  ["DATE '1969-12-31', DATE '2001-02-03', NULL", "Date32<DAY>", [Date.UTC(1969, 11, 31), Date.UTC(2001, 1, 3), null]],
  ["'00000000-0000-0000-0000-00000000000a'::UUID, NULL", "Utf8", ["00000000-0000-0000-0000-00000000000a", null]],
  ["[1, NULL], NULL", "Utf8", ["[1,null]", null]],
  ["{'a': 1, 'b': 'x'}", "Utf8", ['{"a":1,"b":"x"}']],
])("%s is %s", async (values, type, expected) => {
  const table = await arrowOf(`SELECT unnest([${values}]) AS v`);
  expect(String(table.schema.fields[0]!.type)).toBe(type);
  const column = table.getChild("v")!;
  expect(Array.from(column, (value) => (value instanceof Date ? value.getTime() : value))).toEqual(expected);
});

it("decimals and huge integers keep every digit, times every microsecond", async () => {
  const table = await arrowOf(
    `SELECT 12345678901234567890123456789012345.678::DECIMAL(38,3) AS d, -1::HUGEINT AS h, (-0.01)::DECIMAL(4,2) AS s,
       TIMESTAMP '2001-02-03 04:05:06.000007' AS ts, TIMESTAMPTZ '2001-02-03 04:05:06.000007+01' AS tz, TIME '23:59:59.999999' AS t,
       '\\x00\\xFF'::BLOB AS b`,
  );
  expect(table.schema.fields.map((field) => String(field.type))).toEqual([
    "Decimal[38e+3]",
    "Decimal[38e0]",
    "Decimal[4e+2]",
    "Timestamp<MICROSECOND>",
    "Timestamp<MICROSECOND, UTC>",
    "Time64<MICROSECOND>",
    "Binary",
  ]);
  const words = (name: string) => {
    const [a = 0, b = 0, c = 0, d = 0] = table.getChild(name)!.data[0]!.values as Uint32Array;
    return BigInt.asIntN(128, BigInt(a) | (BigInt(b) << 32n) | (BigInt(c) << 64n) | (BigInt(d) << 96n));
  };
  expect([words("d"), words("h"), words("s")]).toEqual([12345678901234567890123456789012345678n, -1n, -1n]);
  const raw = (name: string) => (table.getChild(name)!.data[0]!.values as BigInt64Array)[0];
  expect(raw("ts")).toBe(BigInt(Date.UTC(2001, 1, 3, 4, 5, 6)) * 1000n + 7n);
  expect(raw("tz")).toBe(BigInt(Date.UTC(2001, 1, 3, 3, 5, 6)) * 1000n + 7n);
  expect(raw("t")).toBe(86_399_999_999n);
  expect(table.getChild("b")!.get(0)).toEqual(new Uint8Array([0, 255]));
});

it.each([
  "TINYINT",
  "BIGINT",
  "HUGEINT",
  "DECIMAL(4,1)",
  "DECIMAL(9,1)",
  "DECIMAL(18,1)",
  "DECIMAL(38,1)",
  "BOOLEAN",
  "VARCHAR",
  "BLOB",
  "UUID",
  "TIMESTAMP_S",
  "TIMESTAMP_MS",
])("NULLs of %s stay where they are in every batch, and show nothing of what was there", async (type) => {
  const rows = 70_001;
  const value =
    type === "UUID"
      ? "lpad(i::VARCHAR, 32, '0')::UUID"
      : type.startsWith("TIMESTAMP")
        ? `make_timestamp(i * 1000000)::${type}`
        : `(i % 100 - 50)::${type === "VARCHAR" || type === "BLOB" ? "VARCHAR::" : ""}${type}`;
  // what is left out by a filter above is still in the vector
  const table = await arrowOf(
    `SELECT i, CASE WHEN i % 7 > 0 AND i >= 3000 THEN ${value} END AS v, (${value})::VARCHAR AS t FROM range(${rows}) r(i)`,
  );
  expect(table.numRows).toBe(rows);
  const [v, t] = [table.getChild("v")!, table.getChild("t")!];
  for (const [i, row] of [0, 1, 2999, 3000, 3003, 3007, 32767, 32768, 40_000, 65_537, 70_000].entries()) {
    const given = row % 7 > 0 && row >= 3000;
    expect([i, v.isValid(row)]).toEqual([i, given]);
    if (given && ["TINYINT", "BIGINT", "VARCHAR", "UUID"].includes(type)) expect(String(v.get(row))).toBe(t.get(row));
    if (given && type.startsWith("TIMESTAMP")) expect(v.get(row)).toBe(row * 1000);
  }
  for (const data of v.data) {
    if (!(data.nullCount > 0) || !ArrayBuffer.isView(data.values)) continue;
    const bytes = new Uint8Array(data.values.buffer, data.values.byteOffset, data.values.byteLength);
    const width = data.valueOffsets ? 0 : Math.floor((bytes.length * 8) / data.length / 8);
    for (let row = 0; width > 0 && row < data.length; row++) {
      if ((data.nullBitmap[row >> 3]! & (1 << (row & 7))) !== 0) continue;
      expect(bytes.subarray(row * width, (row + 1) * width).every((byte) => byte === 0)).toBe(true);
    }
  }
});

it("decimals of every width are the same numbers", async () => {
  const widths = ["4", "9", "18", "38"];
  const table = await arrowOf(
    `SELECT ${widths.map((width) => `(i - 5)::DECIMAL(${width},1) AS d${width}`).join(", ")}, (-9223372036854775808 + i)::DECIMAL(38,0)::HUGEINT AS h FROM range(11) r(i)`,
  );
  const numbers = (name: string) => {
    const words = table.getChild(name)!.data[0]!.values as Uint32Array;
    return Array.from({ length: 11 }, (_, row) =>
      BigInt.asIntN(
        128,
        [3, 2, 1, 0].reduce((sum, i) => (sum << 32n) | BigInt(words[4 * row + i]!), 0n),
      ),
    );
  };
  const expected = Array.from({ length: 11 }, (_, i) => BigInt(i - 5) * 10n);
  for (const width of widths) expect(numbers(`d${width}`)).toEqual(expected);
  expect(numbers("h")[0]).toBe(-(2n ** 63n));
});

it("many rows come in many batches, none is a table without any", async () => {
  const table = await arrowOf(
    "SELECT range AS i, CASE WHEN range % 3 > 0 THEN 'r' || range END AS t FROM range(100000)",
  );
  expect(table.numRows).toBe(100_000);
  expect(table.batches.length).toBeGreaterThan(3);
  expect(table.getChild("t")!.get(99_999)).toBeNull();
  expect(table.getChild("t")!.get(99_998)).toBe("r99998");
  const empty = await arrowOf("SELECT 1 AS i, 'x' AS t WHERE false");
  expect([empty.numRows, empty.schema.fields.length]).toEqual([0, 2]);
});
