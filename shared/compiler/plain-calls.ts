/**
 * Calls in one form: what the parser gives for `column.f()` and WITHIN GROUP, as the plain call that DuckDB
 * takes them for.
 */
import { columnRef, isNode, type Json, type Node, nodesOf } from "./ast.ts";

const schemas = new Set(["main", "pg_catalog", "system", "temp", "information_schema"]);

/** A syntax tree with plain calls only. */
export function plainCalls(tree: Node): Node {
  return go(tree) as Node;
}

function go(value: Json): Json {
  if (Array.isArray(value)) return value.map(go);
  if (!isNode(value)) return value;
  const inside = Object.fromEntries(Object.entries(value).map(([key, each]) => [key, go(each)]));
  return inside.class === "FUNCTION" ? withinGroup(chained(inside)) : inside;
}

/** `a.b.f(x)` is f in schema b of catalog a to the parser, and f(a.b, x) to the binder. */
function chained(call: Node): Node {
  const schema = String(call.schema ?? "");
  if (schema === "" || schemas.has(schema.toLowerCase())) return call;
  const names = [String(call.catalog ?? ""), schema].filter((name) => name !== "");
  const column = { ...columnRef(names.at(-1)!), column_names: names, query_location: call.query_location! };
  return { ...call, schema: "", catalog: "", children: [column, ...nodesOf(call.children)] };
}

/** `quantile_cont(share) WITHIN GROUP (ORDER BY x)`, as percentile_cont is called, is quantile_cont(x, share). */
function withinGroup(call: Node): Node {
  if (!/^quantile_(cont|disc)$/.test(String(call.function_name))) return call;
  const modifier = call.order_bys;
  const orders = isNode(modifier) ? nodesOf(modifier.orders) : [];
  const [share, more] = nodesOf(call.children);
  const [order] = orders;
  if (!share || more || !order || orders.length > 1 || order.type === "DESCENDING") return call;
  return { ...call, children: [order.expression as Node, share], order_bys: { ...(modifier as Node), orders: [] } };
}
