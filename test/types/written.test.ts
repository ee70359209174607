/**
 * Texts of times are DuckDB's own, over the whole domain of each type; of instants in a zone, but for the
 * seconds of offsets, which DuckDB leaves out.
 */
import { expect, it } from "vitest";
import { fewRows } from "../../serving/rows/rows.ts";
import { jsonColumnText } from "../../shared/values/json-text.ts";
import { zoneOffsetsOf } from "../../shared/values/zone-offsets.ts";
import { ownSession } from "../support/own-session.ts";

const session = ownSession();

/** SQL of a value from a random whole number `r` between -1 and 1 and the row's number `i`, by type. */
const drawn: Readonly<Record<string, string>> = {
  DATE: "DATE '1970-01-01' + CAST(r * 2147400000 AS INTEGER)",
  "DATE near": "DATE '1970-01-01' + CAST(r * 1000000 AS INTEGER)",
  TIME: "make_time(i % 25, CASE WHEN i % 25 = 24 THEN 0 ELSE i % 60 END, CASE WHEN i % 25 = 24 THEN 0 ELSE abs(r) * 59 END)",
  "TIME WITH TIME ZONE":
    "CAST(printf('%02d:%02d:%02d%+03d:%02d:%02d', i % 24, i % 60, i % 59, i % 31 - 15, i % 60, i % 3) AS TIMETZ)",
  TIMESTAMP: "make_timestamp(CAST(r * 9.2233720224e18 AS BIGINT))",
  "TIMESTAMP near": "make_timestamp(CAST(r * 1e17 AS BIGINT))",
  TIMESTAMP_S: "CAST(make_timestamp(CAST(r * 9.2233720224e18 AS BIGINT)) AS TIMESTAMP_S)",
  TIMESTAMP_MS: "CAST(make_timestamp(CAST(r * 9.2233720224e18 AS BIGINT)) AS TIMESTAMP_MS)",
  TIMESTAMP_NS: "make_timestamp_ns(CAST(r * 9.2233720368e18 AS BIGINT))",
  INTERVAL:
    "to_months(CAST(r * 5000 * (i % 3) AS INTEGER)) + to_days(CAST(r * r * 400 * (i % 2) AS INTEGER)) + to_microseconds(CAST(-r * 1e12 * (i % 5) AS BIGINT))",
  BIT: "CAST(bin(i) AS BIT)",
  UUID: "uuid()",
};

it.each(Object.entries(drawn))("%s", async (_type, value) => {
  await session().run("SELECT setseed(0.15)");
  const { columns, rows } = await fewRows(
    session(),
    `SELECT v, CAST(v AS VARCHAR) AS t FROM (SELECT ${value} AS v FROM (SELECT random() * 2 - 1 AS r, i FROM range(3000) x(i)))`,
  );
  const { text, json } = columns[0]!.writer;
  const theirs = rows.map(([, their]) => their);
  expect(rows.map(([own]) => text(own!))).toEqual(theirs);
  expect(rows.map(([own]) => JSON.parse(json(own!)))).toEqual(theirs);
});

it.each([
  ["DATE", "infinity", "-infinity", "0001-01-01 (BC)", "5877642-06-25 (BC)", "5881580-07-10"],
  ["TIMESTAMP", "infinity", "-infinity", "290309-12-22 (BC) 00:00:00", "294247-01-10 04:00:54.775806"],
  ["TIMESTAMP_S", "infinity", "-infinity", "290309-12-22 (BC) 00:00:00"],
  ["TIMESTAMP_MS", "infinity", "-infinity", "0001-12-31 (BC) 23:59:59.999"],
  ["TIMESTAMP_NS", "infinity", "-infinity", "2262-04-11 23:47:16.854775806", "1677-09-22 00:00:00"],
  ["TIMESTAMPTZ", "infinity", "-infinity"],
  ["INTERVAL", "00:00:00", "-00:00:00.000001", "-1 years", "1 month -1 days", "999999:59:59.999999"],
])("the ends of %s", async (type, ...texts) => {
  const { columns, rows } = await fewRows(
    session(),
    `SELECT v, CAST(v AS VARCHAR) FROM (SELECT CAST(unnest([${texts.map((text) => `'${text}'`).join(", ")}]) AS ${type}) AS v)`,
  );
  expect(rows.map(([own]) => columns[0]!.writer.text(own!))).toEqual(rows.map(([, theirs]) => theirs));
});

it.each([
  "Europe/Berlin",
  "America/New_York",
  "Asia/Kolkata",
  "Africa/Casablanca",
  "Pacific/Apia",
  "Australia/Lord_Howe",
])("the offset of an instant in %s is DuckDB's", async (zone) => {
  const offsetAt = await zoneOffsetsOf(zone);
  const rows = await session().rows(
    `SELECT t, epoch_us(timezone('${zone}', make_timestamptz(t * 1000000))) // 1000000 - t AS o FROM (
         SELECT CAST((i - 6000) * 1000003 + i * 7919 AS BIGINT) AS t FROM range(12000) x(i)
         UNION ALL SELECT CAST(i * 1000000007 AS BIGINT) FROM range(-9000, 9000, 7) x(i))`,
  );
  expect(rows.map(({ t }) => [t, offsetAt(Number(t))])).toEqual(rows.map(({ t, o }) => [t, Number(o)]));
});

it("instants around a change of the clocks are distinguished", async () => {
  await session().inZone("Europe/Berlin");
  const { columns, rows } = await fewRows(
    session(),
    `SELECT make_timestamptz(1729990800000000 + i * 1800000000) AS v FROM range(-3, 4) x(i) UNION ALL SELECT TIMESTAMPTZ '1800-01-01 00:00:00+00'`,
  );
  await session().inZone("UTC");
  expect(rows.map(([v]) => columns[0]!.writer.text(v!))).toEqual([
    "2024-10-27 01:30:00+02",
    "2024-10-27 02:00:00+02",
    "2024-10-27 02:30:00+02",
    "2024-10-27 02:00:00+01",
    "2024-10-27 02:30:00+01",
    "2024-10-27 03:00:00+01",
    "2024-10-27 03:30:00+01",
    "1800-01-01 00:53:28+00:53:28",
  ]);
});

it.each([
  ['{"a": 12345678901234567890.123456789, "b": [1e400]}', '{"a": 12345678901234567890.123456789, "b": [1e400]}'],
  ["[1,]", "[1]"],
  [
    '{"a":NaN, "b": -inf, "c": Infinity, "NaN": [",]", ], }',
    '{"a":"NaN", "b": "-Infinity", "c": "Infinity", "NaN": [",]"]}',
  ],
  ["[1,\n 2]", "[1,  2]"],
  ["no json", '"no json"'],
])("a JSON column's %s is %s", (text, expected) => {
  expect(jsonColumnText(text)).toBe(expected);
  JSON.parse(jsonColumnText(text));
});
