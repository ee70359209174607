/** Names that a view may not give: what is generated around its SQL has such names beside it. */
import { isOwnName, ownNamesRule } from "../names.ts";
import { isNode, type Json, lambdaParameters, locationOf, type Node, nodesOf } from "./ast.ts";
import { findWord, refuse, type SourceText } from "./refusal.ts";

/**
 * Refuses columns, relations, queries of WITH and parameters of lambdas whose names are Tidemark's own. Names
 * of structs' fields are free.
 */
export function checkOwnNames(source: SourceText, statement: Node): void {
  const check = (name: Json | undefined, what: string, at: number | null): void => {
    if (typeof name !== "string" || !isOwnName(name)) return;
    const place = at ?? findWord(source, new RegExp(name.replace(/[^\w]/g, "\\$&")));
    throw refuse(source, place, `the ${what} "${name}": ${ownNamesRule}`, "call it something else");
  };
  const visit = (value: Json): void => {
    if (Array.isArray(value)) for (const item of value) visit(item);
    if (!isNode(value)) return;
    const at = typeof value.query_location === "number" ? value.query_location : null;
    for (const item of nodesOf(value.select_list)) check(item.alias, "column", locationOf(item));
    if (isNode(value.cte_map)) for (const { key } of nodesOf(value.cte_map.map)) check(key, "query of WITH", null);
    if (typeof value.class === "string")
      for (const name of lambdaParameters(value)) check(name, "lambda parameter", at);
    // nodes in FROM have no class
    else check(value.alias, "table", at);
    if (Array.isArray(value.column_name_alias)) for (const name of value.column_name_alias) check(name, "column", at);
    for (const item of Object.values(value)) visit(item);
  };
  visit(statement);
}
