/**
 * The view compiler: one SELECT … GROUP BY in, three texts out. Every decision is made here; running is straight-line.
 *
 *   parse → check the shape → let DuckDB bind the user's own text → find keys and aggregates → write partial, combine, finalize
 *
 * Everything around an aggregate (round(…), HAVING, CASE) is evaluated in finalize, over merged values, never over parts.
 */
import { createHash } from "node:crypto";
import type {
  AggregateUse,
  Precision,
  ReferenceTable,
  StreamDefinition,
  ViewColumn,
  ViewDefinition,
  ViewSource,
} from "../definition.ts";
import { quoteName, type Session } from "../duckdb/duck.ts";
import { fold } from "../duckdb/fold.ts";
import { TidemarkError } from "../errors.ts";
import type { Aggregate } from "./aggregates/plan.ts";
import { aggregateNamed } from "./aggregates/table.ts";
import {
  columnRef,
  fingerprint,
  freeNames,
  isNode,
  locationOf,
  type Node,
  nodesOf,
  notSelect,
  parseSql,
  rewrite,
} from "./ast.ts";
import { type FunctionKind, readCatalog } from "./catalog.ts";
import { coordinationOf, type WrittenUse } from "./coordination.ts";
import { eventColumn, eventType } from "./event-order.ts";
import { type Input, InputReader, type Relations } from "./input.ts";
import { checkOwnNames } from "./own-names.ts";
import { combineText, estimatesOf, keyColumns, partColumns, partialText, valuesText } from "./partial-texts.ts";
import { plainCalls } from "./plain-calls.ts";
import { type Planned, planView } from "./plan.ts";
import { complaint, fault, findWord, refuse } from "./refusal.ts";
import { rollUpOf } from "./roll-up.ts";
import { groupingOf, Scope } from "./scope.ts";
import { aggregatesIn, checkExpression, checkModifiers, oneSelect } from "./supported.ts";
import { type Inputs, partialOf, placesOf, rowsOf } from "./texts.ts";

/** Compiles views against streams and reference tables. Holds a DuckDB session with one empty table for each. */
export class Compiler {
  readonly #session: Session;
  readonly #relations: Relations;
  readonly #catalog: ReadonlyMap<string, FunctionKind>;
  readonly #timezone: string;

  private constructor(
    session: Session,
    relations: Relations,
    catalog: ReadonlyMap<string, FunctionKind>,
    timezone: string,
  ) {
    this.#session = session;
    this.#relations = relations;
    this.#catalog = catalog;
    this.#timezone = timezone;
  }

  static async open(
    session: Session,
    streams: readonly StreamDefinition[],
    references: readonly ReferenceTable[] = [],
  ): Promise<Compiler> {
    const create = async (name: string, columns: readonly { name: string; type: string }[]) => {
      const list = columns.map((column) => `${quoteName(column.name)} ${column.type}`);
      await session.run(`CREATE TEMP TABLE ${quoteName(name)} (${list.join(", ")})`);
    };
    for (const stream of streams) await create(stream.name, stream.fields);
    for (const table of references) await create(table.name, table.columns);
    const byName = <T extends { name: string }>(list: readonly T[]) =>
      new Map(list.map((each) => [fold(each.name), each] as const));
    const relations = { streams: byName(streams), references: byName(references) };
    const timezone = String(await session.value("SELECT current_setting('TimeZone')"));
    return new Compiler(session, relations, await readCatalog(session), timezone);
  }

  /**
   * @throws VIEW_SYNTAX where DuckDB itself rejects the SQL; VIEW_UNSUPPORTED where its answer could not be kept exact;
   *   both name file:line:column, the reason and what to write instead
   */
  async compile(source: ViewSource): Promise<ViewDefinition> {
    try {
      return await this.#compile(source);
    } catch (error) {
      if (error instanceof TidemarkError) throw error;
      throw fault(source, error);
    }
  }

  async #compile(source: ViewSource): Promise<ViewDefinition> {
    const select = await this.#parse(source);
    checkOwnNames(source, select);
    checkModifiers(source, select);
    const ordered = this.#orderedIn(select);
    const input = await new InputReader(this.#session, source, this.#relations, this.#catalog).read(select, ordered);
    const { streams, references } = input;
    const scope = new Scope(source, input.tables);
    const expressions = [...nodesOf(select.select_list), ...nodesOf(select.group_expressions)];
    for (const each of [select.where_clause, select.having]) if (isNode(each)) expressions.push(each);
    for (const each of expressions) {
      checkExpression(source, each, this.#catalog);
      scope.check(each);
    }
    const columns = await this.#bind(source, select);

    const aliases = new Map<string, Node>();
    const items = nodesOf(select.select_list).map((written) => {
      const node = scope.inline(scope.qualify(written), aliases);
      if (written.alias) aliases.set(fold(String(written.alias)), node);
      return { node, location: locationOf(written) };
    });
    const holdsAggregate = (node: Node) => this.#aggregatesIn(node).length > 0;
    const { keys, sets, twice } = groupingOf(
      select,
      items.map((item) => item.node),
      scope,
      aliases,
      holdsAggregate,
    );
    for (const key of keys) this.#checkKey(source, key);
    if (keys.length === 0 && !expressions.some(holdsAggregate)) {
      throw refuse(
        source,
        findWord(source, /\S/),
        "a view without GROUP BY or an aggregate would keep every event",
        "add GROUP BY or an aggregate such as count(*)",
      );
    }
    const where = isNode(select.where_clause) ? scope.inline(scope.qualify(select.where_clause), aliases) : null;
    const having = isNode(select.having) ? scope.inline(scope.qualify(select.having), aliases) : null;

    if (twice) {
      const instead = "write it once: DuckDB takes it for two keys, and shows one of them";
      throw refuse(source, locationOf(twice), "a key of GROUPING SETS is written twice", instead);
    }
    const constant = sets && keys.find((key) => key.class === "CONSTANT");
    if (constant) {
      const instead = "leave it out of GROUP BY: it is the same in every group";
      throw refuse(source, locationOf(constant), "a constant in GROUPING SETS is shown in some groups only", instead);
    }
    const uses = new Uses();
    for (const item of items) for (const node of this.#aggregatesIn(item.node)) uses.add(node);
    if (having) for (const node of this.#aggregatesIn(having)) uses.add(node);

    const keyNames = new Map(keys.map((key, i) => [fingerprint(key), `k${i}`]));
    const groupings: number[][] = [];
    const groupingUse = (node: Node): number => {
      const named = nodesOf(node.children).map((child) => Number((keyNames.get(fingerprint(child)) ?? "k-1").slice(1)));
      if (named.includes(-1)) {
        throw refuse(
          source,
          locationOf(node),
          "grouping() of what is no group key",
          "name GROUP BY expressions as they are written there",
        );
      }
      return groupings.push(named) - 1;
    };
    const outer = (node: Node): Node =>
      rewrite(node, (each) => {
        // a constant stays one: as a column it would have another type
        if (each.class === "CONSTANT") return each;
        const print = fingerprint(each);
        // an inner alias names a struct's field
        const named = (name: string): Node => ({ ...columnRef(name), alias: each.alias! });
        const key = keyNames.get(print);
        if (key) return named(key);
        const use = uses.indexOf(print);
        if (use !== undefined) return named(`a${use}`);
        if (each.type === "GROUPING_FUNCTION") return named(`g${groupingUse(each)}`);
        if (each.class !== "COLUMN_REF") return undefined;
        throw refuse(
          source,
          locationOf(each),
          `can't tell how ${(each.column_names as string[]).join(".")} follows from the group keys`,
          "repeat the GROUP BY expression as it is written there, or use an aggregate",
        );
      });
    const shown = items.map((item) => outer(item.node));
    const taken = {
      keys,
      uses: uses.nodes,
      where,
      sets,
      groupings,
      outer: [having ? outer(having) : columnRef("k0"), ...shown],
    };
    const planned = await planView(this.#session, source, input, taken);

    const [havingSql, ...shownSql] = planned.outer;
    const finalize =
      `SELECT ${columns.map((column, i) => `${shownSql[i]} AS ${quoteName(column.name)}`).join(", ")} ` +
      `FROM (${valuesText(planned)})${having ? ` WHERE ${havingSql}` : ""}`;
    const sizes = [...new Set(planned.aggregates.flatMap(({ size }) => size ?? []))];
    const view: Omit<ViewDefinition, "identity"> = {
      ...source,
      streams: streams.map((stream) => stream.name),
      references: references.map((table) => table.name),
      ordered: ordered !== null,
      global: planned.keys.length === 0,
      ...(sets && keys.length === 0 ? { repeated: true as const } : {}),
      keys: keyColumns(planned),
      parts: partColumns(planned),
      partial: partialText(planned),
      combine: combineText(planned),
      finalize,
      columns: columns.map(
        // what a filter on a key leaves out would be missing from the groups of sets without that key
        (column, i): ViewColumn => ({
          ...column,
          key: sets ? null : (keyNames.get(fingerprint(items[i]!.node)) ?? null),
          precision: this.#precisionOf(items[i]!.node, uses, planned),
        }),
      ),
      aggregates: planned.uses,
      inexact: planned.parts
        .filter(({ part }) => (part.tolerance ?? 0) > 0)
        .map(({ name, scale }) => ({ name, scale })),
      tolerance: planned.tolerance,
      ...(sizes.length > 0 ? { sizes } : {}),
      ...(having ? { having: this.#precisionOf(having, uses, planned) } : {}),
      coordination: coordinationOf(
        items.map(({ node }, i) => ({
          column: columns[i]!.name,
          uses: this.#written(node, uses, planned.uses),
          // a list of the least is not one value that moves
          bare: uses.indexOf(fingerprint(node)) !== undefined && nodesOf(node.children).length < 2,
        })),
        having ? this.#written(having, uses, planned.uses) : null,
        planned.tolerance > 0,
      ),
      estimates: estimatesOf(planned, this.#estimated(columns, items, having)),
      events: await this.#eventsOf(planned, input),
      rollUp: rollUpOf(planned, taken.outer, having !== null),
    };
    await this.#checkTypes(source, view, columns);
    return { ...view, identity: identityOf(view, streams, references, this.#timezone) };
  }

  async #parse(source: ViewSource): Promise<Node> {
    const parsed = await parseSql(this.#session, source.sql);
    if (parsed.error) {
      if (parsed.error.message === notSelect)
        throw refuse(source, findWord(source, /\S/), "a view is one SELECT", "write SELECT … FROM a stream GROUP BY …");
      // the parser counts characters where everything else counts bytes
      const { message, position } = parsed.error;
      throw complaint(
        source,
        message,
        position === null ? null : Buffer.byteLength([...source.sql].slice(0, position).join("")),
      );
    }
    return plainCalls(oneSelect(source, parsed.statements));
  }

  #written(node: Node, uses: Uses, planned: readonly AggregateUse[]): WrittenUse[] {
    return this.#aggregatesIn(node).map((each) => ({
      sql: planned[uses.indexOf(fingerprint(each))!]!.sql,
      entry: entryOf(each)!,
    }));
  }

  #precisionOf(node: Node, uses: Uses, planned: Planned): Precision {
    const own = this.#aggregatesIn(node).map((each) => planned.aggregates[uses.indexOf(fingerprint(each))!]!);
    if (own.every(({ tolerance }) => tolerance === 0)) return "exact";
    return uses.indexOf(fingerprint(node)) === undefined ? "around" : "rounded";
  }

  /** Columns that depend on a sketch; all of them where HAVING does. */
  #estimated(
    columns: readonly { readonly name: string }[],
    items: readonly { readonly node: Node }[],
    having: Node | null,
  ): string[] {
    const sketched = (node: Node) => this.#aggregatesIn(node).some((each) => entryOf(each)?.sketch);
    const all = having !== null && sketched(having);
    return columns.filter((_, i) => all || sketched(items[i]!.node)).map((column) => column.name);
  }

  /** The first aggregate that depends on the order of events, or null. */
  #orderedIn(select: Node): Node | null {
    const expressions = [...nodesOf(select.select_list), ...(isNode(select.having) ? [select.having] : [])];
    const found = expressions.flatMap((each) => this.#aggregatesIn(each));
    return found.find((each) => entryOf(each)?.ordered) ?? null;
  }

  #checkKey(source: ViewSource, key: Node): void {
    const [aggregate] = this.#aggregatesIn(key);
    if (aggregate)
      throw refuse(source, locationOf(aggregate), "an aggregate can't be a group key", "group by a value of the event");
  }

  #aggregatesIn(node: Node): Node[] {
    return aggregatesIn(node, this.#catalog);
  }

  /** The user's own text, bound by DuckDB: the view's columns and types. */
  async #bind(source: ViewSource, select: Node): Promise<{ name: string; type: string }[]> {
    let columns: { name: string; type: string }[];
    try {
      // the text stands alone on its lines, so that DuckDB's line numbers are the file's plus one
      columns = await this.#session.describe(`\n${source.sql.replace(/;\s*$/, "")}`);
    } catch (error) {
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

  /** Null where the places don't get through what the view reads. */
  async #eventsOf({ keys, where }: Planned, { placed, streams, references }: Input): Promise<string | null> {
    if (placed === null) return null;
    const list = [eventColumn, ...keys.map((key) => `${key.sql} AS ${key.name}`)];
    const text = `SELECT DISTINCT ${list.join(", ")} FROM ${placed}${where === null ? "" : ` WHERE ${where}`}`;
    const names = { streams: streams.map(({ name }) => name), references: references.map(({ name }) => name) };
    return this.#session.describe(placesOf(names, text, this.#inputsOf({ ...names, ordered: true }))).then(
      () => text,
      () => null,
    );
  }

  /** The session's empty tables. */
  #inputsOf(view: Pick<ViewDefinition, "streams" | "references" | "ordered">): Inputs {
    const event = view.ordered ? `, CAST(NULL AS ${eventType}) AS ${eventColumn}` : "";
    return new Map([
      ...view.streams.map((name) => [name, `SELECT *${event} FROM ${quoteName(name)}`] as const),
      ...view.references.map((name) => [name, `FROM ${quoteName(name)}`] as const),
    ]);
  }

  /** Finalize must give the very columns and types of the user's own SQL; anything else is a fault of the compiler, said here. */
  async #checkTypes(
    source: ViewSource,
    view: Pick<ViewDefinition, "streams" | "references" | "ordered" | "partial" | "combine" | "finalize">,
    columns: readonly { name: string; type: string }[],
  ): Promise<void> {
    const inputs = this.#inputsOf(view);
    const given = await this.#session.describe(rowsOf(view, partialOf(view, inputs)));
    const differs = columns.find((column, i) => given[i]?.name !== column.name || given[i]?.type !== column.type);
    if (differs || given.length !== columns.length) {
      const got = given.find((column) => column.name === differs?.name)?.type ?? "nothing";
      throw refuse(
        source,
        null,
        `column "${differs?.name}" would be ${got} instead of ${differs?.type}`,
        "add a cast to the type you want",
      );
    }
  }
}

function entryOf(use: Node): Aggregate | undefined {
  return aggregateNamed(String(use.function_name).toLowerCase(), use.distinct === true);
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

/** Where a message of DuckDB's without a place speaks of a column of HAVING: the first mention there. */
function namedIn(message: string, select: Node): number | null {
  let found: number | null = null;
  if (!isNode(select.having)) return null;
  freeNames(select.having, (node) => {
    if (found === null && message.includes(String((node.column_names as string[]).at(-1)))) found = locationOf(node);
  });
  return found;
}

/** Hash of all that decides what a view's partials mean. */
function identityOf(
  view: Omit<ViewDefinition, "identity">,
  streams: readonly StreamDefinition[],
  references: readonly ReferenceTable[],
  timezone: string,
): string {
  const tables = references.map((table) => [table.name, table.columns, table.file.sha256]);
  const parts = [
    streams.map((stream) => [
      stream.fields,
      stream.upcast,
      ...(stream.dedupMs === null ? [] : [stream.id, stream.dedupMs]),
    ]),
    tables,
    timezone,
    view.streams,
    view.keys,
    view.parts,
    view.partial,
    view.combine,
  ];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}
