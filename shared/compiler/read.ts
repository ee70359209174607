/** Reads a view: its SQL as a tree, checked against what a view may say, with every name resolved. */
import type { ViewSource } from "../definition.ts";
import type { Session } from "../duckdb/duck.ts";
import { fold } from "../duckdb/fold.ts";
import { isOfSql } from "../duckdb/of-sql.ts";
import { aggregateOf } from "./aggregates/table.ts";
import { freeNames, isNode, locationOf, type Node, nodesOf, notSelect, parseSql } from "./ast.ts";
import { type Input, InputReader, type Relations } from "./input.ts";
import { checkOwnNames } from "./own-names.ts";
import { plainCalls } from "./plain-calls.ts";
import { complaint, findWord, refuse } from "./refusal.ts";
import { type Grouping, groupingOf, NameScope } from "./scope.ts";
import { aggregatesIn, type Catalog, checkExpression, checkModifiers, oneSelect } from "./supported.ts";

/** What views are compiled against: a session with an empty table for each stream and reference table. */
export interface Surroundings {
  readonly session: Session;
  readonly relations: Relations;
  readonly catalog: Catalog;
  readonly timezone: string;
}

/** A view's own SQL: expressions over what it reads, in one form each. */
export interface ReadView extends Pick<Grouping, "keys" | "sets"> {
  readonly source: ViewSource;
  readonly input: Input;
  /** An aggregate depends on the order of events. */
  readonly ordered: boolean;
  /** The SELECT list. */
  readonly items: readonly Node[];
  readonly where: Node | null;
  readonly having: Node | null;
  /** As DuckDB names and types the SELECT list. */
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly aggregatesIn: (node: Node) => readonly Node[];
}

export async function readView({ session, relations, catalog }: Surroundings, source: ViewSource): Promise<ReadView> {
  const select = await parsed(session, source);
  checkOwnNames(source, select);
  checkModifiers(source, select);
  const ordered = orderedIn(select, catalog);
  const input = await new InputReader(session, source, relations, catalog).read(select, ordered);
  const scope = new NameScope(source, input.tables);
  const expressions = [...nodesOf(select.select_list), ...nodesOf(select.group_expressions)];
  for (const each of [select.where_clause, select.having]) if (isNode(each)) expressions.push(each);
  for (const each of expressions) {
    checkExpression(source, each, catalog);
    scope.check(each);
  }
  const columns = await bound(session, source, select);

  const aliases = new Map<string, Node>();
  const resolved = (node: Node) => scope.inline(scope.qualify(node), aliases);
  const items = nodesOf(select.select_list).map((written) => {
    const node = resolved(written);
    if (written.alias) aliases.set(fold(String(written.alias)), node);
    return node;
  });
  const own = (node: Node) => aggregatesIn(node, catalog);
  const holdsAggregate = (node: Node) => own(node).length > 0;
  const grouping = groupingOf(select, items, scope, aliases, holdsAggregate);
  for (const key of grouping.keys) checkKey(source, own(key));
  if (grouping.keys.length === 0 && !expressions.some(holdsAggregate)) {
    throw refuse(
      source,
      findWord(source, /\S/),
      "a view without GROUP BY or an aggregate would keep every event",
      "add GROUP BY or an aggregate such as count(*)",
    );
  }
  checkSets(source, grouping);
  return {
    source,
    input,
    ordered: ordered !== null,
    items,
    keys: grouping.keys,
    sets: grouping.sets,
    where: isNode(select.where_clause) ? resolved(select.where_clause) : null,
    having: isNode(select.having) ? resolved(select.having) : null,
    columns,
    aggregatesIn: own,
  };
}

async function parsed(session: Session, source: ViewSource): Promise<Node> {
  const { statements, error } = await parseSql(session, source.sql);
  if (!error) return plainCalls(oneSelect(source, statements));
  const { message, position } = error;
  if (message === notSelect)
    throw refuse(source, findWord(source, /\S/), "a view is one SELECT", "write SELECT … FROM a stream GROUP BY …");
  // the parser counts characters where everything else counts bytes
  const byte = position === null ? null : Buffer.byteLength([...source.sql].slice(0, position).join(""));
  throw complaint(source, message, byte);
}

/** The first aggregate that depends on the order of events, or null. */
function orderedIn(select: Node, catalog: Catalog): Node | null {
  const expressions = [...nodesOf(select.select_list), ...(isNode(select.having) ? [select.having] : [])];
  const found = expressions.flatMap((each) => aggregatesIn(each, catalog));
  return found.find((each) => aggregateOf(each)?.ordered) ?? null;
}

function checkKey(source: ViewSource, [aggregate]: readonly Node[]): void {
  if (aggregate)
    throw refuse(source, locationOf(aggregate), "an aggregate can't be a group key", "group by a value of the event");
}

/** Refuses keys of GROUPING SETS that DuckDB shows in some groups only. */
function checkSets(source: ViewSource, { keys, sets, twice }: Grouping): void {
  if (twice) {
    const instead = "write it once: DuckDB takes it for two keys, and shows one of them";
    throw refuse(source, locationOf(twice), "a key of GROUPING SETS is written twice", instead);
  }
  const constant = sets && keys.find((key) => key.class === "CONSTANT");
  if (constant) {
    const instead = "leave it out of GROUP BY: it is the same in every group";
    throw refuse(source, locationOf(constant), "a constant in GROUPING SETS is shown in some groups only", instead);
  }
}

/** The user's own text, bound by DuckDB: the view's columns and types. */
async function bound(session: Session, source: ViewSource, select: Node): Promise<{ name: string; type: string }[]> {
  let columns: { name: string; type: string }[];
  try {
    // the text has its lines for itself, so that DuckDB's line numbers are the file's plus one
    columns = await session.describe(`\n${source.sql.replace(/;\s*$/, "")}`);
  } catch (error) {
    if (!isOfSql(error)) throw error;
    const message = (error instanceof Error ? error.message : String(error)).replace(
      /^LINE (\d+)(: )/gm,
      (_, line: string, rest: string) => `LINE ${Number(line) - 1}${rest}`,
    );
    const said = complaint(source, message, null);
    throw said.facts.place === source.file ? complaint(source, message, namedIn(message, select)) : said;
  }
  const seen = new Set<string>();
  for (const [i, { name }] of columns.entries()) {
    if (seen.has(name.toLowerCase())) {
      throw refuse(
        source,
        locationOf(nodesOf(select.select_list)[i]!),
        `two columns are called "${name}"`,
        "give one another name with AS",
      );
    }
    seen.add(name.toLowerCase());
  }
  return columns;
}

/** Where a message of DuckDB's without a place speaks of a column of HAVING: the first mention there. */
function namedIn(message: string, select: Node): number | null {
  let found: number | null = null;
  if (!isNode(select.having)) return null;
  freeNames(select.having, (node) => {
    if (found === null && message.includes(String((node.column_names as string[]).at(-1)))) found = locationOf(node);
  });
  return found;
}
