import { tableFromIPC } from "apache-arrow";
import { afterAll, beforeAll, expect, it } from "vitest";
import { arrowStream } from "../../serving/arrow.ts";
import { Duck, type Session } from "../../shared/duckdb/duck.ts";

let duck: Duck;
let session: Session;
beforeAll(async () => {
  duck = await Duck.open();
  session = await duck.session();
});
afterAll(() => {
  session.close();
  duck.close();
});

/** A query's rows as an Arrow table, through the bytes of a stream. */
async function arrowOf(sql: string) {
  const result = await session.connection.stream(sql);
  const columns = result.columnNames().map((name, i) => ({ name, type: String(result.columnType(i)) }));
  const chunks = async function* () {
    for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
      yield chunk.getRows();
    }
  };
  const pieces: Uint8Array[] = [];
  for await (const piece of arrowStream(columns, chunks())) pieces.push(piece.slice());
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

it("many rows come in many batches, none is a table without any", async () => {
  const table = await arrowOf(
    "SELECT range AS i, CASE WHEN range % 3 > 0 THEN 'r' || range END AS t FROM range(10000)",
  );
  expect(table.numRows).toBe(10_000);
  expect(table.batches.length).toBeGreaterThan(3);
  expect(table.getChild("t")!.get(9999)).toBeNull();
  expect(table.getChild("t")!.get(9998)).toBe("r9998");
  const empty = await arrowOf("SELECT 1 AS i, 'x' AS t WHERE false");
  expect([empty.numRows, empty.schema.fields.length]).toEqual([0, 2]);
});
