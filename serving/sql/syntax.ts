/**
 * Checks SQL from clients against a list of what is allowed in DuckDB's own syntax tree. Anything
 * else is refused before names are bound.
 */
import { isNode, type Json, type Node } from "../../shared/compiler/ast.ts";
import { fold } from "../../shared/duckdb/fold.ts";
import {
  aggregateFunctions,
  clockFunctions,
  collation,
  operatorFunctions,
  rowFunctions,
  scalarFunctions,
  windowFunctions,
} from "./allowed/functions.ts";
import { expressions, nodes, operators, types } from "./allowed/tree.ts";
import { refused } from "./refused.ts";

const measure = "measure";
const functions: ReadonlySet<string> = new Set([
  ...operatorFunctions,
  ...scalarFunctions,
  ...rowFunctions,
  ...clockFunctions,
  ...aggregateFunctions,
  measure,
]);
const overOnly: ReadonlySet<string> = new Set(windowFunctions);
const rows: ReadonlySet<string> = new Set(rowFunctions);

/** No person writes a deeper tree. */
const depthMax = 400;

/**
 * The one statement.
 * @throws QUERY_REFUSED naming what is not allowed
 */
export function checkSyntax(statements: readonly Node[]): Node {
  const [statement, second] = statements;
  if (!statement) throw refused("there is no query", "send one SELECT");
  if (second) throw refused("there are several statements", "send one SELECT");
  check(statement, 0);
  return statement;
}

function check(value: Json, depth: number): void {
  if (depth > depthMax) throw refused("the query is nested too deeply", "write it flatter");
  if (Array.isArray(value)) for (const item of value) check(item, depth + 1);
  if (!isNode(value)) return;
  if (typeof value.class === "string") checkExpression(value);
  else if (typeof value.type === "string") checkNode(value);
  if (typeof value.id === "string" && "type_info" in value) checkType(value.id);
  for (const item of Object.values(value)) check(item, depth + 1);
}

function checkExpression(node: Node): void {
  checkShape(node, expressions.get(String(node.class)), String(node.class));
  if (!operators.has(String(node.type))) throw refused(`${words(String(node.type))} is not available`, otherwise);
  if (node.class === "FUNCTION" || node.class === "WINDOW") checkFunction(node, node.class === "WINDOW");
}

function checkFunction(node: Node, over: boolean): void {
  const name = fold(String(node.function_name));
  if (!functions.has(name) && !collation.test(name) && !(over && overOnly.has(name))) {
    if (name.startsWith("tidemark_")) throw refused(`${name}() is Tidemark's own`, "use DuckDB's functions");
    throw refused(`the function ${name.slice(0, 60)}() is not available`, "use functions of the views' values");
  }
  // DuckDB itself writes the schema main for functions with a syntax of their own, such as [1, 2]
  if (!["", "main"].includes(String(node.schema ?? "")) || (node.catalog ?? "") !== "")
    throw refused(`the function ${name} is named with a schema`, "write its name alone");
  if (node.export_state === true) throw refused("EXPORT_STATE is not available", "ask for the value");
}

function checkNode(node: Node): void {
  const kind = String(node.type);
  if (kind === "PIVOT" || kind === "SHOW_REF" || !nodes.has(kind)) {
    const after = /_(NODE|MODIFIER|INFO)$/.test(kind) ? "" : " after FROM";
    throw refused(`${words(kind)} is not available${after}`, after ? "read from views" : "write a SELECT");
  }
  checkShape(node, nodes.get(kind), kind);
  if (kind === "TABLE_FUNCTION") {
    const call = node.function as Node;
    const name = fold(String(call.function_name));
    if (!rows.has(name))
      throw refused(
        `the table function ${name.slice(0, 60)}() is not available`,
        `there are: ${rowFunctions.join(", ")}`,
      );
  }
  if (kind === "UNBOUND_TYPE_INFO") {
    if (node.schema !== "" || node.catalog !== "")
      throw refused(`the type ${String(node.name)} is named with a schema`, "write its name alone");
    checkType(String(node.name));
  }
}

function checkShape(node: Node, fields: ReadonlySet<string> | undefined, kind: string): void {
  const unknown = fields ? Object.keys(node).find((field) => !fields.has(field)) : kind;
  if (unknown === undefined) return;
  const what = fields ? `${words(unknown)} of ${words(kind)}` : words(kind);
  throw refused(`${what} is not available`, otherwise);
}

function checkType(name: string): void {
  if (!types.has(name.toUpperCase())) throw refused(`the type ${name.slice(0, 60)} is not available`, otherwise);
}

const otherwise = "write it in another way";

/** An internal name as readable words. */
function words(name: string): string {
  return name
    .replace(/_(NODE|REF)$/, "")
    .replaceAll("_", " ")
    .toLowerCase();
}
