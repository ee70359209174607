/** What an entry of the table of aggregates says. */
import type { AggregateUse } from "../../definition.ts";
import type { Part } from "./part.ts";

/** An argument of an aggregate: its SQL over the events, and its type. */
export interface Argument {
  readonly sql: string;
  readonly type: string;
  /** What it is for all events alike, where it mentions no field: numbers (of a list, all of them). */
  readonly constant: readonly string[] | null;
  /** It mentions no field: the same for all events. */
  readonly fixed: boolean;
}

/** What is written inside the brackets beside the arguments. */
export interface CallModifiers {
  readonly distinct: boolean;
  readonly order: Order | null;
}

/** ORDER BY of one expression. */
export interface Order extends Argument {
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** An aggregate of a fixed number of parts. */
export interface PartsPlan {
  readonly parts: readonly Part[];
  /** The aggregate's value from its merged parts, given the parts' names. */
  readonly finalize: (parts: readonly string[]) => string;
}

/**
 * An aggregate that has to know every value: one partial row for each value of a group, with the number of
 * events that have it.
 */
export interface ValuesPlan {
  /** The value, SQL over the events; events where it is NULL are left out. */
  readonly value: string;
  readonly type: string;
  readonly storage: string;
  /** What is kept of each value beside its count, e.g. when it was first seen. */
  readonly more?: Part;
  /** The aggregate's value over the rows of one group, as one aggregate expression. */
  readonly aggregate: (rows: ValueRows) => string;
  /** As of a part. */
  readonly tolerance?: number;
  /** How large it may be on the way in plain DuckDB, SQL over a row's value. */
  readonly size?: (value: string) => string;
}

/** The rows of one group's values, each value once: names of their columns, and the condition that picks them. */
export interface ValueRows {
  readonly value: string;
  /** Number of events with this value, BIGINT. */
  readonly count: string;
  /** Number of events with this or a smaller value, HUGEINT. */
  readonly upto: string;
  /** Number of events with a value, HUGEINT. */
  readonly total: string;
  /** The merged part that was asked for beside the count. */
  readonly more: string;
  readonly where: string;
}

export type Plan = PartsPlan | ValuesPlan;

export interface UnsupportedCall {
  readonly why: string;
  readonly instead: string;
}

export const unsupported = (why: string, instead: string): UnsupportedCall => ({ why, instead });

/**
 * What is kept of events for an aggregate:
 *   group      parts that can be subtracted again: every one is a Group
 *   semigroup  parts of which some only merge
 *   values     a row for each value with its count, exact: a multiset of the values
 *   sketch     such rows of what values are near to, as many at most as it says: within an error
 */
export type AggregateClass = AggregateUse["class"];

export interface Aggregate {
  readonly names: readonly string[];
  /** Where the arguments' types decide: integers add up exactly, doubles don't. */
  readonly class: AggregateClass | ((args: readonly Argument[]) => AggregateClass);
  /** Numbers of arguments it takes. */
  readonly arity: readonly number[];
  /** The plan for these arguments, or why there is none and what to write instead. */
  readonly plan: (args: readonly Argument[], written: CallModifiers) => Plan | UnsupportedCall;
  /** It must be given an ORDER BY of its own argument. */
  readonly sorted?: true;
  /** It may be given an ORDER BY of one expression, which chooses among values. */
  readonly orderable?: true;
  /** What to write in place of an ORDER BY inside; left out: its value depends on none. */
  readonly orderAdvice?: string;
  /** With DISTINCT: its value over a row for each value, of doubles. Left out: DuckDB's own is taken of those. */
  readonly ofEach?: (rows: ValueRows) => string;
  /** What to write in place of DISTINCT, where it can't be had; left out: the same without. */
  readonly distinctAdvice?: string;
  /** DISTINCT makes no difference to it. */
  readonly idempotent?: true;
  /** Its value depends on the order of events, and its plan may use the column `__event`. */
  readonly ordered?: true;
  /** Each further event moves its value this way or not at all. */
  readonly monotone?: "up" | "down";
  /** It never equals DuckDB's own. */
  readonly sketch?: Sketch;
}

/** What is promised of a sketch. */
export interface Sketch {
  /** Relative error: of a count of distinct values the standard error, else the largest. */
  readonly error: number;
  readonly says: string;
  /** The exact aggregate that it is near to, SQL over the events; null: there is no single one. */
  readonly exact: ((args: readonly Argument[]) => string) | null;
}

export function classOf(entry: Aggregate, args: readonly Argument[]): AggregateClass {
  return typeof entry.class === "function" ? entry.class(args) : entry.class;
}
