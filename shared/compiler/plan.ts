/** From a view's keys and aggregates to the columns of its partials, and the texts that make and merge them. */
import type { AggregateUse, PartialColumn } from "../definition.ts";
import type { Session } from "../duckdb/duck.ts";
import {
  type Argument,
  callOf,
  type Order,
  type Part,
  type Sketch,
  sumTolerance,
  type ValueRows,
} from "./aggregates/plan.ts";
import { aggregateNamed } from "./aggregates/table.ts";
import { isNode, locationOf, type Node, nodesOf, renderExpressions, visit } from "./ast.ts";
import { fault, refuse, type SourceText } from "./refusal.ts";
import { hidesFloat, oneZero, storageOf } from "./types.ts";

/** A view taken apart: group keys, distinct aggregate uses, and WHERE. */
export interface Taken {
  readonly keys: readonly Node[];
  readonly uses: readonly Node[];
  readonly where: Node | null;
  /** See Grouping. */
  readonly sets: readonly (readonly number[])[] | null;
  /** Uses of grouping(): the keys (by number) that each names. */
  readonly groupings: readonly (readonly number[])[];
  /** Expressions over merged values, to be written down with the rest: DuckDB is asked once. */
  readonly outer: readonly Node[];
}

/** A group key: its SQL over the events, its own type and the one files keep. */
export interface PlannedKey extends PartialColumn {
  readonly valueType: string;
  readonly sql: string;
}

/** A part with its column; `combine` is SQL over the columns of partials. */
export interface PlannedPart extends PartialColumn {
  readonly part: Part;
  /** Which rows have it: 0, a group's own; else those of the value set of this number. */
  readonly set: number;
  /** See InexactColumn. */
  readonly scale: string | null;
  readonly filter: string | null;
  readonly combine: string;
}

/** Values of a group that are kept one by one: rows of their own, told by the number in column `s`. */
export interface ValueSet {
  readonly number: number;
  readonly column: string;
  readonly value: string;
  readonly type: string;
  readonly storage: string;
  readonly filter: string | null;
}

/** An aggregate's value: of merged parts, or an aggregate over the rows of a value set. */
export interface PlannedAggregate {
  readonly type: string;
  /** Of a sketch, its error and the exact aggregate that it is near to, SQL over the events. */
  readonly sketch: { readonly error: number; readonly exact: string | null } | null;
  /** The largest of its parts' or its values'; 0: exact. */
  readonly tolerance: number;
  readonly finalize: string;
  readonly over: "parts" | "values";
  /** See ViewDefinition.sizes. */
  readonly size: string | null;
}

export interface Planned {
  readonly table: string;
  readonly where: string | null;
  readonly keys: readonly PlannedKey[];
  readonly parts: readonly PlannedPart[];
  readonly sets: readonly ValueSet[];
  readonly groupingSets: readonly (readonly number[])[] | null;
  readonly groupings: readonly (readonly number[])[];
  readonly aggregates: readonly PlannedAggregate[];
  readonly uses: readonly AggregateUse[];
  /** SQL of `Taken.outer`. */
  readonly outer: readonly string[];
  /** The largest of its parts' and values' tolerances; 0: exact. */
  readonly tolerance: number;
}

/**
 * Decides everything about a view's partials; `partial-texts.ts` writes it down.
 * @param table what the view aggregates, as it stands after FROM
 * @param typed the same, as the session can bind it
 */
export async function planView(
  session: Session,
  source: SourceText,
  { table, typed }: { readonly table: string; readonly typed: string },
  taken: Taken,
): Promise<Planned> {
  const { keys, uses, where } = taken;
  const args = uses.flatMap((use) => [
    ...nodesOf(use.children),
    ...ordersOf(use).map(({ expression }) => expression as Node),
  ]);
  const filters = uses.map((use) => (isNode(use.filter) ? use.filter : null));
  const rendered = await renderExpressions(session, [
    ...keys,
    ...args,
    ...filters.filter((each) => each !== null),
    ...(where ? [where] : []),
    ...uses,
    ...taken.outer,
  ]);
  const take = (count: number) => rendered.splice(0, count);
  const keySql = take(keys.length);
  const argSql = take(args.length);
  const filterSql = filters.map((filter) => (filter ? take(1)[0]! : null));
  const whereSql = where ? take(1)[0]! : null;
  const useSql = take(uses.length);

  const perEvent = await typesOf(session, source, [...keySql, ...argSql], typed);
  const results = await typesOf(session, source, useSql, typed);
  const keyTypes = perEvent.slice(0, keys.length);
  const argTypes = perEvent.slice(keys.length);
  const constants = await constantsOf(session, args, argSql);

  const columns = new Columns();
  let next = 0;
  const found = uses.map((use, i) => {
    const argument = (): Argument => {
      const at = next++;
      return { sql: argSql[at]!, type: argTypes[at]!, ...constants[at]! };
    };
    const own = nodesOf(use.children).map(argument);
    const [order = null] = ordersOf(use).map((each) => orderOf(each, argument()));
    const entry = aggregateNamed(String(use.function_name).toLowerCase(), use.distinct === true)!;
    const plan = entry.plan(own, { distinct: use.distinct === true, order });
    if ("why" in plan) throw refuse(source, locationOf(use), plan.why, plan.instead);
    const described = (names: readonly string[]): AggregateUse => ({
      sql: useSql[i]!,
      class: entry.class,
      parts: names,
      ...(entry.sketch ? { error: entry.sketch.says } : {}),
    });
    const sketch = entry.sketch ? sketchOf(entry.sketch, own, filterSql[i]!) : null;
    if ("value" in plan) {
      const set = columns.set(plan.value, plan.type, plan.storage, filterSql[i]!);
      const more = plan.more ? columns.parts([plan.more], null, set.number)[0]! : "n";
      const rows = rowsOf(set, columns.loaded(more));
      return {
        planned: {
          type: results[i]!,
          finalize: plan.aggregate(rows),
          over: "values",
          size: plan.size?.(rows.value) ?? null,
          sketch,
          tolerance: plan.tolerance ?? 0,
        } as const,
        use: described([...new Set([set.column, "n", more])]),
      };
    }
    const names = columns.parts(plan.parts, filterSql[i]!);
    const loaded = names.map((name) => columns.loaded(name));
    const tolerance = Math.max(0, ...plan.parts.map((part) => part.tolerance ?? 0));
    return {
      planned: {
        type: results[i]!,
        finalize: plan.finalize(loaded),
        over: "parts",
        size: null,
        sketch,
        tolerance,
      } as const,
      use: described(names),
    };
  });
  return {
    table,
    where: whereSql,
    keys: keys.map((key, i) => plannedKey(source, key, `k${i}`, keySql[i]!, keyTypes[i]!)),
    parts: columns.planned,
    sets: columns.sets,
    groupingSets: taken.sets,
    groupings: taken.groupings,
    aggregates: found.map((each) => each.planned),
    uses: found.map((each) => each.use),
    outer: rendered,
    tolerance: Math.max(0, ...found.map((each) => each.planned.tolerance)),
  };
}

/** All of one sign, so that nothing cancels. */
function sizePart(call: string): Part {
  return { call, type: "DOUBLE", storage: "DOUBLE", combine: "sum", tolerance: sumTolerance };
}

function sketchOf(sketch: Sketch, args: readonly Argument[], filter: string | null): PlannedAggregate["sketch"] {
  const exact = sketch.exact?.(args) ?? null;
  return { error: sketch.error, exact: exact && filter !== null ? `${exact} FILTER (WHERE ${filter})` : exact };
}

function plannedKey(source: SourceText, key: Node, name: string, sql: string, valueType: string): PlannedKey {
  const type = storageOf(valueType);
  if (hidesFloat(valueType)) {
    throw refuse(
      source,
      locationOf(key),
      `a group key of type ${valueType}: -0.0 and 0.0 inside it are one group that shows whichever came first`,
      "group by the doubles themselves, or cast them",
    );
  }
  if (!type) {
    throw refuse(
      source,
      locationOf(key),
      `a group key of type ${valueType} can't be kept without loss`,
      "cast it, e.g. to VARCHAR",
    );
  }
  return { name, type, valueType, sql: castTo(oneZero(sql, valueType), valueType, type) };
}

/** The columns of a view's partials; equal parts and equal value sets are kept once. */
class Columns {
  readonly planned: PlannedPart[] = [];
  readonly sets: ValueSet[] = [];
  readonly #plans = new Map<string, readonly string[]>();

  /** @returns the columns' names, in the order of the parts */
  parts(parts: readonly Part[], filter: string | null, set = 0): readonly string[] {
    // parts that are merged by looking at each other are shared only as a whole
    const print = JSON.stringify([parts.map((part) => [callOf(part, null), part.storage]), filter, set]);
    const known = this.#plans.get(print);
    if (known) return known;
    const alone = parts.every((part) => typeof part.combine === "string");
    const names = parts.map(
      (part) => (alone ? this.#same(part, filter, set) : undefined) ?? this.#reserve(part, filter, set),
    );
    const loaded = names.map((name) => this.loaded(name));
    for (const [i, part] of parts.entries()) {
      const at = this.planned.findIndex((each) => each.name === names[i]);
      const merged = typeof part.combine === "string" ? `${part.combine}(${loaded[i]})` : part.combine(loaded);
      const [size] = part.size === undefined ? [] : this.parts([sizePart(part.size)], filter, set);
      const scale = part.scale?.(loaded) ?? size ?? null;
      this.planned[at] = { ...this.planned[at]!, combine: `CAST(${merged} AS ${part.storage})`, scale };
    }
    this.#plans.set(print, names);
    return names;
  }

  #same(part: Part, filter: string | null, set: number): string | undefined {
    return this.planned.find(
      (each) =>
        callOf(each.part, null) === callOf(part, null) &&
        each.part.storage === part.storage &&
        each.filter === filter &&
        each.set === set,
    )?.name;
  }

  #reserve(part: Part, filter: string | null, set: number): string {
    const name = `p${this.planned.length}`;
    this.planned.push({ name, type: part.storage, part, filter, set, scale: null, combine: "" });
    return name;
  }

  /** A part's column in its own type. */
  loaded(name: string): string {
    const column = this.planned.find((each) => each.name === name);
    return column ? castTo(name, column.type, column.part.type) : name;
  }

  set(value: string, type: string, storage: string, filter: string | null): ValueSet {
    const same = this.sets.find((each) => each.value === value && each.type === type && each.filter === filter);
    if (same) return same;
    const set = { number: this.sets.length + 1, column: `v${this.sets.length}`, value, type, storage, filter };
    this.sets.push(set);
    return set;
  }
}

function rowsOf(set: ValueSet, more: string): ValueRows {
  const value = castTo(set.column, set.storage, set.type);
  return { value, count: "n", upto: "upto", total: "total", more, where: `s = ${set.number}` };
}

/** ORDER BY inside an aggregate: of one expression at most, as `supported.ts` sees to. */
function ordersOf(use: Node): Node[] {
  return isNode(use.order_bys) ? nodesOf(use.order_bys.orders) : [];
}

function orderOf({ type, null_order: nulls }: Node, by: Argument): Order {
  return { ...by, descending: type === "DESCENDING", nullsFirst: nulls === "NULLS FIRST" };
}

/** Which arguments mention no field, and the numbers that those are. */
async function constantsOf(
  session: Session,
  nodes: readonly Node[],
  texts: readonly string[],
): Promise<Pick<Argument, "constant" | "fixed">[]> {
  const found: Pick<Argument, "constant" | "fixed">[] = [];
  for (const [i, node] of nodes.entries()) {
    let fields = false;
    visit(node, (each) => {
      if (each.class === "COLUMN_REF" || each.class === "LAMBDA") fields = true;
    });
    if (fields) {
      found.push({ constant: null, fixed: false });
      continue;
    }
    const json = String((await session.value(`SELECT to_json(${texts[i]})::VARCHAR`)) ?? "");
    const numbers = json.match(/-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g) ?? [];
    const constant = /^\[?[-\d.,\seE+]*\]?$/.test(json) && numbers.length > 0 ? numbers : null;
    found.push({ constant, fixed: true });
  }
  return found;
}

async function typesOf(
  session: Session,
  source: SourceText,
  expressions: readonly string[],
  table: string,
): Promise<string[]> {
  if (expressions.length === 0) return [];
  try {
    const columns = await session.describe(
      `SELECT ${expressions.map((sql, i) => `${sql} AS t${i}`).join(", ")} FROM ${table}`,
    );
    return columns.map((column) => column.type);
  } catch (error) {
    throw fault(source, error);
  }
}

export function castTo(sql: string, from: string, to: string): string {
  return from === to ? sql : `CAST(${sql} AS ${to})`;
}
