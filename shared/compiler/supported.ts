/** What a view may hold: one SELECT over one stream, of functions of the events, with aggregates that merge. */
import { aggregateNamed, aggregateNames } from "./aggregates/table.ts";
import { fingerprint, isNode, locationOf, type Node, nodesOf, visit } from "./ast.ts";
import type { FunctionKind } from "./catalog.ts";
import { findWord, refuse, type SourceText } from "./refusal.ts";

export type Catalog = ReadonlyMap<string, FunctionKind>;

/** The one SELECT of the parsed statements. */
export function oneSelect(source: SourceText, statements: readonly Node[]): Node {
  const [statement, second] = statements;
  if (!statement) throw refuse(source, null, "the file holds no SELECT", "write one SELECT … FROM a stream GROUP BY …");
  if (second) {
    const at = findWord(source, /(?<=;\s*)[^;\s]/);
    throw refuse(source, at, "a view is one SELECT, and this file holds several", "put each in a file of its own");
  }
  const node = statement.node as Node;
  if (node.type === "SET_OPERATION_NODE") {
    const at = findWord(source, /\b(UNION|INTERSECT|EXCEPT)\b/i);
    const instead = "write one view per SELECT and combine them in the query";
    throw refuse(source, at, "UNION, INTERSECT and EXCEPT are not available in a view", instead);
  }
  if (node.type !== "SELECT_NODE") {
    throw refuse(
      source,
      findWord(source, /\S/),
      "a view is one plain SELECT",
      "write SELECT … FROM a stream GROUP BY …",
    );
  }
  return node;
}

/** Refuses a sample, of the whole or of a table. */
export function checkSample(source: SourceText, node: Node, at: number | null): void {
  if (node.sample === null || node.sample === undefined) return;
  const place = at ?? findWord(source, /\b(USING\s+SAMPLE|TABLESAMPLE)\b/i);
  throw refuse(
    source,
    place,
    "a sample is not a function of the events",
    "filter with WHERE, e.g. on hash(id) % 100 = 0",
  );
}

/** Refuses what would order rows, or compare them with each other: ORDER BY, LIMIT, DISTINCT, QUALIFY, a sample. */
export function checkModifiers(source: SourceText, select: Node): void {
  checkSample(source, select, null);
  for (const modifier of nodesOf(select.modifiers)) {
    const at = locationOf({ ...modifier, class: "", alias: "" });
    if (modifier.type === "ORDER_MODIFIER") {
      throw refuse(
        source,
        at,
        "ORDER BY has no meaning for a view: its rows are a set",
        "order in the query (order=… or ORDER BY)",
      );
    }
    if (modifier.type === "DISTINCT_MODIFIER") {
      const place = findWord(source, /\bDISTINCT\b/i);
      throw refuse(
        source,
        place,
        "SELECT DISTINCT over merged rows would hide groups",
        "GROUP BY the columns, or take DISTINCT in the query over the view",
      );
    }
    throw refuse(source, at, "LIMIT on parts is not LIMIT on the whole", "limit in the query (limit=… or LIMIT)");
  }
  if (isNode(select.qualify)) {
    const at = findWord(source, /\bQUALIFY\b/i);
    throw refuse(source, at, "QUALIFY needs window functions, which don't merge", "rank in the query over the view");
  }
}

/** Where an expression is used: among a view's groups, or in a subquery that makes rows of single events. */
type Place = "view" | "per event";

/** Refuses expressions that can't merge or are not functions of the events. */
export function checkExpression(source: SourceText, expression: Node, catalog: Catalog, place: Place = "view"): void {
  visit(expression, (node) => {
    const at = locationOf(node);
    switch (node.class) {
      case "WINDOW":
        throw refuse(
          source,
          at,
          "window functions read other rows, which parts don't have",
          "compute it in the query over the view",
        );
      case "SUBQUERY":
        throw refuse(
          source,
          at,
          "subqueries are not available in a view",
          "write a second view and combine them in the query",
        );
      case "STAR":
        if (place === "per event") return;
        throw refuse(
          source,
          at,
          "* is not available in a view: its columns would change with the stream",
          "name the columns",
        );
      case "POSITIONAL_REFERENCE":
        throw refuse(source, at, `#${String(node.index)} is not available in a view`, "name the column");
      case "PARAMETER":
        throw refuse(
          source,
          findWord(source, /\?|\$\w+/),
          "a view takes no parameters",
          "write the value, or filter in the query",
        );
      case "COLLATE":
        throw refuse(
          source,
          at,
          "COLLATE makes different texts one group that shows whichever came first",
          "group by lower(…) or another expression",
        );
      case "FUNCTION":
        checkFunction(source, node, at, catalog, place);
    }
  });
  const nested = aggregatesIn(expression, catalog).find((outer) =>
    [...nodesOf(outer.children), ...(isNode(outer.filter) ? [outer.filter] : [])].some(
      (inner) => aggregatesIn(inner, catalog).length > 0,
    ),
  );
  if (nested) {
    throw refuse(
      source,
      locationOf(nested),
      "an aggregate inside an aggregate needs two passes",
      "aggregate again in the query over the view",
    );
  }
}

function checkFunction(source: SourceText, node: Node, at: number | null, catalog: Catalog, place: Place): void {
  const name = String(node.function_name).toLowerCase();
  const count = nodesOf(node.children).length;
  const kind = catalog.get(name);
  if (kind === "rows") {
    if (place === "per event") return;
    const instead = `do it in a subquery: FROM (SELECT ${name}(…) AS x FROM a stream)`;
    throw refuse(source, at, `${name} changes the number of rows`, instead);
  }
  if (kind === "volatile" || (name === "age" && count === 1)) {
    const why = `${name}() is not a function of the events: each layer would get another value`;
    throw refuse(source, at, why, "use the events' own time or id, or compute it in the query");
  }
  if (name.startsWith("tidemark_")) throw refuse(source, at, `${name}() is Tidemark's own`, "use DuckDB's functions");
  if (kind !== "aggregate") return;
  const distinct = node.distinct === true;
  const entry = aggregateNamed(name, distinct);
  if (!entry) {
    throw refuse(
      source,
      at,
      `${name}() has no exact partial form in this version`,
      `available: ${aggregateNames.join(", ")}`,
    );
  }
  if (distinct && entry.ordered) {
    const instead =
      entry.distinctAdvice ?? "leave out DISTINCT: the value that wins among all wins among the different ones";
    throw refuse(source, at, `DuckDB takes the values of ${name}(DISTINCT …) in no certain order`, instead);
  }
  if (distinct && entry.arity.length === 0) {
    const instead = "GROUP BY its arguments in a view of its own, and compute it in the query over that";
    throw refuse(source, at, `${name}(DISTINCT …) with several arguments is not available`, instead);
  }
  const orders = isNode(node.order_bys) ? nodesOf(node.order_bys.orders) : [];
  const byItself =
    orders.length === 1 &&
    count > 0 &&
    fingerprint(orders[0]!.expression as Node) === fingerprint(nodesOf(node.children)[0]!);
  if (entry.sorted && !byItself) {
    const instead = `order it by its own argument: ${name}(x, ', ' ORDER BY x)`;
    throw refuse(source, at, `${name}() in any other order than its values' own can't be combined from parts`, instead);
  }
  if (orders.length > 1 && entry.orderable)
    throw refuse(
      source,
      at,
      `ORDER BY of several inside ${name}() is not available`,
      "order by one expression: {y: y, z: z}",
    );
  if (orders.length > 0 && !entry.sorted && !entry.orderable) {
    const instead = entry.orderAdvice ?? "leave it out: the result does not depend on it";
    throw refuse(source, at, `ORDER BY inside ${name}() is not available`, instead);
  }
  if (node.export_state === true) {
    throw refuse(source, at, "an aggregate's state can't be stored or combined", "leave out EXPORT_STATE");
  }
  if (!entry.arity.includes(count)) {
    const takes = `it takes ${entry.arity.join(" or ")} here`;
    throw refuse(source, at, `${name}() with ${count} arguments is not available`, takes);
  }
}

export function aggregatesIn(node: Node, catalog: Catalog): Node[] {
  const found: Node[] = [];
  visit(node, (each) => {
    if (each.class === "FUNCTION" && catalog.get(String(each.function_name).toLowerCase()) === "aggregate")
      found.push(each);
  });
  return found;
}
