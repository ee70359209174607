/** What a view's partials mean decides its identity, and nothing else does. */
import { expect, test } from "vitest";
import { Compiler } from "../../shared/compiler/compile.ts";
import type { ReferenceTable, StreamDefinition } from "../../shared/definition.ts";
import { Duck } from "../../shared/duckdb/duck.ts";
import { stream } from "../support/view-case.ts";

const events = stream("events", { g: "VARCHAR", x: "INTEGER", z: "TIMESTAMP WITH TIME ZONE" });
const codes: ReferenceTable = {
  name: "codes",
  source: "reference/codes.csv",
  columns: [{ name: "g", type: "VARCHAR" }],
  file: { name: "references/a.parquet", bytes: 1, sha256: "a" },
};
const sql = "SELECT date_trunc('day', z) AS day, sum(x) AS s FROM events JOIN codes USING (g) GROUP BY day";

interface Given {
  readonly sql: string;
  readonly timezone: string;
  readonly stream: StreamDefinition;
  readonly codes: ReferenceTable;
}

async function identity(given: Partial<Given>): Promise<string> {
  const duck = await Duck.open({ timezone: given.timezone ?? "UTC", threads: 1 });
  const session = await duck.session();
  const compiler = await Compiler.open(session, [given.stream ?? events], [given.codes ?? codes]);
  const view = await compiler.compile({ name: "v", file: "views/v.sql", sql: given.sql ?? sql, description: "" });
  session.close();
  duck.close();
  return view.identity;
}

const wider = { ...events, fields: [...events.fields, { name: "more", type: "INTEGER", nullable: true }] };

test.each<[string, Partial<Given>]>([
  ["the time zone", { timezone: "Europe/Berlin" }],
  ["a reference table's content", { codes: { ...codes, file: { ...codes.file, sha256: "b" } } }],
  ["the stream's fields", { stream: wider }],
  ["an upcast", { stream: { ...events, upcast: "event" } }],
  ["a filter", { sql: sql.replace(" GROUP", " WHERE x > 0 GROUP") }],
  ["an aggregate's argument", { sql: sql.replace("sum(x)", "sum(x + 1)") }],
])("%s changes it", async (_what, given) => {
  expect(await identity(given)).not.toBe(await identity({}));
});

test.each<[string, Partial<Given>]>([
  ["spaces and comments", { sql: `-- by day\n${sql.replaceAll(" ", "\n")}` }],
  ["what is done with merged values", { sql: sql.replace("sum(x) AS s", "round(sum(x) / 2.0, 1) AS half") }],
  ["HAVING over the same aggregates", { sql: `${sql} HAVING sum(x) > 1` }],
  ["where the table lies in the project", { codes: { ...codes, source: "reference/codes.parquet" } }],
])("%s does not", async (_what, given) => {
  expect(await identity(given)).toBe(await identity({}));
});

test("a sketch's parameters change it", async () => {
  const of = (share: string) => identity({ sql: `SELECT approx_quantile(x, ${share}) AS q FROM events` });
  // the buckets are the same for every share: such views differ in what finalize asks of them
  expect(await of("0.5")).toBe(await of("0.9"));
  expect(await identity({ sql: "SELECT approx_count_distinct(x) AS q FROM events" })).not.toBe(await of("0.5"));
});
