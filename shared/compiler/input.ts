/**
 * What a view aggregates: a stream, or whatever makes rows of single events: a SELECT that filters and computes
 * (as a subquery or a WITH), several of them with UNION ALL between, an event's list unnested, a join with what
 * is the same for all events (a reference table, a list of values). Such an input gives the same rows however
 * the events are split, so each layer runs it over its own events.
 */
import type { ReferenceTable, StreamDefinition } from "../definition.ts";
import { quoteName, type Session } from "../duckdb/duck.ts";
import { fold } from "../duckdb/fold.ts";
import { isOfSql } from "../duckdb/of-sql.ts";
import { columnRef, isNode, type Json, locationOf, type Node, nodesOf, renderSelect, visit } from "./ast.ts";
import { eventColumn } from "./event-order.ts";
import { findWord, refuse, type SourceText } from "./refusal.ts";
import { NameScope, type Table } from "./scope.ts";
import { aggregatesIn, type Catalog, checkExpression, checkModifiers, checkSample } from "./supported.ts";
import { rowFields, weightColumn } from "./weights.ts";

export interface Input {
  readonly streams: readonly StreamDefinition[];
  readonly references: readonly ReferenceTable[];
  /** What is written after FROM in the partial text. */
  readonly table: string;
  /** The same without the events' places, as the compiler's session can bind it. */
  readonly typed: string;
  /**
   * The same with the events' places, to find the events that a group is made of; null: of several
   * streams, where a place is not one event's.
   */
  readonly placed: string | null;
  /** The changelogs among the streams: where there are any, rows have a weight. */
  readonly changelogs: readonly string[];
  /** What the view's names can mean. */
  readonly tables: readonly Table[];
}

/** The relations a view may name. */
export interface Relations {
  readonly streams: ReadonlyMap<string, StreamDefinition>;
  readonly references: ReadonlyMap<string, ReferenceTable>;
}

/** Whether rows are made of events, each of one, or are the same whatever events there are. */
type Source = "events" | "constant";

interface Query {
  readonly node: Node;
  readonly source: Source;
}

type Queries = ReadonlyMap<string, Query>;

/** Functions that give rows of their arguments alone. */
const rowFunctions = new Set(["unnest", "range", "generate_series"]);

/** Reads a view's FROM, and the WITH before it. */
export class InputReader {
  readonly #session: Session;
  readonly #source: SourceText;
  readonly #relations: Relations;
  readonly #catalog: Catalog;
  readonly #streams = new Set<StreamDefinition>();
  readonly #references = new Set<ReferenceTable>();
  /** What makes several rows of one event, if anything does. */
  #multiplies: string | null = null;

  constructor(session: Session, source: SourceText, relations: Relations, catalog: Catalog) {
    this.#session = session;
    this.#source = source;
    this.#relations = relations;
    this.#catalog = catalog;
  }

  /**
   * @param ordered an aggregate that depends on the events' order: they keep their places then
   * @throws VIEW_UNSUPPORTED when it is not a function of single events
   */
  async read(select: Node, ordered: Node | null): Promise<Input> {
    const from = select.from_table as Node;
    const queries = await this.#withQueries(select, new Map());
    if ((await this.#checkFrom(from, queries)) === "constant") {
      throw this.#no(
        placeIn(from) ?? findWord(this.#source, /\S/),
        "a view reads FROM a stream, and this gives the same rows whatever happens",
        `use one of: ${this.#known}`,
      );
    }
    if (ordered) this.#checkOrder(ordered);
    const changelogs = [...this.#streams].flatMap(({ name, changelog }) => (changelog ? [name] : []));
    const weighted = changelogs.length > 0;
    const found = { streams: [...this.#streams], references: [...this.#references], changelogs };
    if (weighted && ordered) throw this.#noPlaces(ordered);
    const placedAs = (table: string) => (found.streams.length === 1 ? table : null);
    if (from.type === "JOIN") {
      const whole = inlined(from, queries);
      // what joins is written where it is used, so that its names stay as they are
      const typed = await this.#joined(whole);
      const table = weighted ? await this.#joined(this.#weighed(whole)) : typed;
      return { ...found, table, typed, placed: placedAs(typed), tables: await this.#tablesOf(whole, queries) };
    }
    const stream = found.streams[0]!;
    const name = String(from.alias) || (from.type === "BASE_TABLE" ? String(from.table_name) : "");
    if (from.type === "BASE_TABLE" && !queries.has(fold(String(from.table_name)))) {
      const table = quoteName(stream.name);
      const tables = [{ name: name || stream.name, columns: rowFields(stream) }];
      return { ...found, table, typed: table, placed: table, tables };
    }
    const text = await renderSelect(this.#session, from, select.cte_map as Node);
    // where no order is asked for, the places need not get through
    const kept = keepPlaces({ from_table: from, cte_map: select.cte_map! });
    const placed = kept && `(${await renderSelect(this.#session, kept.from_table as Node, kept.cte_map as Node)})`;
    const tables = [{ name, columns: await this.#columns(text) }];
    const weighed = weighted && (await this.#weighedText(inlined(from, queries)));
    return {
      ...found,
      table: weighed || (ordered && placed) || `(${text})`,
      typed: `(${text})`,
      placed: placed && placedAs(placed),
      tables,
    };
  }

  get #known(): string {
    return [...this.#relations.streams.values()].map((stream) => stream.name).join(", ");
  }

  #no(place: number | null, why: string, instead: string): Error {
    return refuse(this.#source, place, why, instead);
  }

  #checkOrder(ordered: Node): void {
    if (!this.#multiplies) return;
    throw this.#no(
      locationOf(ordered),
      `${String(ordered.function_name)}() depends on the order of events, and ${this.#multiplies} may make several rows of one`,
      "use min, max or another aggregate, or leave that out",
    );
  }

  #noPlaces(ordered: Node): Error {
    return this.#no(
      locationOf(ordered),
      `${String(ordered.function_name)}() depends on the order of events, and the rows of a changelog have none`,
      "use max({y: y, x: x}).x, with a field y of the row that says which is the later",
    );
  }

  async #joined(from: Node): Promise<string> {
    return (await renderSelect(this.#session, from, noQueries)).replace(/^SELECT \* FROM /, "");
  }

  async #weighedText(from: Node): Promise<string> {
    return `(${await renderSelect(this.#session, this.#weighed(from), noQueries)})`;
  }

  /** A FROM without WITH whose rows keep their weights, which every SELECT inside hands on as its last column. */
  #weighed(from: Node): Node {
    if (from.type === "JOIN")
      return { ...from, left: this.#weighed(from.left as Node), right: this.#weighed(from.right as Node) };
    if (from.type !== "SUBQUERY" || !this.#isOfStream(from)) return from;
    const subquery = from.subquery as Node;
    return { ...from, subquery: { ...subquery, node: this.#weighedQuery(subquery.node as Node) } };
  }

  #weighedQuery(query: Node): Node {
    if (query.type === "SET_OPERATION_NODE") {
      if (nodesOf(query.children).length > 0)
        return { ...query, children: nodesOf(query.children).map((side) => this.#weighedQuery(side)) };
      const [left, right] = [query.left, query.right].map((side) => this.#weighedQuery(side as Node));
      return { ...query, left: left!, right: right! };
    }
    const from = query.from_table as Node;
    const weighty = relationsIn(from).filter((each) => this.#isOfStream(each));
    const list = nodesOf(query.select_list).map((item) => {
      if (item.class !== "STAR") return item;
      const named = fold(String(item.relation_name));
      if (named !== "" && !weighty.some((each) => fold(nameIn(each)) === named)) return item;
      return { ...item, exclude_list: [...(item.exclude_list as string[]), weightColumn] };
    });
    return { ...query, from_table: this.#weighed(from), select_list: [...list, columnRef(weightColumn)] };
  }

  /** Its rows are of events. The FROM names no query of a WITH. */
  #isOfStream(from: Node): boolean {
    if (from.type === "JOIN") return this.#isOfStream(from.left as Node) || this.#isOfStream(from.right as Node);
    if (from.type === "BASE_TABLE") return this.#relations.streams.has(fold(String(from.table_name)));
    if (from.type !== "SUBQUERY") return false;
    let query = (from.subquery as Node).node as Node;
    while (query.type === "SET_OPERATION_NODE") query = sidesOf(query)[0]!;
    return this.#isOfStream(query.from_table as Node);
  }

  async #columns(text: string): Promise<{ name: string; type: string }[]> {
    // what is wrong with a subquery DuckDB says when it binds the whole view, with the place
    return this.#session.describe(text).catch((error: unknown) => {
      if (isOfSql(error)) return [];
      throw error;
    });
  }

  /** The queries of a WITH, each checked, beside those that are visible already. */
  async #withQueries(select: Node, outer: Queries): Promise<Queries> {
    const queries = new Map(outer);
    for (const each of nodesOf((select.cte_map as Node).map)) {
      const node = ((each.value as Node).query as Node).node as Node;
      const source = await this.#checkQuery(node, queries);
      queries.set(fold(String(each.key)), { node: inlinedQuery(node, queries), source });
    }
    return queries;
  }

  async #checkFrom(from: Node, queries: Queries): Promise<Source> {
    const at = typeof from.query_location === "number" ? from.query_location : null;
    switch (from.type) {
      case "BASE_TABLE":
        return this.#checkTable(from, at, queries);
      case "SUBQUERY":
        checkSample(this.#source, from, at);
        return this.#checkQuery((from.subquery as Node).node as Node, queries);
      case "JOIN":
        return this.#checkJoin(from, at, queries);
      case "EXPRESSION_LIST":
        for (const row of from.values as Node[][])
          for (const each of row) checkExpression(this.#source, each, this.#catalog, "per event");
        return "constant";
      case "TABLE_FUNCTION": {
        const call = from.function as Node;
        const name = String(call.function_name).toLowerCase();
        if (rowFunctions.has(name)) {
          for (const each of nodesOf(call.children)) checkExpression(this.#source, each, this.#catalog, "per event");
          return "constant";
        }
        break;
      }
      case "EMPTY":
        throw this.#no(
          findWord(this.#source, /\S/),
          "a view reads FROM a stream",
          `add FROM, with one of: ${this.#known}`,
        );
      default:
    }
    throw this.#no(
      at ?? findWord(this.#source, /(?<=\bFROM\s*)\S/i) ?? findWord(this.#source, /\S/),
      "a view reads FROM a stream, not a function or a list of values",
      `use one of: ${this.#known}`,
    );
  }

  #checkTable(from: Node, at: number | null, queries: Queries): Source {
    checkSample(this.#source, from, at);
    const name = String(from.table_name);
    const path = [from.catalog_name, from.schema_name, name].filter((part) => part !== "").join(".");
    const query = path === name ? queries.get(fold(name)) : undefined;
    if (query) return query.source;
    if (from.at_clause) throw this.#no(at, "AT is not available in a view", "leave it out");
    const stream = path === name ? this.#relations.streams.get(fold(name)) : undefined;
    const reference = path === name ? this.#relations.references.get(fold(name)) : undefined;
    if (!stream && !reference) {
      const instead = `declare it in the config's streams or put it into reference/, or read one of: ${this.#known}`;
      throw this.#no(at, `there is no stream "${path}"`, instead);
    }
    if (nodesOf(from.column_name_alias).length > 0)
      throw this.#no(at, "renamed columns in FROM are not available", "use AS in the SELECT list");
    if (stream) this.#streams.add(stream);
    else this.#references.add(reference!);
    return stream ? "events" : "constant";
  }

  /** A join of events with what is the same for all of them, so that each event's rows are its own. */
  async #checkJoin(from: Node, at: number | null, queries: Queries): Promise<Source> {
    const place = at ?? placeIn(from.right);
    const left = await this.#checkFrom(from.left as Node, queries);
    const right = await this.#checkFrom(from.right as Node, queries);
    const { join_type: type, ref_type: kind } = from;
    if (left === "events" && right === "events") {
      throw this.#no(
        place,
        "a join of events with events reads other events than the one at hand",
        "put what the view needs into the events, join a table in reference/, or join two views in the query",
      );
    }
    if (kind === "NATURAL")
      throw this.#no(place, "a NATURAL join's columns would change with the stream", "name them with USING (…)");
    if (kind !== "REGULAR" && kind !== "CROSS" && kind !== "ASOF")
      throw this.#no(
        place,
        `a ${String(kind).toLowerCase()} join is not available in a view`,
        "use JOIN … ON or LEFT JOIN … ON",
      );
    const sides: Readonly<Record<string, Source>> = {
      INNER: "events",
      LEFT: left,
      SEMI: left,
      ANTI: left,
      RIGHT: right,
    };
    const kept = sides[String(type)] ?? "constant";
    if (kept === "constant" && (left === "events" || right === "events")) {
      throw this.#no(
        place,
        "this join keeps rows of the table that no event has, and every part would have them again",
        "use JOIN, or LEFT JOIN with the stream on its left",
      );
    }
    if (isNode(from.condition)) {
      checkExpression(this.#source, from.condition, this.#catalog, "per event");
      new NameScope(this.#source, await this.#tablesOf(inlined(from, queries), queries)).check(from.condition);
    }
    if (type !== "SEMI" && type !== "ANTI") this.#multiplies ??= "a join";
    return left === "events" || right === "events" ? "events" : "constant";
  }

  /** A SELECT that only filters and computes, or several of them with UNION ALL between. */
  async #checkQuery(query: Node, queries: Queries): Promise<Source> {
    const only = "a subquery may only filter and compute, event by event";
    if (query.type === "SET_OPERATION_NODE") {
      if (query.setop_type !== "UNION" || query.setop_all !== true) {
        throw this.#no(
          findWord(this.#source, /\b(UNION(?!\s+ALL)|INTERSECT|EXCEPT)\b/i),
          `${only}: this compares events with each other`,
          "use UNION ALL",
        );
      }
      checkModifiers(this.#source, query);
      this.#multiplies ??= "UNION ALL";
      const inner = await this.#withQueries(query, queries);
      const sides = sidesOf(query);
      const sources = new Set<Source>();
      for (const side of sides) sources.add(await this.#checkQuery(side, inner));
      if (sources.size > 1) {
        throw this.#no(
          findWord(this.#source, /\bUNION\b/i),
          "this UNION ALL adds rows that are of no event, and every part would have them again",
          "add them in the query over the view",
        );
      }
      return [...sources][0]!;
    }
    if (query.type !== "SELECT_NODE")
      throw this.#no(findWord(this.#source, /\S/), only, "write SELECT … FROM a stream WHERE …");
    const inner = await this.#withQueries(query, queries);
    const from = query.from_table as Node;
    const source = await this.#checkFrom(from, inner);
    checkModifiers(this.#source, query);
    const expressions = [...nodesOf(query.select_list)];
    if (isNode(query.where_clause)) expressions.push(query.where_clause);
    const grouped = nodesOf(query.group_expressions).length > 0 || query.aggregate_handling !== "STANDARD_HANDLING";
    const aggregate = expressions.flatMap((each) => aggregatesIn(each, this.#catalog))[0];
    if (grouped || isNode(query.having) || aggregate) {
      const place = aggregate ? locationOf(aggregate) : findWord(this.#source, /\b(GROUP\s+BY|HAVING)\b/i);
      throw this.#no(
        place,
        `${only}: an aggregate of an aggregate needs two passes`,
        "aggregate again in the query over the view",
      );
    }
    const scope = new NameScope(this.#source, await this.#tablesOf(inlined(from, inner), inner));
    for (const each of expressions) {
      checkExpression(this.#source, each, this.#catalog, "per event");
      visit(each, (node) => {
        const name = String(node.function_name).toLowerCase();
        if (node.class === "FUNCTION" && this.#catalog.get(name) === "rows") this.#multiplies ??= name;
      });
      scope.check(each);
    }
    return source;
  }

  /** The tables that names in a SELECT with this FROM can mean. */
  async #tablesOf(from: Node, queries: Queries): Promise<Table[]> {
    if (from.type === "JOIN") {
      return [
        ...(await this.#tablesOf(from.left as Node, queries)),
        ...(await this.#tablesOf(from.right as Node, queries)),
      ];
    }
    const called = (from.column_name_alias as string[] | null) ?? [];
    const own = from.type === "BASE_TABLE" ? from.table_name : from.type === "TABLE_FUNCTION" ? nameOf(from) : "";
    const name = String(from.alias) || String(own);
    const columns = await this.#columns(await renderSelect(this.#session, inlined(from, queries), noQueries));
    if (columns.length > 0) return [{ name, columns }];
    // an event's list has columns only beside its event
    return [{ name, columns: (called.length > 0 ? called : [String(own)]).map((column) => ({ name: column })) }];
  }
}

const noQueries: Node = { map: [] };

const nameOf = (from: Node) => String((from.function as Node).function_name);

function sidesOf(query: Node): Node[] {
  return nodesOf(query.children).length > 0 ? nodesOf(query.children) : [query.left as Node, query.right as Node];
}

/** The relations that are joined. */
function relationsIn(from: Node): Node[] {
  if (from.type !== "JOIN") return [from];
  return [...relationsIn(from.left as Node), ...relationsIn(from.right as Node)];
}

const nameIn = (from: Node) => String(from.alias) || String(from.table_name ?? "");

/** A FROM with the queries of WITH written where they are named. */
function inlined(from: Node, queries: Queries): Node {
  if (from.type === "JOIN")
    return { ...from, left: inlined(from.left as Node, queries), right: inlined(from.right as Node, queries) };
  if (from.type === "SUBQUERY") {
    const subquery = from.subquery as Node;
    return { ...from, subquery: { ...subquery, node: inlinedQuery(subquery.node as Node, queries) } };
  }
  const query = from.type === "BASE_TABLE" ? queries.get(fold(String(from.table_name))) : undefined;
  if (!query) return from;
  return {
    type: "SUBQUERY",
    alias: from.alias || from.table_name!,
    sample: null,
    query_location: from.query_location!,
    subquery: { node: query.node, named_param_map: [] },
    column_name_alias: from.column_name_alias ?? [],
  };
}

function inlinedQuery(query: Node, outer: Queries): Node {
  const queries = new Map(outer);
  for (const each of nodesOf((query.cte_map as Node).map)) {
    const node = ((each.value as Node).query as Node).node as Node;
    queries.set(fold(String(each.key)), { node: inlinedQuery(node, queries), source: "events" });
  }
  const inside: Node = { ...query, cte_map: noQueries };
  if (query.type === "SELECT_NODE") return { ...inside, from_table: inlined(query.from_table as Node, queries) };
  if (nodesOf(query.children).length > 0)
    return { ...inside, children: nodesOf(query.children).map((side) => inlinedQuery(side, queries)) };
  return {
    ...inside,
    left: inlinedQuery(query.left as Node, queries),
    right: inlinedQuery(query.right as Node, queries),
  };
}

/**
 * A query with the events' places handed on by every SELECT inside its FROM and WITH; null where one is a UNION ALL,
 * which has none.
 */
function keepPlaces(query: Node): Node | null {
  if (!isNode(query.from_table)) return null;
  const inside = (node: Node): Node | null => {
    const kept = keepPlaces(node);
    if (!kept) return null;
    const list = nodesOf(kept.select_list);
    const all = list.some((item) => item.class === "STAR");
    return all ? kept : { ...kept, select_list: [...list, columnRef(eventColumn)] };
  };
  const ctes: Node[] = [];
  for (const each of nodesOf((query.cte_map as Node).map)) {
    const value = each.value as Node;
    const inner = value.query as Node;
    const node = inside(inner.node as Node);
    if (!node) return null;
    ctes.push({ ...each, value: { ...value, query: { ...inner, node } } });
  }
  let from = query.from_table;
  if (from.type === "SUBQUERY") {
    const subquery = from.subquery as Node;
    const node = inside(subquery.node as Node);
    if (!node) return null;
    from = { ...from, subquery: { ...subquery, node } };
  }
  return { ...query, from_table: from, cte_map: { ...(query.cte_map as Node), map: ctes } };
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
