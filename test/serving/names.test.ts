/** What a name means in SQL from outside, held against DuckDB's own binder: N queries of SEED, more by NAMES_N. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resolveNames } from "../../serving/sql/names.ts";
import { checkSyntax } from "../../serving/sql/syntax.ts";
import { isNode, type Json, type Node, parseSql, renderStatement } from "../../shared/compiler/ast.ts";
import { Duck, type Session } from "../../shared/duckdb/duck.ts";
import { messageOf } from "../../shared/errors.ts";
import { randomOf } from "../faults/fault.ts";
import { NamedQueries, tables } from "./sandbox/named-query.ts";

const count = Number(process.env.NAMES_N || 200);
const seed = Number(process.env.NAMES_SEED || Math.floor(Math.random() * 2 ** 31));
/** A query that takes longer recurs for ever. */
const slowMs = 3000;

describe("names in SQL from outside", () => {
  let duck: Duck;
  /** Has the tables, each with a row that says so. */
  let full: Session;
  /** Has none of them, but under other names. */
  let hidden: Session;
  let other: Duck;

  beforeAll(async () => {
    duck = await Duck.open({ threads: 1 });
    other = await Duck.open({ threads: 1 });
    [full, hidden] = [await duck.session(), await other.session()];
    for (const name of tables) await full.run(`CREATE TABLE ${name} AS SELECT 't${name}' AS v`);
    for (const name of tables) await hidden.run(`CREATE TABLE view_${name} AS SELECT 't${name}' AS v`);
  });
  afterAll(() => {
    duck.close();
    other.close();
  });

  const rows = async (session: Session, sql: string) => {
    const timer = setTimeout(() => session.connection.interrupt(), slowMs);
    try {
      return (await session.read(sql)).getRows().map(String).sort().join(" ");
    } catch (error) {
      return `fails: ${messageOf(error).split(/[:(]/)[0]}`;
    } finally {
      clearTimeout(timer);
    }
  };
  /** The text as we take it, with the tables under the names that they have in `hidden`. */
  const decided = async (sql: string) => {
    const { statements, error } = await parseSql(full, sql);
    if (error) return null;
    const { statement } = resolveNames(checkSyntax(statements), tables);
    return renderStatement(full, moved(statement) as Node);
  };

  it("are what DuckDB takes them for, in any nesting", { timeout: 600_000 }, async () => {
    const random = randomOf(seed);
    const queries = new NamedQueries({
      int: (below) => Math.floor(random() * below),
      chance: (p) => random() < p,
    });
    let [answered, recursive] = [0, 0];
    for (let i = 0; i < count; i++) {
      const sql = queries.query();
      const text = await decided(sql);
      if (text === null) continue;
      const own = await rows(full, sql);
      if (own.startsWith("fails: INTERRUPT")) continue;
      if (!own.startsWith("fails")) answered++;
      if (/RECURSIVE/.test(sql)) recursive++;
      expect(await rows(hidden, text), `seed ${seed}, query ${i}\n${sql}\n${text}`).toBe(own);
    }
    expect(answered).toBeGreaterThan(count / 3);
    process.stdout.write(
      `names: N=${count} SEED=${seed}: ${answered} answered, ${recursive} with WITH RECURSIVE, all as DuckDB's binder has them\n`,
    );
  });
});

function moved(value: Json): Json {
  if (Array.isArray(value)) return value.map(moved);
  if (!isNode(value)) return value;
  const node = Object.fromEntries(Object.entries(value).map(([key, each]) => [key, moved(each)]));
  const isTable = value.type === "BASE_TABLE" && tables.some((name) => name === value.table_name);
  return isTable ? { ...node, table_name: `view_${String(value.table_name)}` } : node;
}
