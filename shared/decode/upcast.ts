/** An upcast: SQL over one record's JSON (`event`) that gives the JSON of an event as its stream has it now. */
import { isNode, type Node, nodesOf, parseSql, renderExpressions, visit } from "../compiler/ast.ts";
import { readCatalog } from "../compiler/catalog.ts";
import { checkExpression } from "../compiler/supported.ts";
import type { Session } from "../duckdb/duck.ts";
import { messageOf, TidemarkError } from "../errors.ts";

/**
 * An upcast as DuckDB writes it (no comments, which would swallow what is put around it); or why a text can't
 * be one, in words.
 */
export type ReadUpcast = { readonly sql: string } | { readonly problem: string };

export async function readUpcast(session: Session, text: string): Promise<ReadUpcast> {
  const sql = `SELECT ${text}`;
  const parsed = await parseSql(session, sql);
  const node = parsed.statements[0]?.node;
  const list = isNode(node) ? nodesOf(node.select_list) : [];
  if (parsed.error || parsed.statements.length !== 1 || list.length !== 1 || (node as Node).from_table === undefined)
    return { problem: parsed.error ? parsed.error.message.split("\n")[0]! : "it is not one SQL expression" };
  if (((node as Node).from_table as Node).type !== "EMPTY") return { problem: "it is not one SQL expression" };
  const catalog = await readCatalog(session);
  let aggregate = false;
  visit(list[0]!, (each) => {
    if (each.class === "FUNCTION" && catalog.get(String(each.function_name).toLowerCase()) !== "scalar")
      aggregate = true;
  });
  try {
    checkExpression({ file: "upcast", sql }, list[0]!, catalog, "per event");
  } catch (error) {
    if (error instanceof TidemarkError) return { problem: error.message.replace(/^upcast[:\d]*: /, "") };
    throw error;
  }
  if (aggregate) return { problem: "it has to be a function of the one event" };
  const [rendered] = await renderExpressions(session, list);
  try {
    const [column] = await session.describe(`SELECT (${rendered!}) AS event FROM (SELECT CAST(NULL AS JSON) AS event)`);
    if (column!.type === "JSON") return { sql: rendered! };
    return { problem: `it gives ${column!.type}, not JSON: put to_json(…) around it` };
  } catch (error) {
    return { problem: messageOf(error).split("\n")[0]! };
  }
}

/** From a relation with `v` (JSON, NULL where faulty) and `__fault` to the same of upcast events. */
export function upcastSelect(expression: string, judged: string, kept: readonly string[]): string {
  const columns = kept.map((name) => `, ${name}`).join("");
  const fault =
    "CASE WHEN __fault IS NOT NULL THEN __fault WHEN u IS NULL THEN 'upcast: gave nothing' " +
    "WHEN json_type(u) <> 'OBJECT' THEN 'upcast: not a JSON object' END";
  return (
    `SELECT CASE WHEN json_type(u) = 'OBJECT' THEN u END AS v, ${fault} AS __fault${columns} FROM ` +
    `(SELECT *, CASE WHEN __fault IS NULL THEN TRY(${expression}) END AS u FROM (SELECT *, v AS event FROM (${judged})))`
  );
}
