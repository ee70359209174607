/** Everything that the pinned DuckDB has is judged: allowed to SQL from outside, or refused with a reason. */
import { StatementType } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as functions from "../../serving/sql/allowed/functions.ts";
import { types } from "../../serving/sql/allowed/tree.ts";
import { checkSyntax } from "../../serving/sql/syntax.ts";
import { parseSql } from "../../shared/compiler/ast.ts";
import { Duck, type Session } from "../../shared/duckdb/duck.ts";
import * as judged from "./sandbox/judged.ts";

const all = (lists: readonly string[]) => lists.flatMap((text) => text.trim().split(/\s+/));
const { operatorFunctions, scalarFunctions, rowFunctions, clockFunctions, aggregateFunctions, windowFunctions } =
  functions;
const allowed = [
  ...operatorFunctions,
  ...scalarFunctions,
  ...rowFunctions,
  ...clockFunctions,
  ...aggregateFunctions,
  ...windowFunctions,
];

describe("what DuckDB has", () => {
  let duck: Duck;
  let session: Session;
  beforeAll(async () => {
    duck = await Duck.open();
    session = await duck.session();
  });
  afterAll(() => duck.close());

  const names = async (sql: string) => (await session.read(sql)).getRows().map(([name]) => String(name));
  const ofFunctions = (kinds: string) =>
    names(
      `SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE function_type IN (${kinds}) AND function_name NOT LIKE 'tidemark%' ORDER BY 1`,
    );

  /** Both ways: nothing unjudged, and no judgement of what is not there. */
  const same = (found: readonly string[], ...lists: (readonly string[])[]) => {
    const known = lists.flat();
    expect(found.filter((name) => !known.includes(name))).toEqual([]);
    expect(known.filter((name) => !found.includes(name))).toEqual([]);
    expect(known.filter((name, i) => known.indexOf(name) !== i)).toEqual([]);
  };

  it("is judged: functions", async () => {
    const found = (await ofFunctions("'scalar', 'aggregate', 'macro'")).filter(
      (name) => !functions.collation.test(name),
    );
    same(
      found,
      allowed.filter((name) => name !== "unnest"),
      all(Object.values(judged.refusedFunctions)),
    );
    expect(await names("SELECT DISTINCT function_type FROM duckdb_functions() ORDER BY 1")).toEqual([
      "aggregate",
      "macro",
      "pragma",
      "scalar",
      "table",
      "table_macro",
    ]);
  });

  it("is judged: table functions, pragmas, catalogs, settings, types, statements", async () => {
    same(await ofFunctions("'table', 'table_macro'"), functions.rowFunctions, judged.refusedTableFunctions);
    same(await ofFunctions("'pragma'"), judged.pragmas);
    same(await names("SELECT DISTINCT view_name FROM duckdb_views() WHERE internal ORDER BY 1"), judged.catalogTables);
    expect(await names("SELECT table_name FROM duckdb_tables() WHERE internal")).toEqual([]);
    same(await names("SELECT name FROM duckdb_settings() ORDER BY 1"), judged.ownSettings, judged.otherSettings);
    const named = await names("SELECT DISTINCT upper(type_name) FROM duckdb_types() ORDER BY 1");
    expect(named.filter((name) => !types.has(name) && !judged.refusedTypes.includes(name))).toEqual([]);
    expect(judged.refusedTypes.filter((name) => types.has(name))).toEqual([]);
    const statements = Object.keys(StatementType).filter((name) => !/^\d/.test(name));
    same(statements, ["SELECT"], judged.refusedStatements);
  });

  it("is refused where it is not allowed: every function and table function, by name", async () => {
    const refusal = async (sql: string) => {
      const { statements, error } = await parseSql(session, sql);
      if (error) return "not parsed";
      try {
        checkSyntax(statements);
        return "allowed";
      } catch (thrown) {
        return String(thrown);
      }
    };
    for (const name of all(Object.values(judged.refusedFunctions)))
      expect(await refusal(`SELECT "${name}"(1)`), name).toMatch(/is not available/);
    for (const name of judged.refusedTableFunctions)
      expect(await refusal(`SELECT * FROM "${name}"(1)`), name).toMatch(/is not available/);
    for (const name of [...scalarFunctions, ...aggregateFunctions])
      expect(await refusal(`SELECT "${name}"(1)`), name).toBe("allowed");
    for (const name of judged.refusedTypes) expect(await refusal(`SELECT 1::"${name}"`), name).not.toBe("allowed");
    expect(await refusal("SELECT tidemark_avg(1, 2)")).toMatch(/Tidemark's own/);
  });

  it.each([
    ["FROM v PIVOT (sum(b) FOR a IN (1, 2))", /pivot is not available/],
    ["FROM (DESCRIBE v)", /show is not available/],
    ["SELECT sum(a) EXPORT_STATE FROM v", /EXPORT_STATE is not available/],
    ["SELECT 1::main.other", /named with a schema/],
    ["SELECT 1::nothing_like_it", /the type nothing_like_it is not available/],
    ["SELECT main.lower('x')", /allowed/],
    ["SELECT other.lower('x')", /named with a schema/],
  ])("%s", async (sql, why) => {
    const { statements } = await parseSql(session, sql);
    let said = "allowed";
    try {
      checkSyntax(statements);
    } catch (error) {
      said = String(error);
    }
    expect(said).toMatch(why);
  });

  it("is refused in the tree, too: a kind or a field that is not on the list", async () => {
    const { statements } = await parseSql(session, "SELECT a + 1 FROM v WHERE b ORDER BY c LIMIT 1");
    const [statement] = statements;
    const text = JSON.stringify(statement);
    expect(() => checkSyntax([statement!])).not.toThrow();
    const changes: [RegExp, string][] = [
      [/"class":"COLUMN_REF"/, '"class":"NEW_REF"'],
      [/"type":"COLUMN_REF"/, '"type":"NEW_OPERATOR"'],
      [/"type":"ORDER_MODIFIER"/, '"type":"NEW_MODIFIER"'],
      [/"type":"BASE_TABLE"/, '"type":"NEW_TABLE"'],
      [/"type":"SELECT_NODE"/, '"type":"NEW_NODE"'],
      [/"column_names":/, '"new_field":1,"column_names":'],
      [/"from_table":/, '"new_field":1,"from_table":'],
      [/"at_clause":/, '"new_field":1,"at_clause":'],
      [/"id":"INTEGER"/, '"id":"NEW_TYPE"'],
    ];
    for (const [what, instead] of changes) {
      expect(text).toMatch(what);
      expect(() => checkSyntax([JSON.parse(text.replace(what, instead))]), instead).toThrow(/is not available/);
    }
  });
});
