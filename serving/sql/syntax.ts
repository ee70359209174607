/** What SQL from outside may hold: a list of what is allowed, of DuckDB's own syntax tree. Whatever is not on it is refused before anything is bound. */
import { isNode, type Json, type Node, nodesOf } from "../../shared/compiler/ast.ts";
import type { Catalog } from "../../shared/compiler/supported.ts";
import { TidemarkError } from "../../shared/errors.ts";

const expressions = new Set(
  (
    "BETWEEN CASE CAST COLLATE COLUMN_REF COMPARISON CONJUNCTION CONSTANT FUNCTION LAMBDA LAMBDA_REF OPERATOR PARAMETER " +
    "POSITIONAL_REFERENCE STAR SUBQUERY WINDOW TYPE"
  ).split(" "),
);
const queries = new Set(["SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"]);
const rowFunctions = new Set(["range", "generate_series", "unnest"]);
/** They tell of now or of chance, and of nothing else. */
const harmless = new Set(
  "now today random uuid uuidv4 uuidv7 gen_random_uuid transaction_timestamp get_current_timestamp current_date current_localtimestamp".split(
    " ",
  ),
);
const measure = "measure";
const windowFunctions = new Set(
  "row_number rank dense_rank rank_dense percent_rank cume_dist ntile lag lead first_value last_value nth_value fill".split(
    " ",
  ),
);

/** A name as DuckDB compares it: only ASCII's letters are the same in both cases. */
export function fold(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Tree deeper than this: nothing a person writes. */
const depthMax = 400;

/**
 * @param views the names that may stand after FROM
 * @returns those of them that do
 * @throws QUERY_REFUSED naming what is not allowed
 */
export function checkQuery(statements: readonly Node[], views: readonly string[], catalog: Catalog): Set<string> {
  const [statement, second] = statements;
  if (!statement) throw refused("there is no query", "send one SELECT");
  if (second) throw refused("several statements", "send one SELECT");
  const check = new Check(views, catalog);
  check.query(statement.node as Node, new Set(), 0);
  return check.used;
}

class Check {
  readonly used = new Set<string>();
  readonly #views: ReadonlyMap<string, string>;
  readonly #catalog: Catalog;

  constructor(views: readonly string[], catalog: Catalog) {
    this.#views = new Map(views.map((name) => [fold(name), name]));
    this.#catalog = catalog;
  }

  /** @param ctes the names of WITH that may be used here, in lower case */
  query(node: Node, outer: ReadonlySet<string>, depth: number): void {
    const type = String(node.type);
    if (!queries.has(type)) throw refused(`${words(type)} is not available`, "write a SELECT");
    const ctes = new Set(outer);
    const map = isNode(node.cte_map) ? nodesOf(node.cte_map.map) : [];
    for (const { key, value } of map) {
      const inner = ((value as Node).query as Node).node as Node;
      const name = fold(String(key));
      // only a recursive query may read itself
      this.query(inner, inner.type === "RECURSIVE_CTE_NODE" ? new Set([...ctes, name]) : ctes, depth + 1);
      ctes.add(name);
    }
    if (type === "CTE_NODE") {
      this.query(node.query as Node, ctes, depth + 1);
      this.query(node.child as Node, new Set([...ctes, fold(String(node.cte_name))]), depth + 1);
      return;
    }
    const own = type === "RECURSIVE_CTE_NODE" ? new Set([...ctes, fold(String(node.cte_name))]) : ctes;
    for (const [key, value] of Object.entries(node)) {
      if (key === "cte_map") continue;
      if (key === "from_table") this.#table(value as Node, own, depth + 1);
      else this.#any(value, own, depth + 1);
    }
  }

  #table(table: Node, ctes: ReadonlySet<string>, depth: number): void {
    if (table.type === "EMPTY") return;
    if (table.type === "BASE_TABLE") this.#named(table, ctes);
    else if (table.type === "SUBQUERY") this.query((table.subquery as Node).node as Node, ctes, depth);
    else if (table.type === "EXPRESSION_LIST") this.#any(table.values ?? null, ctes, depth);
    else if (table.type === "TABLE_FUNCTION") this.#rows(table.function as Node, ctes, depth);
    else if (table.type === "JOIN") {
      this.#table(table.left as Node, ctes, depth + 1);
      this.#table(table.right as Node, ctes, depth + 1);
      this.#any(table.condition ?? null, ctes, depth);
    } else throw refused(`${words(String(table.type))} is not available after FROM`, "read from views");
  }

  #rows(call: Node, ctes: ReadonlySet<string>, depth: number): void {
    const name = fold(String(call.function_name));
    if (!rowFunctions.has(name) || call.schema !== "" || call.catalog !== "")
      throw refused(
        `the table function ${name.slice(0, 60)}() is not available`,
        `there are: ${[...rowFunctions].join(", ")}`,
      );
    this.#any(call.children ?? null, ctes, depth);
  }

  #named(table: Node, ctes: ReadonlySet<string>): void {
    const written = String(table.table_name);
    const plain = table.schema_name === "" && table.catalog_name === "" && (table.at_clause ?? null) === null;
    if (plain && ctes.has(fold(written))) return;
    const view = plain ? this.#views.get(fold(written)) : undefined;
    if (view === undefined) {
      const name = [table.catalog_name, table.schema_name, written].filter((part) => part !== "").join(".");
      throw refused(
        `there is no view "${name.slice(0, 100)}"`,
        `there are: ${[...this.#views.values()].join(", ") || "none"}`,
      );
    }
    this.used.add(view);
  }

  #any(value: Json, ctes: ReadonlySet<string>, depth: number): void {
    if (depth > depthMax) throw refused("the query is nested too deeply", "write it flatter");
    if (Array.isArray(value)) for (const item of value) this.#any(item, ctes, depth + 1);
    if (!isNode(value)) return;
    if (typeof value.type === "string" && /_NODE$/.test(value.type)) this.query(value, ctes, depth + 1);
    else {
      if (typeof value.class === "string") this.#expression(value);
      for (const item of Object.values(value)) this.#any(item, ctes, depth + 1);
    }
  }

  #expression(node: Node): void {
    if (!expressions.has(String(node.class)))
      throw refused(`${words(String(node.class))} is not available`, "write it otherwise");
    if (node.class !== "FUNCTION" && node.class !== "WINDOW") return;
    const name = fold(String(node.function_name));
    const kind = this.#catalog.get(name);
    const known =
      kind === "scalar" || kind === "aggregate" || kind === "rows" || harmless.has(name) || name === measure;
    if (!known && !(node.class === "WINDOW" && windowFunctions.has(name)))
      throw refused(`the function ${name.slice(0, 60)}() is not available`, "use functions of the views' values");
    // DuckDB itself writes main for what has a syntax of its own, such as [1, 2]
    if (!["", "main"].includes(String(node.schema ?? "")) || (node.catalog ?? "") !== "")
      throw refused(`the function ${name} is named with a schema`, "write its name alone");
    if (name.startsWith("tidemark_")) throw refused(`${name}() is Tidemark's own`, "use DuckDB's functions");
  }
}

/** An internal name in plain words. */
function words(name: string): string {
  return name
    .replace(/_(NODE|REF)$/, "")
    .replaceAll("_", " ")
    .toLowerCase();
}

export function refused(what: string, todo: string): TidemarkError {
  return new TidemarkError("QUERY_REFUSED", what, todo);
}
