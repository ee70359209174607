/**
 * Resolves every name after FROM by DuckDB's own rule, and rewrites the statement so that it can't
 * be resolved in another way: each query of WITH gets a name that no catalog and no file has, and any
 * other name must be exactly a view's, or is refused. If we resolve a name differently from DuckDB,
 * DuckDB finds nothing under it.
 *
 * The rule: a query of WITH is visible to those that follow it in the same WITH and to the query
 * that the WITH belongs to, nowhere else; the innermost one of a name wins. A recursive query is
 * visible to itself, too, but only after its UNION, where it takes precedence over its own WITH.
 */
import { isNode, type Json, type Node, nodesOf } from "../../shared/compiler/ast.ts";
import { fold } from "../../shared/duckdb/fold.ts";
import { refused } from "./refused.ts";

export interface ResolvedStatement {
  /** The same statement, with its names resolved. */
  readonly statement: Node;
  /** The views that it reads. */
  readonly used: ReadonlySet<string>;
  /** It has queries of WITH, which were renamed. */
  readonly renamed: boolean;
}

/** Names of queries of WITH, folded, with their new names. */
type Scope = ReadonlyMap<string, string>;

/** @throws QUERY_REFUSED naming what is not a view */
export function resolveNames(statement: Node, views: readonly string[]): ResolvedStatement {
  const names = new Names(views);
  return { statement: names.decided(statement), used: names.used, renamed: names.given > 0 };
}

class Names {
  readonly used = new Set<string>();
  given = 0;
  readonly #views: ReadonlyMap<string, string>;
  readonly #prefix: string;

  constructor(views: readonly string[]) {
    this.#views = new Map(views.map((name) => [fold(name), name]));
    let prefix = "__with";
    while (views.some((name) => fold(name).startsWith(prefix))) prefix += "_";
    this.#prefix = prefix;
  }

  decided(statement: Node): Node {
    return this.#inside(statement, new Map()) as Node;
  }

  #any(value: Json, scope: Scope): Json {
    if (Array.isArray(value)) return value.map((each) => this.#any(each, scope));
    if (!isNode(value)) return value;
    if (value.type === "BASE_TABLE") return this.#table(value, scope);
    if (value.type === "RECURSIVE_CTE_NODE")
      throw refused("a recursive query is not part of a WITH", "write it in a WITH");
    return this.#inside(value, scope);
  }

  #inside(node: Node, scope: Scope): Node {
    const inner = isNode(node.cte_map) ? this.#queries(node.cte_map, scope) : { map: null, scope };
    const entries = Object.entries(node).map(([key, value]): [string, Json] => {
      return [key, key === "cte_map" && inner.map ? inner.map : this.#any(value, inner.scope)];
    });
    return Object.fromEntries(entries);
  }

  #queries(map: Node, outer: Scope): { readonly map: Node; readonly scope: Scope } {
    const scope = new Map(outer);
    const queries = nodesOf(map.map).map((each): Node => {
      const [name, given] = [fold(String(each.key)), `${this.#prefix}${this.given++}`];
      const value = each.value as Node;
      const query = value.query as Node;
      const node = query.node as Node;
      const decided =
        node.type === "RECURSIVE_CTE_NODE" ? this.#recursive(node, scope, name, given) : this.#any(node, scope);
      const rest = this.#inside({ ...value, query: null }, scope);
      scope.set(name, given);
      return { ...each, key: given, value: { ...rest, query: { ...query, node: decided } } };
    });
    return { map: { ...map, map: queries }, scope };
  }

  #recursive(node: Node, outer: Scope, name: string, given: string): Node {
    if (fold(String(node.cte_name)) !== name) throw refused("a recursive query has two names", "write it in a WITH");
    const { map, scope } = this.#queries(node.cte_map as Node, outer);
    const rest = this.#inside({ ...node, cte_map: null, left: null, right: null }, scope);
    const right = this.#any(node.right!, new Map([...scope, [name, given]]));
    return { ...rest, cte_map: map, cte_name: given, left: this.#any(node.left!, scope), right };
  }

  #table(table: Node, scope: Scope): Node {
    const written = String(table.table_name);
    const plain = table.schema_name === "" && table.catalog_name === "" && (table.at_clause ?? null) === null;
    const given = plain ? scope.get(fold(written)) : undefined;
    if (given !== undefined) return { ...table, table_name: given, alias: table.alias || written };
    const view = plain ? this.#views.get(fold(written)) : undefined;
    if (view === undefined) {
      const name = [table.catalog_name, table.schema_name, written].filter((part) => part !== "").join(".");
      throw refused(
        `there is no view "${name.slice(0, 100)}"`,
        `there are: ${[...this.#views.values()].join(", ") || "none"}`,
      );
    }
    this.used.add(view);
    return { ...table, table_name: view, alias: table.alias || written };
  }
}
