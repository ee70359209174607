/**
 * What a view aggregates: a stream, or a SELECT that filters and computes event by event, as a subquery or a WITH. Such a SELECT
 * gives the same rows however the events are split, so each layer runs it over its own events.
 */
import type { StreamDefinition } from "../definition.ts";
import { quoteName, type Session } from "../duckdb/duck.ts";
import { columnRef, isNode, type Json, locationOf, type Node, nodesOf, renderSelect, visit } from "./ast.ts";
import { eventColumn } from "./event-order.ts";
import { findWord, refuse, type SourceText } from "./refusal.ts";
import { Scope } from "./scope.ts";
import { aggregatesIn, type Catalog, checkExpression, checkModifiers, checkSample } from "./supported.ts";

export interface Input {
  readonly streams: readonly StreamDefinition[];
  /** What stands after FROM in the partial text. */
  readonly table: string;
  /** The same without the events' places, as the compiler's session can bind it. */
  readonly typed: string;
  /** The name by which the view calls it. */
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

type Queries = ReadonlyMap<string, Node>;

/** Reads a view's FROM, with the WITH that stands before it. */
export class InputReader {
  readonly #session: Session;
  readonly #source: SourceText;
  readonly #streams: ReadonlyMap<string, StreamDefinition>;
  readonly #catalog: Catalog;
  #found: StreamDefinition | null = null;
  /** What makes several rows of one event, if anything does. */
  #multiplies: string | null = null;

  constructor(session: Session, source: SourceText, streams: ReadonlyMap<string, StreamDefinition>, catalog: Catalog) {
    this.#session = session;
    this.#source = source;
    this.#streams = streams;
    this.#catalog = catalog;
  }

  /**
   * @param ordered an aggregate that depends on the events' order: they keep their places then
   * @throws VIEW_UNSUPPORTED when it is not a function of one stream's single events
   */
  async read(select: Node, ordered: Node | null): Promise<Input> {
    const from = select.from_table as Node;
    const queries = await this.#withQueries(select, new Map());
    await this.#checkFrom(from, queries);
    const stream = this.#found!;
    const plain = from.type === "BASE_TABLE" && !queries.has(String(from.table_name).toLowerCase());
    const name = String(from.alias) || (from.type === "BASE_TABLE" ? String(from.table_name) : "");
    if (plain) {
      const table = quoteName(stream.name);
      return { streams: [stream], table, typed: table, name: name || stream.name, columns: stream.fields };
    }
    const text = await renderSelect(this.#session, from, select.cte_map as Node);
    let table = text;
    if (ordered) {
      this.#checkOrder(ordered);
      const kept = keepPlaces({ from_table: from, cte_map: select.cte_map! });
      table = await renderSelect(this.#session, kept.from_table as Node, kept.cte_map as Node);
    }
    return { streams: [stream], table: `(${table})`, typed: `(${text})`, name, columns: await this.#columns(text) };
  }

  #checkOrder(ordered: Node): void {
    if (!this.#multiplies) return;
    throw refuse(
      this.#source,
      locationOf(ordered),
      `${String(ordered.function_name)}() depends on the order of events, and ${this.#multiplies} makes several rows of one`,
      "use min, max or arg_min over a value that tells them apart, or leave that out",
    );
  }

  async #columns(text: string): Promise<{ name: string; type: string }[]> {
    // what is wrong with a subquery DuckDB says when it binds the whole view, with the place
    return this.#session.describe(text).catch(() => []);
  }

  /** The queries of a WITH, each checked, beside those that are visible already. */
  async #withQueries(select: Node, outer: Queries): Promise<Queries> {
    const queries = new Map(outer);
    for (const each of nodesOf((select.cte_map as Node).map)) {
      const query = ((each.value as Node).query as Node).node as Node;
      await this.#checkQuery(query, queries, select.cte_map as Node);
      queries.set(String(each.key).toLowerCase(), query);
    }
    return queries;
  }

  async #checkFrom(from: Node, queries: Queries): Promise<void> {
    const at = typeof from.query_location === "number" ? from.query_location : null;
    const start = findWord(this.#source, /\S/);
    const known = [...this.#streams.values()].map((stream) => stream.name).join(", ");
    const no = (place: number | null, why: string, instead: string) => refuse(this.#source, place, why, instead);
    switch (from.type) {
      case "BASE_TABLE":
        break;
      case "SUBQUERY": {
        checkSample(this.#source, from, at);
        const query = (from.subquery as Node).node as Node;
        return this.#checkQuery(query, queries, query.cte_map as Node);
      }
      case "EMPTY":
        throw no(start, "a view reads FROM a stream", `add FROM, with one of: ${known}`);
      case "JOIN":
        throw no(
          at ?? placeIn(from.right),
          "joins are not available in a view",
          "put what the view needs into the events, or join views in the query",
        );
      default:
        throw no(
          at ?? findWord(this.#source, /(?<=\bFROM\s*)\S/i) ?? start,
          "a view reads FROM a stream, not a function or a list of values",
          `use one of: ${known}`,
        );
    }
    checkSample(this.#source, from, at);
    const name = String(from.table_name);
    const path = [from.catalog_name, from.schema_name, name].filter((part) => part !== "").join(".");
    if (path === name && queries.has(name.toLowerCase())) return;
    const stream = this.#streams.get(name.toLowerCase());
    if (!stream || path !== name) {
      throw no(at, `there is no stream "${path}"`, `declare it in the config's streams, or read one of: ${known}`);
    }
    if (from.at_clause) throw no(at, "AT is not available in a view", "leave it out");
    if (nodesOf(from.column_name_alias).length > 0) {
      throw no(at, "renamed columns in FROM are not available", "use AS in the SELECT list");
    }
    if (this.#found && this.#found !== stream) {
      throw no(
        at,
        `a view reads one stream, and this is a second one after ${this.#found.name}`,
        "write one view per stream and combine them in the query",
      );
    }
    this.#found = stream;
  }

  /** A SELECT that only filters and computes, or several of them with UNION ALL between. */
  async #checkQuery(query: Node, queries: Queries, ctes: Node): Promise<void> {
    const no = (place: number | null, why: string, instead: string) => refuse(this.#source, place, why, instead);
    const only = "a subquery may only filter and compute, event by event";
    if (query.type === "SET_OPERATION_NODE") {
      if (query.setop_type !== "UNION" || query.setop_all !== true) {
        throw no(
          findWord(this.#source, /\b(UNION(?!\s+ALL)|INTERSECT|EXCEPT)\b/i),
          `${only}: this compares events with each other`,
          "use UNION ALL",
        );
      }
      checkModifiers(this.#source, query);
      this.#multiplies = "UNION ALL";
      const inner = await this.#withQueries(query, queries);
      const sides =
        nodesOf(query.children).length > 0 ? nodesOf(query.children) : [query.left as Node, query.right as Node];
      for (const side of sides) await this.#checkQuery(side, inner, ctes);
      return;
    }
    if (query.type !== "SELECT_NODE")
      throw no(findWord(this.#source, /\S/), only, "write SELECT … FROM a stream WHERE …");
    const inner = await this.#withQueries(query, queries);
    const from = query.from_table as Node;
    await this.#checkFrom(from, inner);
    checkModifiers(this.#source, query);
    const expressions = [...nodesOf(query.select_list)];
    if (isNode(query.where_clause)) expressions.push(query.where_clause);
    const grouped = nodesOf(query.group_expressions).length > 0 || query.aggregate_handling !== "STANDARD_HANDLING";
    const aggregate = expressions.flatMap((each) => aggregatesIn(each, this.#catalog))[0];
    if (grouped || isNode(query.having) || aggregate) {
      const place = aggregate ? locationOf(aggregate) : findWord(this.#source, /\b(GROUP\s+BY|HAVING)\b/i);
      throw no(
        place,
        `${only}: an aggregate of an aggregate needs two passes`,
        "aggregate again in the query over the view",
      );
    }
    const scope = await this.#scopeOf(from, query, ctes);
    for (const each of expressions) {
      checkExpression(this.#source, each, this.#catalog, "per event");
      visit(each, (node) => {
        const name = String(node.function_name).toLowerCase();
        if (node.class === "FUNCTION" && this.#catalog.get(name) === "rows") this.#multiplies = name;
      });
      scope.check(each);
    }
  }

  async #scopeOf(from: Node, query: Node, ctes: Node): Promise<Scope> {
    const maps = [...nodesOf(ctes.map), ...(query.cte_map === ctes ? [] : nodesOf((query.cte_map as Node).map))];
    const text = await renderSelect(this.#session, from, { map: maps });
    const name = String(from.alias) || (from.type === "BASE_TABLE" ? String(from.table_name) : "");
    return new Scope(this.#source, await this.#columns(text), name);
  }
}

/** A query with the events' places handed on by every SELECT inside its FROM and WITH. */
function keepPlaces(query: Node): Node {
  const inside = (node: Node): Node => {
    const kept = keepPlaces(node);
    const list = nodesOf(kept.select_list);
    const all = list.some((item) => item.class === "STAR");
    return all ? kept : { ...kept, select_list: [...list, columnRef(eventColumn)] };
  };
  const from = query.from_table as Node;
  const ctes = nodesOf((query.cte_map as Node).map).map((each) => {
    const value = each.value as Node;
    const inner = value.query as Node;
    return { ...each, value: { ...value, query: { ...inner, node: inside(inner.node as Node) } } };
  });
  const subquery = from.subquery as Node;
  const kept =
    from.type === "SUBQUERY" ? { ...from, subquery: { ...subquery, node: inside(subquery.node as Node) } } : from;
  return { ...query, from_table: kept, cte_map: { ...(query.cte_map as Node), map: ctes } };
}

/** The first place that anything inside a FROM clause has. */
function placeIn(value: Json | undefined): number | null {
  if (typeof value !== "object" || value === null) return null;
  if (isNode(value) && typeof value.query_location === "number") return value.query_location;
  const inner = Object.values(value)
    .map(placeIn)
    .filter((place) => place !== null);
  return inner.length > 0 ? Math.min(...inner) : null;
}
