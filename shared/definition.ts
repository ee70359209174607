/**
 * What a version carries (its manifest holds all of it): everything compiled. Speed, serving and verify read
 * only this; the project's files are input for making a version and nothing else.
 */

import type { FormatSettings } from "./format-settings.ts";

/** One field of a stream. */
export interface FieldDefinition {
  readonly name: string;
  /** Canonical DuckDB type, e.g. "BIGINT", "DECIMAL(18,3)". */
  readonly type: string;
  readonly nullable: boolean;
  /** A literal: what a nullable field is where a record has none. */
  readonly default?: string;
}

export interface StreamDefinition {
  readonly name: string;
  readonly topic: string;
  /** The project named an existing topic: never created by us. */
  readonly existing: boolean;
  /** Of a record: of a changelog `op`, `before` and `after`, structs of a row's fields, and `source`. */
  readonly fields: readonly FieldDefinition[];
  /** Records are changes of keyed rows; left out: they are events. */
  readonly changelog?: Changelog;
  /** Field that chooses the partition; null: the id, or round robin. */
  readonly key: string | null;
  /** Field with the event time, for people and charts; decides nothing. */
  readonly time: string | null;
  /** Field with the event's id. */
  readonly id: string | null;
  /** Events with an id seen within this many ms of log time before are suppressed; null: none are. */
  readonly dedupMs: number | null;
  /**
   * SQL over a record's JSON (`event`) that gives the JSON of an event with the fields above; null: records are
   * such already.
   */
  readonly upcast: string | null;
  readonly partitions: number;
}

/** Where a changelog's rows come from, in words. */
export function sourceOf(from: TableOrigin | TopicOrigin): string {
  return "source" in from ? from.source : `topic ${from.topic}`;
}

export type ChangelogStream = StreamDefinition & { readonly changelog: Changelog };

/** What a changelog's rows are, and where their changes come from. */
export interface Changelog {
  /** Fields that identify a row; none of them is nullable. */
  readonly key: readonly string[];
  /** Fields of a row. */
  readonly row: readonly FieldDefinition[];
  /** Where its changes come from; left out: from HTTP and load. */
  readonly from?: TableOrigin | TopicOrigin;
}

/** A table of a source. */
export interface TableOrigin {
  readonly source: string;
  /** As the source names it, with its schema. */
  readonly table: string;
}

/** A topic of another's, with records of its own. */
export interface TopicOrigin {
  readonly topic: string;
  readonly format: "debezium" | "upsert";
  /** What its records don't say themselves, by name. */
  readonly settings: FormatSettings;
}

/** A table of the project's reference/ folder: the same for all events of a version. */
export interface ReferenceTable {
  readonly name: string;
  /** Relative to the project folder. */
  readonly source: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** Its rows in the store, as Parquet, named by the content of the source. */
  readonly file: { readonly name: string; readonly bytes: number; readonly sha256: string };
}

/** A view as the user wrote it. `file` is relative to the project folder. */
export interface ViewSource {
  readonly name: string;
  readonly file: string;
  readonly sql: string;
  readonly description: string;
}

/** The column of a group key in partials. */
export type KeyName = `k${number}`;

/** One column of the view's rows. `key` names the hidden key column it shows unchanged ("k0"), if it does. */
export interface ViewColumn {
  readonly name: string;
  readonly type: string;
  readonly key: KeyName | null;
  /** How it depends on doubles that were added up in whatever order. Definitions of before do not say. */
  readonly precision?: Precision;
}

/**
 * exact: not at all; rounded: it is such an aggregate itself; around: something is made of one, which may fall
 * either way in its last place.
 */
export type Precision = "exact" | "rounded" | "around";

/** One column of a partial. */
export interface PartialColumn {
  /**
   * "k0", "k1", … for group keys; "p0", "p1", … for partial aggregates; where values are kept one by one, "s"
   * for which set a row is of, "v0", "v1", … for the values, "n" for how many events have one.
   */
  readonly name: string;
  /** Type in files and tables: one that Parquet keeps exactly. */
  readonly type: string;
}

/** A partial column whose last places depend on the order of additions. */
export interface InexactColumn {
  readonly name: string;
  /**
   * What its rounding is a share of, SQL over the columns of a partial; null: the value itself. What cancels
   * out has a larger one.
   */
  readonly scale: string | null;
}

/** An aggregate of a view, for `explain`. */
export interface AggregateUse {
  readonly sql: string;
  readonly class: "group" | "semigroup" | "values" | "sketch";
  readonly parts: readonly string[];
  /** Of a sketch: how near it is. */
  readonly error?: string;
}

/**
 * A compiled view. The three texts are complete SELECTs over one relation each: `partial` over the streams'
 * names (typed events) and those of reference tables, `combine` over `partials`, `finalize` over `merged` (what
 * combine gave).
 */
export interface ViewDefinition extends ViewSource {
  /** The streams it reads; without a join or UNION ALL, one. */
  readonly streams: readonly string[];
  /** The reference tables it joins. */
  readonly references: readonly string[];
  /**
   * Uses the events' order (log time, partition, offset): what it reads has the column `__event`. Such a view
   * has one stream.
   */
  readonly ordered: boolean;
  /**
   * It reads a changelog: what it reads has the column `__weight`, 1 for a row that came and -1 for one that went.
   * Left out: it does not. Such a view is not ordered.
   */
  readonly weighted?: true;
  /** Hash of all that decides what the partials mean; partials of different identity are never merged. */
  readonly identity: string;
  /** No group keys: one row, also where there are no events. */
  readonly global: boolean;
  /** Its one row is there several times: GROUPING SETS ((), ()). Left out: it is not. */
  readonly repeated?: true;
  /** What partial rows are grouped by when they merge. */
  readonly keys: readonly PartialColumn[];
  readonly parts: readonly PartialColumn[];
  readonly partial: string;
  readonly combine: string;
  readonly finalize: string;
  readonly columns: readonly ViewColumn[];
  readonly aggregates: readonly AggregateUse[];
  /** Partial columns that are computed from doubles in whatever order: equal only up to `tolerance`. */
  readonly inexact: readonly InexactColumn[];
  /**
   * By what share such values may differ between two tellings, in partials and in the rows' doubles; 0:
   * everything is exact.
   */
  readonly tolerance: number;
  /**
   * How large the doubles are that are added up from rows of single values, SQL over the columns of a partial;
   * left out: there are none.
   */
  readonly sizes?: readonly string[];
  /**
   * How HAVING depends on those: which rows there are may fall either way, too. Left out: there is none, or a
   * definition of before does not say.
   */
  readonly having?: Precision;
  readonly coordination: Coordination;
  /** Null: no sketches. */
  readonly estimates: Estimates | null;
  /**
   * Which events are in which group: a SELECT of `__event` and the keys, over streams that have that column.
   * Null where that is not known: of several streams, or where places get lost in a subquery.
   */
  readonly events: string | null;
  /** Null where there is nothing to roll up: no group keys, or GROUPING SETS, which are roll-ups themselves. */
  readonly rollUp: RollUp | null;
}

/**
 * A view's rows in other groups than its own: over fewer keys, or coarser ones. The group's value is in one
 * column, `g`, a struct of whatever the question groups by, in place of the keys.
 */
export interface RollUp {
  /** Over `partials` with `g` in place of the keys; of a weighted view over merged groups, each with its `fewest`. */
  readonly combine: string;
  /** Over `merged`: a row for each `g` with the aggregates' values (a0, …). */
  readonly values: string;
  /** For each of the view's columns, in their order. */
  readonly columns: readonly OverValues[];
  readonly having: OverValues | null;
  /** Of a weighted view: the column of `values` with the number of a group's rows. Left out: every group has some. */
  readonly present?: string;
  /** Of a weighted view: over a merged partial, the fewest rows of a group or of a value of it. */
  readonly fewest?: string;
}

/** An expression over the group keys (k0, …) and the aggregates' values (a0, …). */
export interface OverValues {
  readonly sql: string;
  /** The keys that it reads. */
  readonly keys: readonly KeyName[];
}

/** CALM's question, answered for a view: does it need an order of events, and may an answer be taken back? */
export interface Coordination {
  /**
   * Processes that have read the same events give the same rows, in whatever order the events came: they need not
   * agree on an order.
   */
  readonly free: boolean;
  /** More events never take back what a row has said: its values move one way only. */
  readonly monotone: boolean;
  readonly why: readonly string[];
}

/**
 * What checks the sketches of a view against exact aggregates, group by group: two texts with the columns k0, …
 * and e0, … (lists).
 */
export interface Estimates {
  /** Over `merged`. */
  readonly estimate: string;
  /** Over the streams' names. */
  readonly exact: string;
  /** Relative error of each e0, …, in their order; of a count of distinct values the standard error. */
  readonly errors: readonly number[];
  /** Columns that no plain SQL can be compared with. */
  readonly columns: readonly string[];
}

export interface Definition {
  readonly project: string;
  readonly streams: readonly StreamDefinition[];
  readonly references: readonly ReferenceTable[];
  readonly views: readonly ViewDefinition[];
  /** DuckDB's TimeZone in every session that computes with these views. */
  readonly timezone: string;
  readonly duckdb: string;
  readonly shards: number;
}
