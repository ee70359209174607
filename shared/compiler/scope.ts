/** Names in a view: what each can mean, and the group keys they make. */
import { fold } from "../duckdb/fold.ts";
import {
  fingerprint,
  freeNames,
  isNode,
  type Json,
  lambdaParameters,
  locationOf,
  type Node,
  nodesOf,
  rewrite,
} from "./ast.ts";
import { isNameOfFinalize } from "./partial-columns.ts";
import { refuse, type SourceText } from "./refusal.ts";

/** Words that DuckDB takes for the clock or the session where no column has their name. */
const sessionWords = new Set(
  (
    "current_catalog current_date current_role current_schema current_time current_timestamp current_user " +
    "localtime localtimestamp session_user user"
  ).split(" "),
);

/** What relations without a name are known by here; no name begins with it. */
const unnamed = "\0";

/** A relation in FROM. */
export interface Table {
  /** The name by which the view calls it; empty: it has none. */
  readonly name: string;
  readonly columns: readonly { readonly name: string }[];
}

export class NameScope {
  readonly #source: SourceText;
  /** By lower-case name: the columns, by lower-case name. */
  readonly #tables: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Names of the tables that have a column. */
  readonly #owners = new Map<string, string[]>();

  /** @param tables what FROM names; several are a join */
  constructor(source: SourceText, tables: readonly Table[]) {
    this.#source = source;
    this.#tables = new Map(
      tables.map(({ name, columns }, i) => [
        name === "" ? `${unnamed}${i}` : fold(name),
        new Map(columns.map((column) => [fold(column.name), column.name])),
      ]),
    );
    for (const [table, columns] of this.#tables)
      for (const column of columns.keys()) this.#owners.set(column, [...(this.#owners.get(column) ?? []), table]);
  }

  isColumn(name: string): boolean {
    return this.#owners.has(fold(name));
  }

  /**
   * Refuses names that are neither fields nor aliases, but that DuckDB would take: the clock, row numbers,
   * whole rows.
   */
  check(expression: Node): void {
    for (const name of lambdaParameters(expression)) {
      // finalize replaces keys and aggregates inside the lambda by names of its own
      const taken = this.isColumn(name)
        ? "the name of a field"
        : isNameOfFinalize(name)
          ? "a name of Tidemark's own"
          : null;
      if (!taken) continue;
      throw refuse(
        this.#source,
        locationOf(expression),
        `the lambda parameter ${name} has ${taken}`,
        "call the parameter something else",
      );
    }
    freeNames(expression, (node) => {
      const names = this.#own(node).map(fold);
      const [first = "", second] = names;
      const at = locationOf(node);
      if (this.isColumn(first)) return;
      if (names.length === 1 && sessionWords.has(first)) {
        throw refuse(
          this.#source,
          at,
          `${first} is not a field: DuckDB would read the clock or the session`,
          "use the events' own values, and another name for an alias",
        );
      }
      if (first === "rowid") {
        throw refuse(this.#source, at, "rowid is not a field: it depends on how events are stored", "use a field");
      }
      if (names.length === 1 && this.#tables.has(first)) {
        throw refuse(
          this.#source,
          at,
          `${first} is the whole event here: its columns would change with the stream`,
          "name a field",
        );
      }
      if (second !== undefined && names.slice(1).some((name) => this.#tables.has(name))) {
        throw refuse(this.#source, at, "a name with a schema is not available in a view", "write the field alone");
      }
    });
  }

  /**
   * Column references in one form: the field's own spelling; the table's name in a join, where one table alone
   * has the column.
   */
  qualify(node: Node): Node {
    return rewrite(node, (each) => {
      if (each.class !== "COLUMN_REF") return undefined;
      const names = this.#own(each);
      const written = each.column_names as string[];
      const owners = this.#owners.get(fold(names[0]!)) ?? [];
      const owner = names.length < written.length ? fold(written[0]!) : owners.length === 1 ? owners[0]! : null;
      const column = this.#tables.get(owner ?? owners[0] ?? "")?.get(fold(names[0]!));
      if (!column) return { ...each, column_names: names };
      const table = this.#tables.size > 1 && owner !== null && !owner.startsWith(unnamed) ? [owner] : [];
      return { ...each, column_names: [...table, column, ...names.slice(1)] };
    });
  }

  /** Replaces names that are no fields but aliases of the SELECT list. */
  inline(node: Node, aliases: ReadonlyMap<string, Node>): Node {
    return rewrite(node, (each) => {
      if (each.class !== "COLUMN_REF") return undefined;
      const names = each.column_names as string[];
      const meant = names.length > 1 || this.isColumn(names[0]!) ? undefined : aliases.get(fold(names[0]!));
      // an inner alias names a struct's field
      return meant && { ...meant, alias: each.alias! };
    });
  }

  /** The parts of a column reference without the table's name. */
  #own(node: Node): string[] {
    const names = node.column_names as string[];
    const columns = names.length > 1 ? this.#tables.get(fold(names[0]!)) : undefined;
    if (!columns) return names;
    const next = fold(names[1]!);
    const meant = columns.has(next) || (next === "rowid" && !this.isColumn(names[0]!));
    return meant ? names.slice(1) : names;
  }
}

/** What a view groups by. */
export interface Grouping {
  readonly keys: readonly Node[];
  /** GROUPING SETS, ROLLUP or CUBE: which keys (by number) each set has; null: all keys, once. */
  readonly sets: readonly (readonly number[])[] | null;
  /** A key of sets that is written a second time, in another way; null: none is. */
  readonly twice: Node | null;
}

/** GROUP BY expressions: written out, by position, by alias, or ALL. */
export function groupingOf(
  select: Node,
  items: readonly Node[],
  scope: NameScope,
  aliases: ReadonlyMap<string, Node>,
  holdsAggregate: (node: Node) => boolean,
): Grouping {
  const keys = new Map<string, { readonly node: Node; readonly number: number }>();
  const add = (node: Node): number => {
    const print = fingerprint(node);
    const known = keys.get(print) ?? { node, number: keys.size };
    keys.set(print, known);
    return known.number;
  };
  const nodes = () => [...keys.values()].map((each) => each.node);
  if (select.aggregate_handling === "FORCE_AGGREGATES") {
    // GROUP BY ALL leaves out what is the same in every row
    for (const item of items) if (!holdsAggregate(item) && !isConstant(item)) add(item);
    return { keys: nodes(), sets: null, twice: null };
  }
  const numbers = ((select.group_expressions ?? []) as Node[]).map((written) => {
    const position = integerOf(written);
    const node = scope.qualify(written);
    if (position === null) return add(node.class === "COLUMN_REF" ? scope.inline(node, aliases) : node);
    return items[position - 1] ? add(items[position - 1]!) : -1;
  });
  const sets = (select.group_sets ?? []) as number[][];
  if (sets.length <= 1) return { keys: nodes(), sets: null, twice: null };
  const again = numbers.findIndex((number, at) => numbers.indexOf(number) < at);
  return {
    keys: nodes(),
    sets: sets.map((set) => set.map((at) => numbers[at]!)),
    twice: again < 0 ? null : nodesOf(select.group_expressions)[again]!,
  };
}

function isConstant(node: Node): boolean {
  let columns = false;
  freeNames(node, () => {
    columns = true;
  });
  return !columns;
}

function integerOf(node: Node): number | null {
  const constant: Json | undefined = node.class === "CONSTANT" ? node.value : undefined;
  if (!isNode(constant) || !isNode(constant.type) || !/INT/.test(String(constant.type.id))) return null;
  return typeof constant.value === "number" ? constant.value : null;
}
