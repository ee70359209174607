/**
 * `MEASURE(column)` in a query recomputes a view's measure in the query's own groups, exactly:
 * SELECT … MEASURE(x) FROM view GROUP BY … becomes a SELECT over the view's roll-up by these groups.
 */
import {
  columnRef,
  fingerprint,
  isNode,
  type Json,
  type Node,
  nodesOf,
  parseSql,
  renderExpressions,
  renderStatement,
  rewrite,
  visit,
} from "../../shared/compiler/ast.ts";
import { aggregatesIn, type Catalog } from "../../shared/compiler/supported.ts";
import { rolledUpOf } from "../../shared/compiler/texts.ts";
import type { OverValues, ViewDefinition } from "../../shared/definition.ts";
import type { Session } from "../../shared/duckdb/duck.ts";
import { fold } from "../../shared/duckdb/fold.ts";
import { keySql } from "../question/roll-up.ts";
import { onlyShown } from "../question/shown.ts";
import { refused } from "./refused.ts";

export interface ViewPartials {
  readonly definition: ViewDefinition;
  /** A SELECT of its partial rows. */
  readonly partials: string;
}

/**
 * The statement with every MEASURE rewritten; null: it has none.
 * @param statement with its names resolved (see names.ts)
 * @throws QUERY_REFUSED
 */
export async function withMeasures(
  session: Session,
  statement: Node,
  views: ReadonlyMap<string, ViewPartials>,
  catalog: Catalog,
): Promise<string | null> {
  let found = false;
  const go = async (value: Json): Promise<Json> => {
    if (Array.isArray(value)) return Promise.all(value.map(go));
    if (!isNode(value)) return value;
    const entries = await Promise.all(Object.entries(value).map(async ([key, each]) => [key, await go(each)] as const));
    const node: Node = Object.fromEntries(entries);
    if (node.type !== "SELECT_NODE" || measuresOf(node).length === 0) return node;
    found = true;
    return new Select(node, views, catalog).rewritten(session);
  };
  const rewritten = (await go(statement)) as Node;
  return found ? renderStatement(session, rewritten) : null;
}

/** The parts of a SELECT that may use a measure, except subqueries, which were rewritten before. */
const places = ["select_list", "having", "qualify", "modifiers", "where_clause", "group_expressions"] as const;

function measuresOf(select: Node): Node[] {
  return places.flatMap((place) => expressionsIn(select[place] ?? null)).flatMap(measuresIn);
}

function expressionsIn(value: Json): Node[] {
  if (Array.isArray(value)) return value.flatMap(expressionsIn);
  if (!isNode(value)) return [];
  return typeof value.class === "string" ? [value] : Object.values(value).flatMap(expressionsIn);
}

function measuresIn(expression: Node): Node[] {
  const found: Node[] = [];
  visit(expression, (node) => {
    if (isMeasure(node)) found.push(node);
  });
  return found;
}

function isMeasure(node: Node): boolean {
  return node.class === "FUNCTION" && String(node.function_name).toLowerCase() === "measure";
}

/** One SELECT that uses measures. */
class Select {
  readonly #select: Node;
  readonly #catalog: Catalog;
  readonly #view: ViewPartials;
  /** The view's alias in this SELECT. */
  readonly #called: string;
  readonly #measures: { readonly name: string; readonly over: OverValues }[] = [];

  constructor(select: Node, views: ReadonlyMap<string, ViewPartials>, catalog: Catalog) {
    this.#select = select;
    this.#catalog = catalog;
    const table = select.from_table as Node;
    const name = table.type === "BASE_TABLE" ? fold(String(table.table_name)) : "";
    const view = views.get(name);
    if (!view || nodesOf(table.column_name_alias).length > 0 || isNode(table.sample) || isNode(select.sample))
      throw refused(
        "MEASURE needs one view after FROM",
        "write SELECT …, MEASURE(x) FROM view GROUP BY …, and join its result",
      );
    this.#view = view;
    this.#called = String(table.alias || table.table_name).toLowerCase();
  }

  async rewritten(session: Session): Promise<Node> {
    const select = this.#select;
    const { definition, partials } = this.#view;
    const { rollUp } = definition;
    if (!rollUp || rollUp.having?.keys.length) {
      const why = rollUp ? "its HAVING uses group keys" : "it has GROUPING SETS, or no group keys";
      throw refused(`MEASURE is not available for view "${definition.name}": ${why}`, "use its rows as they are");
    }
    const items = nodesOf(select.select_list);
    const groups = this.#groups(items);
    const prints = new Map(groups.map((group, i) => [fingerprint(group), `__g${i}`] as const));
    const over = (value: Json): Json => this.#over(value, prints);
    const where = isNode(select.where_clause) ? [this.#onKeys(select.where_clause)] : [];
    const texts = await renderExpressions(session, [...groups.map((group) => this.#onKeys(group)), ...where]);
    const list = items.map((item) => ({ ...(over(item) as Node), alias: item.alias || nameOf(item) }));
    const having = isNode(select.having) ? over(select.having) : null;
    const rest = { modifiers: over(select.modifiers ?? []), qualify: over(select.qualify ?? null) };
    const keys = definition.columns
      .filter((column) => column.key !== null)
      .map((column) => `${keySql(definition, column)} AS __${column.key}`);
    const shown = onlyShown(definition, partials);
    const wheres = where.length > 0 ? ` WHERE ${texts.at(-1)}` : "";
    const read = (rows: string) => `SELECT * FROM (SELECT *, ${[...new Set(keys)].join(", ")} FROM (${rows}))${wheres}`;
    const grouped = groups.map((_, i) => ({ name: `__g${i}`, sql: `(${texts[i]})` }));
    const columns = [...grouped.map(({ name }) => ({ name, over: { sql: name, keys: [] } })), ...this.#measures];
    const rolledUp = { rollUp, groups: grouped, columns };
    const { statements } = await parseSql(session, rolledUpOf(definition, rolledUp, shown, read));
    const from = {
      type: "SUBQUERY",
      alias: this.#called,
      sample: null,
      query_location: (select.from_table as Node).query_location!,
      subquery: statements[0]!,
      column_name_alias: [],
    };
    return {
      ...select,
      ...rest,
      select_list: list,
      from_table: from,
      where_clause: having,
      group_expressions: [],
      group_sets: [],
      aggregate_handling: "STANDARD_HANDLING",
      having: null,
    };
  }

  /** GROUP BY's expressions, ordinals and aliases resolved; for GROUP BY ALL, the items without a measure. */
  #groups(items: readonly Node[]): Node[] {
    const { aggregate_handling: handling, group_sets: sets } = this.#select;
    if (handling === "FORCE_AGGREGATES")
      return items.filter((item) => measuresIn(item).length === 0 && !this.#isConstant(item));
    const written = nodesOf(this.#select.group_expressions);
    const [set, second] = (sets as Json[] | undefined) ?? [];
    if (second !== undefined || (set !== undefined && (set as Json[]).length !== written.length))
      throw refused("MEASURE in GROUPING SETS is not available", "write one SELECT for each set, and UNION ALL");
    const found = written.map((group) => {
      const value = group.class === "CONSTANT" && isNode(group.value) ? Number(group.value.value) : Number.NaN;
      if (Number.isInteger(value) && items[value - 1]) return items[value - 1]!;
      const names = group.class === "COLUMN_REF" ? (group.column_names as string[]) : [];
      const isColumn = this.#view.definition.columns.some(
        (column) => column.name.toLowerCase() === names.at(-1)?.toLowerCase(),
      );
      const aliased =
        names.length === 1 &&
        !isColumn &&
        items.find((item) => String(item.alias).toLowerCase() === names[0]!.toLowerCase());
      return aliased || group;
    });
    return found.filter((group, i) => found.findIndex((each) => fingerprint(each) === fingerprint(group)) === i);
  }

  #isConstant(item: Node): boolean {
    let constant = true;
    visit(item, (node) => {
      if (node.class === "COLUMN_REF" || node.class === "SUBQUERY") constant = false;
    });
    return constant;
  }

  /** Rewrites an expression of groups and measures to the roll-up's columns. */
  #over(value: Json, groups: ReadonlyMap<string, string>): Json {
    if (Array.isArray(value)) return value.map((each) => this.#over(each, groups));
    if (!isNode(value)) return value;
    if (typeof value.class !== "string")
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, this.#over(each, groups)]));
    const aliases = new Set(
      nodesOf(this.#select.select_list)
        .map((item) => String(item.alias).toLowerCase())
        .filter((alias) => alias !== ""),
    );
    const rewritten = rewrite(value, (node) => {
      const group = groups.get(fingerprint(node));
      if (group) return { ...columnRef(group), alias: node.alias ?? "" };
      if (isMeasure(node)) return { ...columnRef(this.#measure(node)), alias: node.alias ?? "" };
      if (node.class === "STAR") throw refused("* beside MEASURE is not available", "name the columns");
      if (node.class === "COLUMN_REF") {
        const names = node.column_names as string[];
        if (names.length === 1 && aliases.has(names[0]!.toLowerCase())) return node;
        throw refused(
          `"${names.join(".").slice(0, 100)}" is neither in GROUP BY nor within MEASURE`,
          `group by it, or write MEASURE(${names.at(-1)!.slice(0, 60)})`,
        );
      }
      return undefined;
    });
    if (aggregatesIn(rewritten, this.#catalog).length > 0)
      throw refused(
        "an aggregate beside MEASURE is not available",
        "aggregate MEASURE's rows in a query around this one",
      );
    return rewritten;
  }

  /** The roll-up's column for a use of MEASURE. */
  #measure(use: Node): string {
    const [argument, second] = nodesOf(use.children);
    const plain = use.distinct !== true && !isNode(use.filter);
    if (!argument || second || argument.class !== "COLUMN_REF" || !plain)
      throw refused("MEASURE takes one column of the view, and nothing else", "write MEASURE(column)");
    const { definition } = this.#view;
    const column = this.#columnNamed(argument);
    const at = definition.columns.indexOf(column);
    const over = definition.rollUp!.columns[at]!;
    if (over.keys.length > 0)
      throw refused(`"${column.name}" depends on group keys, and is not a measure`, "group by it");
    const name = `__m${at}`;
    if (!this.#measures.some((each) => each.name === name)) this.#measures.push({ name, over });
    return name;
  }

  /** Rewrites an expression of the view's key columns to those of its partials. */
  #onKeys(expression: Node): Node {
    return rewrite({ ...expression, alias: "" }, (node) => {
      if (isMeasure(node)) throw refused("MEASURE is not allowed in WHERE or GROUP BY", "write it in HAVING");
      if (node.class === "SUBQUERY")
        throw refused(
          "a subquery in WHERE or GROUP BY beside MEASURE is not available",
          "filter in a query around this one",
        );
      if (node.class !== "COLUMN_REF") return undefined;
      const column = this.#columnNamed(node);
      if (column.key !== null) return columnRef(`__${column.key}`);
      throw refused(
        `"${column.name}" is not a group key of view "${this.#view.definition.name}": beside MEASURE, WHERE and GROUP BY can only use keys`,
        "filter measures in HAVING",
      );
    });
  }

  #columnNamed(node: Node) {
    const names = (node.column_names as string[]).map((name) => name.toLowerCase());
    const name = names.length === 2 && names[0] === this.#called ? names[1]! : names.length === 1 ? names[0]! : null;
    const column =
      name === null ? undefined : this.#view.definition.columns.find((each) => each.name.toLowerCase() === name);
    if (column) return column;
    const columns = this.#view.definition.columns.map((each) => each.name);
    throw refused(
      `view "${this.#view.definition.name}" has no column "${names.join(".").slice(0, 100)}"`,
      `it has: ${columns.join(", ")}`,
    );
  }
}

/** The name that DuckDB would give an item without an alias; a measure has the name of its column. */
function nameOf(item: Node): string {
  const column = isMeasure(item) ? nodesOf(item.children)[0] : item;
  return column?.class === "COLUMN_REF" ? String((column.column_names as string[]).at(-1)) : "";
}
