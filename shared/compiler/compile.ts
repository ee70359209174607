/**
 * The view compiler: one SELECT … GROUP BY in, three texts out. Every decision is made here; running is straight-line.
 *
 *   parse → check the shape → let DuckDB bind the user's own text → find keys and aggregates → write partial, combine, finalize
 *
 * Everything around an aggregate (round(…), HAVING, CASE) is evaluated in finalize, over merged values, never over parts.
 */
import { createHash } from "node:crypto";
import type { AggregateUse, PartialColumn, StreamDefinition, ViewColumn, ViewDefinition, ViewSource } from "../definition.ts";
import { quoteName, type Session } from "../duckdb/duck.ts";
import { messageOf } from "../errors.ts";
import { type Aggregate, aggregateNamed, aggregateNames, type Part, type Plan } from "./aggregates.ts";
import { columnRef, fingerprint, isNode, type Json, locationOf, type Node, parseSql, renderExpressions, rewrite, visit } from "./ast.ts";
import { type FunctionKind, readCatalog } from "./catalog.ts";
import { complaint, refuse } from "./refusal.ts";
import { isFloat, storageOf } from "./types.ts";

/** Compiles views against streams. Holds a DuckDB session with one empty table per stream. */
export class Compiler {
  readonly #session: Session;
  readonly #streams: ReadonlyMap<string, StreamDefinition>;
  readonly #catalog: ReadonlyMap<string, FunctionKind>;

  private constructor(session: Session, streams: readonly StreamDefinition[], catalog: ReadonlyMap<string, FunctionKind>) {
    this.#session = session;
    this.#streams = new Map(streams.map((stream) => [stream.name.toLowerCase(), stream]));
    this.#catalog = catalog;
  }

  static async open(session: Session, streams: readonly StreamDefinition[]): Promise<Compiler> {
    for (const stream of streams) {
      const fields = stream.fields.map((field) => `${quoteName(field.name)} ${field.type}`);
      await session.run(`CREATE TEMP TABLE ${quoteName(stream.name)} (${fields.join(", ")})`);
    }
    return new Compiler(session, streams, await readCatalog(session));
  }

  /**
   * @throws VIEW_SYNTAX where DuckDB itself rejects the SQL; VIEW_UNSUPPORTED where its answer could not be kept exact;
   *   both name file:line:column, the reason and what to write instead
   */
  async compile(source: ViewSource): Promise<ViewDefinition> {
    const select = await this.#parse(source);
    const stream = this.#streamOf(source, select);
    const scope = new Scope(source, stream, tableNameOf(select, stream));
    this.#checkShape(source, select);
    const expressions = [...listOf(select.select_list), ...listOf(select.group_expressions)];
    for (const each of [select.where_clause, select.having]) if (isNode(each)) expressions.push(each);
    for (const each of expressions) this.#checkExpression(source, each);
    const columns = await this.#bind(source);

    const items = listOf(select.select_list).map((node) => ({ node: scope.qualify(node), alias: String(node.alias), location: locationOf(node) }));
    const aliases = new Map<string, Node>();
    for (const item of items) if (item.alias && !aliases.has(item.alias.toLowerCase())) aliases.set(item.alias.toLowerCase(), item.node);
    const holdsAggregate = (node: Node) => this.#aggregatesIn(node).length > 0;
    const keys = groupKeys(select, items.map((item) => item.node), scope, aliases, holdsAggregate);
    for (const key of keys) this.#checkKey(source, key);
    if (keys.length === 0 && !expressions.some(holdsAggregate)) {
      throw refuse(source, 0, "a view without GROUP BY or an aggregate would keep every event", "add GROUP BY or an aggregate such as count(*)");
    }
    const where = isNode(select.where_clause) ? scope.inline(scope.qualify(select.where_clause), aliases) : null;
    const having = isNode(select.having) ? scope.qualify(select.having) : null;

    const uses = new Uses();
    for (const item of items) for (const node of this.#aggregatesIn(item.node)) uses.add(node);
    if (having) for (const node of this.#aggregatesIn(having)) uses.add(node);

    const planned = await this.#plan(source, stream, keys, uses.nodes, where);
    const keyNames = new Map(keys.map((key, i) => [fingerprint(key), `k${i}`]));
    const outer = (node: Node, earlier: ReadonlyMap<string, Node>): Node =>
      rewrite(node, (each) => {
        const print = fingerprint(each);
        // an inner alias names a struct's field
        const named = (name: string): Node => ({ ...columnRef(name), alias: each.alias! });
        const key = keyNames.get(print);
        if (key) return named(key);
        const use = uses.indexOf(print);
        if (use !== undefined) return named(`a${use}`);
        if (each.class !== "COLUMN_REF") return undefined;
        const alias = earlier.get(String((each.column_names as string[])[0]).toLowerCase());
        if (alias && (each.column_names as string[]).length === 1) return alias;
        throw refuse(source, locationOf(each), `can't tell how ${String((each.column_names as string[]).join("."))} follows from the group keys`,
          "repeat the GROUP BY expression as it is written there, or use an aggregate");
      });
    const done = new Map<string, Node>();
    const shown = items.map((item) => {
      const node = outer(item.node, done);
      if (item.alias) done.set(item.alias.toLowerCase(), node);
      return node;
    });
    const [havingSql, ...shownSql] = await renderExpressions(this.#session, [having ? outer(having, done) : columnRef("k0"), ...shown]);

    const finalized = [
      ...planned.keys.map((key) => `CAST(${key.name} AS ${key.valueType}) AS ${key.name}`),
      ...planned.aggregates.map((each, i) => `CAST(${each.finalize} AS ${each.type}) AS a${i}`),
    ];
    const finalize =
      `SELECT ${columns.map((column, i) => `${shownSql[i]} AS ${quoteName(column.name)}`).join(", ")} ` +
      `FROM (SELECT ${finalized.join(", ") || "1 AS nothing"} FROM merged)${having ? ` WHERE ${havingSql}` : ""}`;
    const view: Omit<ViewDefinition, "identity"> = {
      ...source,
      stream: stream.name,
      keys: planned.keys.map(({ name, type }) => ({ name, type })),
      parts: planned.parts.map(({ name, type }) => ({ name, type })),
      partial: planned.partial,
      combine: planned.combine,
      finalize,
      columns: columns.map((column, i): ViewColumn => ({ ...column, key: keyNames.get(fingerprint(items[i]!.node)) ?? null })),
      aggregates: planned.uses,
      inexact: planned.parts.filter((part) => part.inexact).map((part) => part.name),
    };
    await this.#checkTypes(source, view, columns);
    return { ...view, identity: identityOf(view, stream) };
  }

  async #parse(source: ViewSource): Promise<Node> {
    const parsed = await parseSql(this.#session, source.sql);
    if (parsed.error) {
      if (/Only SELECT/.test(parsed.error.message)) throw refuse(source, 0, "a view is one SELECT", "write SELECT … FROM a stream GROUP BY …");
      throw complaint(source, parsed.error.message, parsed.error.position);
    }
    const [statement, second] = parsed.statements;
    if (!statement) throw refuse(source, null, "the file holds no SELECT", "write one SELECT … FROM a stream GROUP BY …");
    const node = statement.node as Node;
    if (second) throw refuse(source, null, "a view is one SELECT, and this file holds several", "put each in a file of its own");
    if (node.type === "SET_OPERATION_NODE") throw refuse(source, null, "UNION, INTERSECT and EXCEPT are not available in a view", "write one view per SELECT and combine them in the query");
    if (node.type !== "SELECT_NODE") throw refuse(source, null, "a view is one plain SELECT", "write SELECT … FROM a stream GROUP BY …");
    return node;
  }

  #streamOf(source: ViewSource, select: Node): StreamDefinition {
    const from = select.from_table as Node;
    const at = typeof from.query_location === "number" ? from.query_location : null;
    const known = [...this.#streams.values()].map((stream) => stream.name).join(", ");
    if ((select.cte_map as Node & { map: Json[] }).map.length > 0) throw refuse(source, 0, "WITH is not available in a view", "write the SELECT over the stream directly");
    if (from.type === "EMPTY") throw refuse(source, null, "a view reads FROM a stream", `add FROM, with one of: ${known}`);
    if (from.type === "JOIN") throw refuse(source, at, "joins are not available in a view", "put what the view needs into the events, or join views in the query");
    if (from.type === "SUBQUERY") throw refuse(source, at, "a subquery in FROM is not available in a view", "write the SELECT over the stream directly");
    if (from.type !== "BASE_TABLE") throw refuse(source, at, "a view reads FROM a stream, not a function or a list of values", `use one of: ${known}`);
    if (from.sample !== null || select.sample !== null) throw refuse(source, at, "a sample is not a function of the events", "filter with WHERE, e.g. on hash(id) % 100 = 0");
    const name = String(from.table_name);
    const stream = this.#streams.get(name.toLowerCase());
    if (!stream || from.schema_name !== "" || from.catalog_name !== "") {
      throw refuse(source, at, `there is no stream "${name}"`, `declare it in the config's streams, or read one of: ${known}`);
    }
    if (listOf(from.column_name_alias).length > 0) throw refuse(source, at, "renamed columns in FROM are not available", "use AS in the SELECT list");
    return stream;
  }

  #checkShape(source: ViewSource, select: Node): void {
    for (const modifier of listOf(select.modifiers)) {
      const at = locationOf({ ...modifier, class: "", alias: "" });
      const word = String(modifier.type).replace("_MODIFIER", "").replace("LIMIT_PERCENT", "LIMIT");
      if (word === "ORDER") throw refuse(source, at, "ORDER BY has no meaning for a view: its rows are a set", "order in the query (order=… or ORDER BY)");
      if (word === "DISTINCT") throw refuse(source, at, "SELECT DISTINCT over merged rows would hide groups", "GROUP BY the columns instead");
      throw refuse(source, at, "LIMIT on parts is not LIMIT on the whole", "limit in the query (limit=… or LIMIT)");
    }
    if (isNode(select.qualify)) throw refuse(source, locationOf(select.qualify), "QUALIFY needs window functions, which don't merge", "rank in the query over the view");
    const sets = select.group_sets as Json[];
    if (sets.length > 1) throw refuse(source, locationOf(listOf(select.group_expressions)[0] ?? select), "GROUPING SETS, ROLLUP and CUBE are not available", "write one view per grouping");
  }

  /** Refuses what can't merge or is not a function of the events. */
  #checkExpression(source: ViewSource, expression: Node): void {
    visit(expression, (node) => {
      const at = locationOf(node);
      switch (node.class) {
        case "WINDOW":
          throw refuse(source, at, "window functions look at other rows, and parts don't have them", "compute it in the query over the view");
        case "SUBQUERY":
          throw refuse(source, at, "subqueries are not available in a view", "write a second view and combine them in the query");
        case "STAR":
          throw refuse(source, at, "* is not available in a view: its columns would change with the stream", "name the columns");
        case "PARAMETER":
          throw refuse(source, at, "a view takes no parameters", "write the value, or filter in the query");
        case "COLLATE":
          throw refuse(source, at, "COLLATE makes different texts one group that shows whichever came first", "group by lower(…) or another expression");
        case "FUNCTION":
          this.#checkFunction(source, node, at);
      }
    });
    const nested = this.#aggregatesIn(expression).find((outer) =>
      listOf(outer.children).some((child) => this.#aggregatesIn(child).length > 0),
    );
    if (nested) throw refuse(source, locationOf(nested), "an aggregate inside an aggregate needs two passes", "aggregate again in the query over the view");
  }

  #checkFunction(source: ViewSource, node: Node, at: number | null): void {
    const name = String(node.function_name).toLowerCase();
    if (name === "unnest") throw refuse(source, at, "unnest changes the number of rows", "send one event per element");
    if (name === "grouping" || name === "grouping_id") throw refuse(source, at, "grouping() needs GROUPING SETS, which are not available", "write one view per grouping");
    const kind = this.#catalog.get(name);
    if (kind === "volatile" || (name === "age" && listOf(node.children).length === 1)) {
      throw refuse(source, at, `${name}() is not a function of the events: each layer would get another value`, "use the events' own time or id, or compute it in the query");
    }
    if (kind !== "aggregate") return;
    const entry = aggregateNamed(name);
    const available = `available: ${aggregateNames.join(", ")}`;
    if (!entry) throw refuse(source, at, `${name}() has no exact partial form in this version`, available);
    if (node.distinct === true) throw refuse(source, at, `${name}(DISTINCT …) does not merge: the same value may be in both parts`, "group by the value, and count in the query over the view");
    const order = (node.order_bys as Node | null)?.orders;
    if (Array.isArray(order) && order.length > 0) throw refuse(source, at, `ORDER BY inside ${name}() is not available`, "leave it out: the result does not depend on it");
    if (listOf(node.children).length !== entry.arity) throw refuse(source, at, `${name}() with ${listOf(node.children).length} arguments is not available`, `it takes ${entry.arity} here`);
  }

  #checkKey(source: ViewSource, key: Node): void {
    const [aggregate] = this.#aggregatesIn(key);
    if (aggregate) throw refuse(source, locationOf(aggregate), "an aggregate can't be a group key", "group by a value of the event");
  }

  #aggregatesIn(node: Node): Node[] {
    const found: Node[] = [];
    visit(node, (each) => {
      if (each.class === "FUNCTION" && this.#catalog.get(String(each.function_name).toLowerCase()) === "aggregate") found.push(each);
    });
    return found;
  }

  /** The user's own text, bound by DuckDB: the view's columns and types. */
  async #bind(source: ViewSource): Promise<{ name: string; type: string }[]> {
    let columns: { name: string; type: string }[];
    try {
      // the text stands alone on its lines, so that DuckDB's line numbers are the file's plus one
      columns = await this.#session.describe(`\n${source.sql.replace(/;\s*$/, "")}`);
    } catch (error) {
      const message = (error instanceof Error ? error.message : String(error)).replace(/^LINE (\d+)(: )/gm, (_, line: string, rest: string) => `LINE ${Number(line) - 1}${rest}`);
      throw complaint(source, message, null);
    }
    const seen = new Set<string>();
    for (const { name } of columns) {
      if (seen.has(name.toLowerCase())) throw refuse(source, null, `two columns are called "${name}"`, "give one another name with AS");
      seen.add(name.toLowerCase());
    }
    return columns;
  }

  /** Parts, keys and the two texts below finalize. */
  async #plan(source: ViewSource, stream: StreamDefinition, keys: readonly Node[], uses: readonly Node[], where: Node | null) {
    const args = uses.flatMap((use) => listOf(use.children));
    const filters = uses.map((use) => (isNode(use.filter) ? use.filter : null));
    const rendered = await renderExpressions(this.#session, [...keys, ...args, ...filters.filter((each) => each !== null), ...(where ? [where] : []), ...uses]);
    const take = (count: number) => rendered.splice(0, count);
    const keySql = take(keys.length);
    const argSql = take(args.length);
    const filterSql = filters.map((filter) => (filter ? take(1)[0]! : null));
    const whereSql = where ? take(1)[0]! : null;
    const useSql = rendered;

    const table = quoteName(stream.name);
    const perEvent = await this.#typesOf(source, [...keySql, ...argSql], table);
    const results = await this.#typesOf(source, useSql, table);
    const keyTypes = perEvent.slice(0, keys.length);
    const argTypes = perEvent.slice(keys.length);

    const planKeys = keys.map((key, i) => {
      const valueType = keyTypes[i]!;
      const type = storageOf(valueType);
      if (!type) throw refuse(source, locationOf(key), `a group key of type ${valueType} can't be kept without loss`, "cast it, e.g. to VARCHAR");
      // -0.0 and 0.0 are one group that would show whichever came first
      const canonical = isFloat(valueType) ? `(${keySql[i]} + CAST(0 AS ${valueType}))` : keySql[i]!;
      return { name: `k${i}`, type, valueType, sql: castTo(canonical, valueType, type) };
    });

    const parts: (PartialColumn & { part: Part; filter: string | null; inexact: boolean })[] = [];
    let next = 0;
    const aggregates = uses.map((use, i) => {
      const entry: Aggregate = aggregateNamed(String(use.function_name).toLowerCase())!;
      const own = listOf(use.children).map(() => ({ sql: argSql[next]!, type: argTypes[next++]! }));
      const plan: Plan | { why: string; instead: string } = entry.plan(own);
      if ("why" in plan) throw refuse(source, locationOf(use), plan.why, plan.instead);
      const names = plan.parts.map((part) => {
        const same = parts.find((each) => each.part.call === part.call && each.part.storage === part.storage && each.filter === filterSql[i]);
        if (same) return same.name;
        const name = `p${parts.length}`;
        parts.push({ name, type: part.storage, part, filter: filterSql[i]!, inexact: part.inexact === true });
        return name;
      });
      const loaded = names.map((name) => {
        const column = parts.find((each) => each.name === name)!;
        return castTo(column.name, column.type, column.part.type);
      });
      return { type: results[i]!, finalize: plan.finalize(loaded), entry, names, sql: useSql[i]! };
    });

    const groups = planKeys.map((_, i) => i + 1).join(", ");
    const partialParts = parts.map(({ name, part, filter }) => {
      const call = filter ? `${part.call} FILTER (WHERE ${filter})` : part.call;
      return `${castTo(call, part.type, part.storage)} AS ${name}`;
    });
    const combineParts = parts.map(({ name, part }) => {
      const merged = `${part.combine}(${castTo(name, part.storage, part.type)})`;
      return `CAST(${merged} AS ${part.storage}) AS ${name}`;
    });
    const partialList = [...planKeys.map((key) => `${key.sql} AS ${key.name}`), ...partialParts];
    const combineList = [...planKeys.map((key) => key.name), ...combineParts];
    const partial = `SELECT ${partialList.join(", ")} FROM ${table}${whereSql ? ` WHERE ${whereSql}` : ""}${groups ? ` GROUP BY ${groups}` : ""}`;
    const combine = `SELECT ${combineList.join(", ")} FROM partials${groups ? ` GROUP BY ${groups}` : ""}`;
    const usesFound = aggregates.map(
      (each): AggregateUse => ({ sql: each.sql, class: each.entry.class, parts: each.names }),
    );
    return { keys: planKeys, parts, aggregates, partial, combine, uses: usesFound };
  }

  async #typesOf(source: ViewSource, expressions: readonly string[], table: string): Promise<string[]> {
    if (expressions.length === 0) return [];
    try {
      const columns = await this.#session.describe(`SELECT ${expressions.map((sql, i) => `${sql} AS t${i}`).join(", ")} FROM ${table}`);
      return columns.map((column) => column.type);
    } catch (error) {
      throw refuse(source, null, `DuckDB could not type a part of this view (${messageOf(error)})`, "write the expression in a simpler way");
    }
  }

  /** Finalize must give the very columns and types of the user's own SQL; anything else is a fault of the compiler, said here. */
  async #checkTypes(source: ViewSource, view: Pick<ViewDefinition, "keys" | "parts" | "partial" | "combine" | "finalize">, columns: readonly { name: string; type: string }[]): Promise<void> {
    const given = await this.#session.describe(`WITH partials AS (${view.partial}), merged AS (${view.combine}) ${view.finalize}`);
    const differs = columns.find((column, i) => given[i]?.name !== column.name || given[i]?.type !== column.type);
    if (differs || given.length !== columns.length) {
      const got = given.find((column) => column.name === differs?.name)?.type ?? "nothing";
      throw refuse(source, null, `column "${differs?.name}" would be ${got} instead of ${differs?.type}`, "add a cast to the type you want");
    }
  }
}

/** What a name in the view can mean: columns of the stream, qualified or not. */
class Scope {
  readonly #source: ViewSource;
  readonly #columns: ReadonlyMap<string, string>;
  readonly #table: string;

  constructor(source: ViewSource, stream: StreamDefinition, table: string) {
    this.#source = source;
    this.#columns = new Map(stream.fields.map((field) => [field.name.toLowerCase(), field.name]));
    this.#table = table.toLowerCase();
  }

  isColumn(name: string): boolean {
    return this.#columns.has(name.toLowerCase());
  }

  /** Column references in one form: no table name, the field's own spelling. Lambda parameters stay as they are. */
  qualify(node: Node): Node {
    const parameters = new Set<string>();
    visit(node, (each) => {
      if (each.class !== "LAMBDA") return;
      const names = isNode(each.lhs) ? each.lhs : null;
      if (names) visit(names, (name) => name.class === "COLUMN_REF" && parameters.add(String((name.column_names as string[])[0]).toLowerCase()));
    });
    const clash = [...parameters].find((name) => this.#columns.has(name));
    if (clash) throw refuse(this.#source, locationOf(node), `the lambda parameter ${clash} has the name of a field`, "call the parameter something else");
    return rewrite(node, (each) => {
      if (each.class !== "COLUMN_REF") return undefined;
      let names = each.column_names as string[];
      if (names.length > 1 && names[0]!.toLowerCase() === this.#table && this.isColumn(names[1]!)) names = names.slice(1);
      const column = this.#columns.get(names[0]!.toLowerCase());
      return { ...each, column_names: column ? [column, ...names.slice(1)] : names };
    });
  }

  /** Replaces names that are no columns but aliases of the SELECT list. */
  inline(node: Node, aliases: ReadonlyMap<string, Node>): Node {
    return rewrite(node, (each) => {
      if (each.class !== "COLUMN_REF") return undefined;
      const name = String((each.column_names as string[])[0]);
      return this.isColumn(name) ? undefined : aliases.get(name.toLowerCase());
    });
  }
}

/** Distinct aggregate uses of a view, in order of appearance. */
class Uses {
  readonly nodes: Node[] = [];
  readonly #index = new Map<string, number>();

  add(node: Node): void {
    const print = fingerprint(node);
    if (this.#index.has(print)) return;
    this.#index.set(print, this.nodes.length);
    this.nodes.push(node);
  }

  indexOf(print: string): number | undefined {
    return this.#index.get(print);
  }
}

function listOf(value: Json | undefined): Node[] {
  return Array.isArray(value) ? (value as Node[]) : [];
}

function tableNameOf(select: Node, stream: StreamDefinition): string {
  return String((select.from_table as Node).alias) || stream.name;
}

/** GROUP BY expressions: written out, by position, by alias, or ALL. */
function groupKeys(select: Node, items: readonly Node[], scope: Scope, aliases: ReadonlyMap<string, Node>, holdsAggregate: (node: Node) => boolean): Node[] {
  const keys: Node[] = [];
  const seen = new Set<string>();
  const add = (node: Node) => {
    const print = fingerprint(node);
    if (!seen.has(print)) keys.push(node);
    seen.add(print);
  };
  if (select.aggregate_handling === "FORCE_AGGREGATES") {
    for (const item of items) if (!holdsAggregate(item)) add(item);
    return keys;
  }
  for (const written of listOf(select.group_expressions)) {
    const node = scope.qualify(written);
    const constant = isNode(node.value) && node.class === "CONSTANT" ? node.value : null;
    if (constant && typeof constant.value === "number" && isNode(constant.type) && /INT/.test(String(constant.type.id))) {
      const item = items[constant.value - 1];
      if (item) add(item);
      continue;
    }
    const names = node.class === "COLUMN_REF" ? (node.column_names as string[]) : [];
    const alias = names.length === 1 && !scope.isColumn(names[0]!) ? aliases.get(names[0]!.toLowerCase()) : undefined;
    add(alias ?? node);
  }
  return keys;
}

function castTo(sql: string, from: string, to: string): string {
  return from === to ? sql : `CAST(${sql} AS ${to})`;
}

/** Hash of all that decides what a view's partials mean. */
function identityOf(view: Omit<ViewDefinition, "identity">, stream: StreamDefinition): string {
  const parts = [stream.fields, view.stream, view.keys, view.parts, view.partial, view.combine];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}
