/**
 * DuckDB's own syntax tree, as json_serialize_sql gives it and json_deserialize_sql takes it back.
 */
import type { Session } from "../duckdb/duck.ts";

export type Json = null | boolean | number | string | Json[] | Node;
export interface Node {
  [key: string]: Json;
}

/** A byte offset where DuckDB knows none. */
const nowhere = 18446744073709551615n;

// Integers of 16 and more digits do not survive JSON.parse; they travel as marked strings.
const mark = "\u0001int:";
const tokens = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function parseJson(text: string): Json {
  return JSON.parse(text.replace(tokens, (token) => (/^-?\d{16,}$/.test(token) ? JSON.stringify(mark + token) : token))) as Json;
}

function printJson(value: Json): string {
  return JSON.stringify(value).replaceAll(/"\\u0001int:(-?\d+)"/g, "$1");
}

export interface Parsed {
  readonly statements: Node[];
  readonly error: { readonly message: string; readonly position: number | null } | null;
}

export async function parseSql(session: Session, sql: string): Promise<Parsed> {
  const tree = parseJson(String(await session.value("SELECT json_serialize_sql(?::VARCHAR)", [sql]))) as Node;
  if (tree.error === true) {
    const position = tree.position === undefined ? null : Number(tree.position);
    return { statements: [], error: { message: String(tree.error_message), position } };
  }
  return { statements: tree.statements as Node[], error: null };
}

/** Renders expressions back to SQL text, all in one call. */
export async function renderExpressions(session: Session, expressions: readonly Node[]): Promise<string[]> {
  if (expressions.length === 0) return [];
  const list = await session.rows(
    `SELECT json_deserialize_sql(j::JSON) AS sql FROM (VALUES ${expressions.map((_, i) => `(${i}, ?)`).join(", ")}) v(i, j) ORDER BY i`,
    expressions.map((expression) => printJson({ error: false, statements: [selectOf([{ ...expression, alias: "" }])] })),
  );
  return list.map((row) => String(row.sql).replace(/^SELECT /, ""));
}

function selectOf(select: Node[]): Node {
  return {
    node: {
      type: "SELECT_NODE",
      modifiers: [],
      cte_map: { map: [] },
      select_list: select,
      from_table: { type: "EMPTY", alias: "", sample: null, query_location: mark + nowhere },
      where_clause: null,
      group_expressions: [],
      group_sets: [],
      aggregate_handling: "STANDARD_HANDLING",
      having: null,
      sample: null,
      qualify: null,
    },
    named_param_map: [],
  };
}

export function isNode(value: Json | undefined): value is Node {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An expression node (has a class), not a type or a modifier. */
export function isExpression(value: Json | undefined): value is Node {
  return isNode(value) && typeof value.class === "string" && "alias" in value;
}

/** The direct child expressions of an expression, in order. */
export function childrenOf(node: Node): Node[] {
  const found: Node[] = [];
  const look = (value: Json) => {
    if (isExpression(value)) found.push(value);
    else if (Array.isArray(value)) for (const item of value) look(item);
    else if (isNode(value)) for (const item of Object.values(value)) look(item);
  };
  for (const value of Object.values(node)) look(value);
  return found;
}

/** Visits an expression and everything below it, parents first. */
export function visit(node: Node, see: (node: Node) => void): void {
  see(node);
  for (const child of childrenOf(node)) visit(child, see);
}

/** A copy in which `change` has replaced nodes top-down; undefined keeps a node and goes on below it. */
export function rewrite(node: Node, change: (node: Node) => Node | undefined): Node {
  const changed = change(node);
  if (changed) return changed;
  const go = (value: Json): Json => {
    if (isExpression(value)) return rewrite(value, change);
    if (Array.isArray(value)) return value.map(go);
    if (isNode(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, go(item)]));
    return value;
  };
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, go(value)]));
}

/** Byte offset of a node in the SQL text; the nearest one below it where it has none itself. */
export function locationOf(node: Node): number | null {
  let found: number | null = null;
  visit(node, (each) => {
    if (found === null && typeof each.query_location === "number") found = each.query_location;
  });
  return found;
}

/** Text by which two expressions are the same: positions and the outer alias left out (inner ones name struct fields). */
export function fingerprint(node: Node): string {
  return JSON.stringify({ ...node, alias: "" }, (key, value: Json) => (key === "query_location" ? undefined : value));
}

export function columnRef(name: string): Node {
  return { class: "COLUMN_REF", type: "COLUMN_REF", alias: "", query_location: mark + nowhere, column_names: [name] };
}
