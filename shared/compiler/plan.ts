/**
 * From a view's keys and aggregates to the columns of its partials, and what merges them; `partial-texts.ts`
 * writes them down.
 */
import type { AggregateUse, PartialColumn } from "../definition.ts";
import { toleranceOf } from "./aggregates/part.ts";
import {
  type Argument,
  classOf,
  type PartsPlan,
  type Plan,
  type Sketch,
  type ValueRows,
  type ValuesPlan,
} from "./aggregates/plan.ts";
import { aggregateOf } from "./aggregates/table.ts";
import { rowsPart, weightedOf } from "./aggregates/weighted.ts";
import { locationOf } from "./ast.ts";
import { Columns, type PlannedPart, type ValueSet } from "./columns.ts";
import { countColumn, keyName, setColumn } from "./partial-columns.ts";
import { refuse, type SourceText } from "./refusal.ts";
import type { TypedKey, TypedUse, TypedView } from "./typed.ts";
import { castTo, hidesFloat, oneZero, storageOf } from "./types.ts";

/** A group key: its SQL over the events, its own type and the one files keep. */
export interface PlannedKey extends PartialColumn {
  readonly valueType: string;
  readonly sql: string;
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
  readonly use: AggregateUse;
}

export interface ViewPlan {
  readonly table: string;
  /** The same without what is hidden, as the view's own SQL has it. */
  readonly plain: string;
  /** Streams of which rows go as well as come; none: rows have no weights. */
  readonly changelogs: readonly string[];
  /** The number of rows in a group, where rows have weights: the name of its part; null: they have none. */
  readonly rows: string | null;
  readonly where: string | null;
  readonly keys: readonly PlannedKey[];
  readonly parts: readonly PlannedPart[];
  readonly sets: readonly ValueSet[];
  /** See Grouping.sets. */
  readonly groupingSets: readonly (readonly number[])[] | null;
  /** Uses of grouping(): the keys (by number) that each names. */
  readonly groupings: readonly (readonly number[])[];
  readonly aggregates: readonly PlannedAggregate[];
}

/** What a plan takes over from the view as it is. */
export type Frame = Pick<ViewPlan, "table" | "plain" | "changelogs" | "groupingSets" | "groupings">;

/** Decides everything about a view's partials. */
export function planView(source: SourceText, frame: Frame, typed: TypedView): ViewPlan {
  const columns = new Columns();
  const weighted = frame.changelogs.length > 0;
  const rows = weighted ? columns.parts([rowsPart], null)[0]! : null;
  const aggregates = typed.uses.map((use) => plannedUse(source, columns, use, weighted));
  return {
    ...frame,
    rows,
    where: typed.where,
    keys: typed.keys.map((key, i) => plannedKey(source, key, i)),
    parts: columns.planned,
    sets: columns.sets,
    aggregates,
  };
}

function plannedUse(source: SourceText, columns: Columns, use: TypedUse, weighted: boolean): PlannedAggregate {
  const { node, args, order, filter } = use;
  const own = aggregateOf(node)!;
  const entry = weighted ? weightedOf(own, String(node.function_name).toLowerCase()) : own;
  const plan = entry.plan(args, { distinct: node.distinct === true, order });
  if ("why" in plan) throw refuse(source, locationOf(node), plan.why, plan.instead);
  const { names, ...planned } = keptIn(columns, plan, filter);
  return {
    ...planned,
    type: use.type,
    sketch: entry.sketch ? sketchOf(entry.sketch, args, filter) : null,
    use: {
      sql: use.sql,
      class: classOf(entry, args),
      parts: names,
      ...(entry.sketch ? { error: entry.sketch.says } : {}),
    },
  };
}

/** How a plan's value comes out of columns, and their names. */
type Kept = Pick<PlannedAggregate, "finalize" | "over" | "size" | "tolerance"> & { readonly names: readonly string[] };

export function keptIn(columns: Columns, plan: Plan, filter: string | null): Kept {
  return "value" in plan ? overValues(columns, plan, filter) : overParts(columns, plan, filter);
}

function overParts(columns: Columns, plan: PartsPlan, filter: string | null): Kept {
  const names = columns.parts(plan.parts, filter);
  const finalize = plan.finalize(names.map((name) => columns.loaded(name)));
  const tolerance = Math.max(0, ...plan.parts.map(toleranceOf));
  return { finalize, over: "parts", size: null, tolerance, names };
}

function overValues(columns: Columns, plan: ValuesPlan, filter: string | null): Kept {
  const set = columns.set(plan.value, plan.type, plan.storage, filter);
  const more = plan.more ? columns.parts([plan.more], null, set.number)[0]! : countColumn.name;
  const rows = rowsOf(set, columns.loaded(more));
  const size = plan.size?.(rows.value) ?? null;
  return {
    finalize: plan.aggregate(rows),
    over: "values",
    size,
    tolerance: plan.tolerance ?? 0,
    names: [...new Set([set.column, countColumn.name, more])],
  };
}

function rowsOf(set: ValueSet, more: string): ValueRows {
  const value = castTo(set.column, set.storage, set.type);
  const where = `${setColumn.name} = ${set.number}`;
  return { value, count: countColumn.name, upto: "upto", total: "total", more, where };
}

function sketchOf(sketch: Sketch, args: readonly Argument[], filter: string | null): PlannedAggregate["sketch"] {
  const exact = sketch.exact?.(args) ?? null;
  return { error: sketch.error, exact: exact && filter !== null ? `${exact} FILTER (WHERE ${filter})` : exact };
}

function plannedKey(source: SourceText, { node, sql, type: valueType }: TypedKey, number: number): PlannedKey {
  const type = storageOf(valueType);
  if (hidesFloat(valueType)) {
    throw refuse(
      source,
      locationOf(node),
      `a group key of type ${valueType}: -0.0 and 0.0 inside it are one group that shows whichever came first`,
      "group by the doubles themselves, or cast them",
    );
  }
  if (!type) {
    throw refuse(
      source,
      locationOf(node),
      `a group key of type ${valueType} can't be kept without loss`,
      "cast it, e.g. to VARCHAR",
    );
  }
  return { name: keyName(number), type, valueType, sql: castTo(oneZero(sql, valueType), valueType, type) };
}
