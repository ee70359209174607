/** What a view may not hold, and the exact start of the line that says so: place, then reason. */
import { beforeAll, describe, expect, test } from "vitest";
import { Compiler } from "../../shared/compiler/compile.ts";
import { Duck, type Session } from "../../shared/duckdb/duck.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { stream } from "../support/view-case.ts";
import { refused } from "./refused.ts";

const events = stream("events", {
  g: "VARCHAR",
  i: "BIGINT",
  f: "DOUBLE",
  d: "DECIMAL(18,3)",
  ts: "TIMESTAMP",
  day: "DATE",
  l: "BIGINT[]",
  b: "BOOLEAN",
});

let session: Session;
let compiler: Compiler;

beforeAll(async () => {
  session = await (await Duck.open()).session();
  const columns = [
    { name: "g", type: "VARCHAR" },
    { name: "name", type: "VARCHAR" },
  ];
  const codes = { name: "codes", source: "reference/codes.csv", columns, file: { name: "", bytes: 0, sha256: "" } };
  compiler = await Compiler.open(session, [events], [codes]);
});

async function refusal(sql: string): Promise<TidemarkError> {
  const refusedAs = await compiler
    .compile({ name: "v", file: "v.sql", sql, description: "" })
    .catch((error: unknown) => error);
  if (!(refusedAs instanceof TidemarkError)) throw new Error(`not refused: ${sql}`, { cause: refusedAs });
  return refusedAs;
}

for (const [kind, rows] of Object.entries(refused)) {
  describe(kind, () => {
    for (const [sql, line] of rows) {
      test(sql, async () => {
        const refusedAs = await refusal(sql);
        expect(refusedAs.line.slice(0, `v.sql:${line}`.length)).toBe(`v.sql:${line}`);
        expect(refusedAs.line).not.toMatch(/[\n\t]/);
        expect(refusedAs.todo).not.toBe("");
        expect(refusedAs.exitCode).toBe(2);
      });
    }
  });
}

describe("no place", () => {
  test.each(["", "  \n", "-- nothing", ";;"])("a file without a SELECT: %j", async (sql) => {
    expect((await refusal(sql)).line).toMatch(/^v\.sql(:1:1)?: /);
  });

  test("brackets ten thousand deep", async () => {
    const refusedAs = await refusal(`SELECT ${"(".repeat(10_000)}1${")".repeat(10_000)} AS x, count(*) FROM events`);
    expect(refusedAs.line).toMatch(/^v\.sql.*\[VIEW_/);
  });
});

test("a clock word that is a field's name is the field", async () => {
  const own = stream("visits", { user: "VARCHAR", current_date: "DATE", rowid: "BIGINT" });
  const compiled = await (await Compiler.open(session, [own])).compile({
    name: "v",
    file: "v.sql",
    sql: "SELECT user, current_date AS day, max(rowid) AS last FROM visits GROUP BY ALL",
    description: "",
  });
  expect(compiled.keys).toEqual([
    { name: "k0", type: "VARCHAR" },
    { name: "k1", type: "DATE" },
  ]);
});

test("nothing that a refused view names is opened", async () => {
  const files = ["read_csv('/nowhere/a.csv')", "'/nowhere/a.parquet'", "read_text('/nowhere/*')", "glob('/nowhere/*')"];
  for (const file of files)
    expect((await refusal(`SELECT count(*) FROM ${file}`)).message).not.toMatch(/IO Error|No files/);
});
