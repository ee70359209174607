/**
 * Rows as JSON by columns are, byte for byte, what jsonRow makes of each row: read models are made by the one,
 * answers by the other.
 */
import { expect, it } from "vitest";
import { jsonRow } from "../../serving/rows/json.ts";
import { JsonRows } from "../../serving/rows/json-rows.ts";
import { rowsFrom } from "../../serving/rows/rows.ts";
import { quoteText } from "../../shared/duckdb/duck.ts";
import { ownSession } from "../support/own-session.ts";

const session = ownSession();

async function bothOf(sql: string): Promise<{ readonly ours: string[]; readonly plain: string[] }> {
  const { columns, chunks } = await rowsFrom(session(), sql, []);
  const rows = new JsonRows(columns, { after: "\n" });
  const [ours, plain]: [string[], string[]] = [[], []];
  for await (const chunk of chunks) {
    ours.push(...Buffer.from(rows.encode(chunk)).toString().split("\n").slice(0, -1));
    plain.push(...chunk.getRows().map((row) => jsonRow(columns, row)));
  }
  return { ours, plain };
}

const integers = [
  ..."0 1 -1 9 10 -10 99 100 127 -128 128 255 32767 -32768 65535 999999999 1000000000 -1000000001 2147483647 -2147483648".split(
    " ",
  ),
  ..."4294967295 4294967296 -4294967296 -4294967297 9007199254740991 9007199254740992 -9007199254740991 -9007199254740993".split(
    " ",
  ),
  ..."999999999999999999 9223372036854775807 -9223372036854775808 18446744073709551615 18446744073709551616".split(" "),
  ..."-18446744073709551616 170141183460469231731687303715884105727 -99999999999999999999999999999999999999".split(" "),
];
const doubles =
  "0 -0 1 -1 0.1 1e21 -1e21 1e20 123456789012345680 9007199254740993 5e-324 1.7976931348623157e308 1e-7 3.14 NaN Infinity -Infinity";
const texts = [
  "",
  "\uFEFF",
  "\uFEFFa",
  "a",
  "twelve bytes",
  "thirteen byte",
  'a "quoted" one',
  "back\\slash",
  "ü€😀",
  "line\nbreak\ttab",
  "\u0001\u001f\u007f\u2028",
  `${"x".repeat(5000)}"`,
  "é".repeat(3000),
];

const cases: readonly (readonly [string, readonly string[]])[] = [
  ...[
    "TINYINT",
    "UTINYINT",
    "SMALLINT",
    "USMALLINT",
    "INTEGER",
    "UINTEGER",
    "BIGINT",
    "UBIGINT",
    "HUGEINT",
    "UHUGEINT",
  ].map((type) => [type, integers] as const),
  ...[
    "DECIMAL(4,2)",
    "DECIMAL(4,4)",
    "DECIMAL(9,0)",
    "DECIMAL(9,9)",
    "DECIMAL(18,3)",
    "DECIMAL(18,18)",
    "DECIMAL(38,0)",
    "DECIMAL(38,20)",
    "DECIMAL(38,38)",
  ].map(
    (type) =>
      [
        type,
        [...integers, "0.01", "-0.01", "0.5", "-0.999", "12.34", "-99.99", "123456.789", "0.000000000000000001"],
      ] as const,
  ),
  ["DOUBLE", doubles.split(" ")],
  ["FLOAT", doubles.split(" ")],
  ["BOOLEAN", ["true", "false"]],
  ["VARCHAR", texts],
  ["BLOB", ["", "\\x00\\xFF", "abc"]],
  ["JSON", ['{"a": [1, 2]}', "null", '"x"']],
  ["DATE", ["1969-12-31", "infinity", "0001-01-01 (BC)"]],
  ["TIMESTAMP", ["2001-02-03 04:05:06.000007", "infinity"]],
  ["TIMESTAMPTZ", ["2001-02-03 04:05:06.000007+01"]],
  ["TIMESTAMP_S", ["2001-02-03 04:05:06"]],
  ["TIMESTAMP_NS", ["2001-02-03 04:05:06.123456789"]],
  ["TIME", ["23:59:59.999999"]],
  ["INTERVAL", ["1 month 2 days 3 seconds"]],
  ["UUID", ["00000000-0000-0000-0000-00000000000a"]],
  ["INTEGER[]", ["[1, NULL, 3]", "[]"]],
  ["STRUCT(a INTEGER, b VARCHAR)", ["{'a': 1, 'b': 'x'}"]],
  ["ENUM('x', 'y\"z')", ["x", 'y"z']],
];

it.each(cases)("%s", async (type, values) => {
  const list = values.map(quoteText).join(", ");
  const cast = `SELECT TRY_CAST(v AS ${type}) AS v, NULL::${type} AS n FROM (SELECT unnest([${list}, NULL]::VARCHAR[]) AS v)`;
  const { ours, plain } = await bothOf(cast);
  expect(ours).toEqual(plain);
  expect(new Set(ours).size).toBeGreaterThan(1);
  for (const row of ours) JSON.parse(row);
});

it("random numbers and texts, in many chunks, some of them NULL", async () => {
  await session().run("SELECT setseed(0.42)");
  const { ours, plain } = await bothOf(
    `SELECT i, CASE WHEN random() > 0.1 THEN (random() * 10 ** (random() * 20))::HUGEINT * (CASE WHEN random() > 0.5 THEN 1 ELSE -1 END) END AS h,
       CASE WHEN random() > 0.1 THEN ((random() - 0.5) * 10 ** (random() * 14))::DECIMAL(18, 3) END AS d,
       CASE WHEN random() > 0.1 THEN (random() - 0.5) * 10 ** (random() * 40 - 20) END AS x,
       CASE WHEN random() > 0.1 THEN repeat(chr((random() * 300)::INTEGER + 1), (random() * 30)::INTEGER) END AS "a ""name"""
     FROM range(20000) r(i)`,
  );
  expect(ours.length).toBe(20_000);
  expect(ours).toEqual(plain);
});

it("the longest numbers where the room ends", async () => {
  for (let length = 30; length < 120; length++) {
    const { ours, plain } = await bothOf(
      `SELECT repeat('y', ${length}) AS p, '-0.${"0".repeat(37)}1'::DECIMAL(38,38) AS x FROM range(2048)`,
    );
    expect(ours).toEqual(plain);
  }
});

it("no columns, no rows, and what is between rows", async () => {
  const { columns, chunks } = await rowsFrom(session(), "SELECT range AS i FROM range(3000)", []);
  const rows = new JsonRows(columns, { between: "," });
  let text = "";
  for await (const chunk of chunks) text += Buffer.from(rows.encode(chunk)).toString();
  expect(JSON.parse(`[${text}]`)).toEqual(Array.from({ length: 3000 }, (_, i) => ({ i })));
});
