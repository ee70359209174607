/** What a view's expressions are to DuckDB: their SQL, and the types that they have over the events. */
import type { Session } from "../duckdb/duck.ts";
import { isOfSql } from "../duckdb/of-sql.ts";
import type { Argument, Order } from "./aggregates/plan.ts";
import { isNode, locationOf, type Node, nodesOf, renderExpressions, visit } from "./ast.ts";
import type { Outer } from "./outer.ts";
import type { ReadView } from "./read.ts";
import { complaint, type SourceText } from "./refusal.ts";

/** An expression over the events. */
export interface TypedKey {
  readonly node: Node;
  readonly sql: string;
  readonly type: string;
}

/** A use of an aggregate. */
export interface TypedUse {
  readonly node: Node;
  /** As it is written. */
  readonly sql: string;
  /** The type of its value. */
  readonly type: string;
  readonly args: readonly Argument[];
  readonly order: Order | null;
  readonly filter: string | null;
}

export interface TypedView {
  readonly keys: readonly TypedKey[];
  readonly uses: readonly TypedUse[];
  readonly where: string | null;
  readonly having: string | null;
  /** The view's columns, over merged values. */
  readonly shown: readonly string[];
}

/** Asks DuckDB for all texts at once, and then for their types. */
export async function typedOf(
  session: Session,
  { source, input, keys, where }: ReadView,
  { uses, having, shown }: Outer,
): Promise<TypedView> {
  const own = uses.map(({ node }) => ({
    node,
    args: [...nodesOf(node.children), ...ordersOf(node).map(({ expression }) => expression as Node)],
    filter: isNode(node.filter) ? node.filter : null,
  }));
  const args = own.flatMap((each) => each.args);
  const rendered = await renderExpressions(session, [
    ...keys,
    ...args,
    ...own.map(({ filter }) => filter).filter((each) => each !== null),
    ...(where ? [where] : []),
    ...own.map(({ node }) => node),
    ...(having ? [having.node] : []),
    ...shown.map(({ node }) => node),
  ]);
  const next = () => rendered.shift()!;
  const keySql = keys.map(next);
  const argSql = args.map(next);
  const filterSql = own.map(({ filter }) => (filter ? next() : null));
  const whereSql = where ? next() : null;
  const useSql = own.map(next);
  const perEvent = await typesOf(session, [...keySql, ...argSql], input.typed);
  const results = await typesOf(session, useSql, input.typed);
  const known = await argumentsOf(session, source, args, argSql, perEvent.slice(keys.length));
  return {
    keys: keys.map((node, i) => ({ node, sql: keySql[i]!, type: perEvent[i]! })),
    uses: own.map(({ node }, i) => {
      const given = nodesOf(node.children).map(() => known.shift()!);
      const [order = null] = ordersOf(node).map((each) => orderOf(each, known.shift()!));
      return { node, sql: useSql[i]!, type: results[i]!, args: given, order, filter: filterSql[i]! };
    }),
    where: whereSql,
    having: having ? next() : null,
    shown: rendered,
  };
}

/** ORDER BY inside an aggregate: of one expression at most, as `supported.ts` sees to. */
function ordersOf(use: Node): Node[] {
  return isNode(use.order_bys) ? nodesOf(use.order_bys.orders) : [];
}

function orderOf({ type, null_order: nulls }: Node, by: Argument): Order {
  return { ...by, descending: type === "DESCENDING", nullsFirst: nulls === "NULLS FIRST" };
}

/** Which arguments mention no field, and the numbers that those are. */
async function argumentsOf(
  session: Session,
  source: SourceText,
  nodes: readonly Node[],
  texts: readonly string[],
  types: readonly string[],
): Promise<Argument[]> {
  const found: Argument[] = [];
  for (const [i, node] of nodes.entries()) {
    const [sql, type] = [texts[i]!, types[i]!];
    const fixed = !mentionsFields(node);
    const constant = fixed ? await numbersIn(session, source, node, sql) : null;
    found.push({ sql, type, constant, fixed });
  }
  return found;
}

function mentionsFields(node: Node): boolean {
  let fields = false;
  visit(node, (each) => {
    if (each.class === "COLUMN_REF" || each.class === "LAMBDA") fields = true;
  });
  return fields;
}

async function numbersIn(session: Session, source: SourceText, node: Node, sql: string): Promise<string[] | null> {
  const value = await session.value(`SELECT to_json(${sql})::VARCHAR`).catch((error: unknown) => {
    if (!isOfSql(error)) throw error;
    // the user's own expression: plain DuckDB has no value of it, either
    throw complaint(source, error instanceof Error ? error.message : String(error), locationOf(node));
  });
  const json = String(value ?? "");
  const numbers = json.match(/-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g) ?? [];
  return /^\[?[-\d.,\seE+]*\]?$/.test(json) && numbers.length > 0 ? numbers : null;
}

async function typesOf(session: Session, expressions: readonly string[], table: string): Promise<string[]> {
  if (expressions.length === 0) return [];
  const list = expressions.map((sql, i) => `${sql} AS t${i}`);
  const columns = await session.describe(`SELECT ${list.join(", ")} FROM ${table}`);
  return columns.map((column) => column.type);
}
