/**
 * DuckDB's own syntax tree, as json_serialize_sql gives it and json_deserialize_sql takes it back.
 */
import type { DuckDBValue, Session } from "../duckdb/duck.ts";
import { fold } from "../duckdb/fold.ts";

export type Json = null | boolean | number | string | Json[] | Node;
export interface Node {
  [key: string]: Json;
}

/** A byte offset where DuckDB knows none. */
const nowhere = 18446744073709551615n;

// Integers of 16 and more digits and doubles (1000.0 would come back as 1000) do not survive JSON.parse; they
// travel as marked strings.
const mark = "\u0001number:";
const tokens = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function parseJson(text: string): Json {
  return JSON.parse(
    text.replace(tokens, (token) => (/^(?:"|-?\d{1,15}$)/.test(token) ? token : JSON.stringify(mark + token))),
  ) as Json;
}

function printJson(value: Json): string {
  return JSON.stringify(value).replaceAll(/"\\u0001number:([-+.\deE]+)"/g, "$1");
}

export interface ParsedSql {
  readonly statements: Node[];
  readonly error: { readonly message: string; readonly position: number | null } | null;
}

/** The parser's complaint about any other statement. */
export const notSelect = "not a SELECT";

export async function parseSql(session: Session, sql: string): Promise<ParsedSql> {
  return parsedOf(await session.value("SELECT json_serialize_sql(?::VARCHAR)", [sql]));
}

/** Several texts, all in one call. */
export async function parseTexts(session: Session, texts: readonly string[]): Promise<ParsedSql[]> {
  if (texts.length === 0) return [];
  const values = texts.map((_, i) => `(${i}, ?)`).join(", ");
  const rows = await session.rows(
    `SELECT json_serialize_sql(t::VARCHAR) AS tree FROM (VALUES ${values}) v(i, t) ORDER BY i`,
    texts,
  );
  return rows.map(({ tree }) => parsedOf(tree ?? null));
}

function parsedOf(serialized: DuckDBValue): ParsedSql {
  const tree = parseJson(String(serialized)) as Node;
  if (tree.error === true) {
    const position = tree.position === undefined ? null : Number(tree.position);
    const message = String(tree.error_message).replace(/^Only SELECT statements can be serialized.*/, notSelect);
    return { statements: [], error: { message, position } };
  }
  return { statements: tree.statements as Node[], error: null };
}

/** Renders expressions back to SQL text, all in one call. */
export async function renderExpressions(session: Session, expressions: readonly Node[]): Promise<string[]> {
  if (expressions.length === 0) return [];
  const list = await session.rows(
    `SELECT json_deserialize_sql(j::JSON) AS sql FROM (VALUES ${expressions.map((_, i) => `(${i}, ?)`).join(", ")}) v(i, j) ORDER BY i`,
    expressions.map((expression) =>
      printJson({ error: false, statements: [selectOf([{ ...keepDoubles(expression), alias: "" }])] }),
    ),
  );
  return list.map((row) => String(row.sql).replace(/^SELECT /, ""));
}

/** `SELECT * FROM …` of a parsed FROM, with the queries of a WITH before it. */
export async function renderSelect(session: Session, from: Node, ctes: Node): Promise<string> {
  const star: Node = {
    class: "STAR",
    type: "STAR",
    alias: "",
    query_location: mark + nowhere,
    relation_name: "",
    exclude_list: [],
    replace_list: [],
    columns: false,
    expr: null,
    qualified_exclude_list: [],
    rename_list: [],
  };
  const statement = selectOf([star]);
  return renderStatement(session, {
    ...statement,
    node: { ...(statement.node as Node), from_table: from, cte_map: ctes },
  });
}

/** Renders a statement as parseSql gave it, or changed, back to SQL text. */
export async function renderStatement(session: Session, statement: Node): Promise<string> {
  const text = printJson({ error: false, statements: [keepAllDoubles(statement)] });
  return String(await session.value("SELECT json_deserialize_sql(?::JSON)", [text]));
}

function keepAllDoubles(value: Node): Node {
  const go = (each: Json): Json => {
    if (isExpression(each)) return keepDoubles(each);
    if (Array.isArray(each)) return each.map(go);
    return isNode(each) ? keepAllDoubles(each) : each;
  };
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, go(each)]));
}

/** DuckDB writes the double 1e3 as 1000.0, and reads that as a DECIMAL: only a cast keeps the type. */
function keepDoubles(expression: Node): Node {
  return rewrite(expression, (each) => {
    const constant = each.class === "CONSTANT" ? each.value : null;
    if (!isNode(constant) || !isNode(constant.type) || constant.type.id !== "DOUBLE" || constant.is_null === true)
      return undefined;
    const text = String(constant.value).replace(mark, "");
    const child = {
      ...each,
      alias: "",
      value: { ...constant, type: { ...constant.type, id: "VARCHAR" }, value: text },
    };
    return {
      class: "CAST",
      type: "OPERATOR_CAST",
      alias: each.alias!,
      query_location: each.query_location!,
      child,
      cast_type: constant.type,
      try_cast: false,
    };
  });
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

/** A list of nodes, or none. */
export function nodesOf(value: Json | undefined): Node[] {
  return Array.isArray(value) ? (value as Node[]) : [];
}

export function isNode(value: Json | undefined): value is Node {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An expression node (has a class), not a type or a modifier. */
function isExpression(value: Json | undefined): value is Node {
  return isNode(value) && typeof value.class === "string" && "alias" in value;
}

/** The direct child expressions of an expression, in order. */
function childrenOf(node: Node): Node[] {
  const found: Node[] = [];
  const visit = (value: Json) => {
    if (isExpression(value)) found.push(value);
    else if (Array.isArray(value)) for (const item of value) visit(item);
    else if (isNode(value)) for (const item of Object.values(value)) visit(item);
  };
  for (const value of Object.values(node)) visit(value);
  return found;
}

/** Visits an expression and everything below it, parents first. */
export function visit(node: Node, see: (node: Node) => void): void {
  see(node);
  for (const child of childrenOf(node)) visit(child, see);
}

/**
 * A copy in which `change` has replaced nodes top-down; undefined keeps a node and goes on below it. Parameters
 * of lambdas are not shown to `change`: they are no columns.
 */
export function rewrite(node: Node, change: (node: Node) => Node | undefined, bound: ReadonlySet<string> = none): Node {
  if (node.class === "COLUMN_REF" && bound.has(firstName(node))) return node;
  const changed = change(node);
  if (changed) return changed;
  const go = (value: Json): Json => {
    if (isExpression(value)) {
      if (!isLambdaOf(node, value)) return rewrite(value, change, bound);
      const inner = new Set([...bound, ...parametersOf(value)]);
      return { ...value, expr: rewrite(value.expr as Node, change, inner) };
    }
    if (Array.isArray(value)) return value.map(go);
    if (isNode(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, go(item)]));
    return value;
  };
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, go(value)]));
}

const none: ReadonlySet<string> = new Set();

/** Shows every column reference that is not a lambda's parameter. */
export function freeNames(node: Node, see: (node: Node) => void): void {
  rewrite(node, (each) => {
    if (each.class === "COLUMN_REF") see(each);
    return undefined;
  });
}

/** Parameters of all lambdas in an expression, in lower case. */
export function lambdaParameters(node: Node): string[] {
  const found: string[] = [];
  visit(node, (each) => {
    for (const child of childrenOf(each)) if (isLambdaOf(each, child)) found.push(...parametersOf(child));
  });
  return found;
}

const lambdaFunction = /^((list|array)_)?(transform|apply|filter|reduce)$/;

/** `x -> y` is a lambda as an argument of these functions, and the JSON arrow everywhere else. */
function isLambdaOf(parent: Node, child: Node): boolean {
  return (
    child.class === "LAMBDA" &&
    parent.class === "FUNCTION" &&
    lambdaFunction.test(String(parent.function_name).toLowerCase())
  );
}

function parametersOf(lambda: Node): string[] {
  const found: string[] = [];
  visit(lambda.lhs as Node, (each) => {
    if (each.class === "COLUMN_REF") found.push(firstName(each));
  });
  return found;
}

function firstName(node: Node): string {
  return fold(String((node.column_names as string[])[0]));
}

/** Byte offset of a node in the SQL text; the nearest one below it where it has none itself. */
export function locationOf(node: Node): number | null {
  let found: number | null = null;
  visit(node, (each) => {
    if (found === null && typeof each.query_location === "number") found = each.query_location;
  });
  return found;
}

/**
 * Text by which two expressions are the same: positions and the outer alias left out (inner ones name struct
 * fields).
 */
export function fingerprint(node: Node): string {
  return JSON.stringify({ ...node, alias: "" }, (key, value: Json) => (key === "query_location" ? undefined : value));
}

export function columnRef(name: string): Node {
  return { class: "COLUMN_REF", type: "COLUMN_REF", alias: "", query_location: mark + nowhere, column_names: [name] };
}
