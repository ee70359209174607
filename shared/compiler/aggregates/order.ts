/**
 * Aggregates that ask which event came first. "First" is meant in the log's total order (log time, partition,
 * offset), never in the order of arrival, so that a part keeps a value together with its event's place and the
 * better one of two parts wins.
 */
import { eventColumn, eventType } from "../event-order.ts";
import { oneZero, storageOf } from "../types.ts";
import { type Call, call, mergedPart, type Part, type Semigroup } from "./part.ts";
import { type Aggregate, type Argument, type PartsPlan, type UnsupportedCall, unsupported } from "./plan.ts";
import { valuesOf } from "./values.ts";

/** The call for what is kept of the one event that wins. */
const winners = (which: "min" | "max", value: string, order: string): Call => ({
  ...call(`arg_${which}_null`, value),
  order,
});

/** What is kept of the one event that wins. */
function kept(x: Argument, made: Call, combine: Semigroup["combine"]): Part | UnsupportedCall {
  const storage = storageOf(x.type);
  if (!storage) {
    return unsupported(
      `a single value of ${x.type} can't be kept in files without loss`,
      "cast it to a type such as VARCHAR",
    );
  }
  return mergedPart(made, x.type, storage, combine);
}

/** The place of the event, for events that `counts` holds of. */
const placeOf = (counts: string | null) =>
  counts === null ? eventColumn : `CASE WHEN ${counts} THEN ${eventColumn} END`;

/** The first or last event's value; `nulls`: also where it is NULL. */
function byPlace(which: "min" | "max", nulls: boolean): Aggregate["plan"] {
  return ([x]): PartsPlan | UnsupportedCall => {
    const place = placeOf(nulls ? null : `(${x!.sql}) IS NOT NULL`);
    const value = kept(x!, winners(which, x!.sql, place), ([v, o]) => `arg_${which}_null(${v}, ${o})`);
    if ("why" in value) return value;
    return {
      parts: [value, mergedPart(call(which, place), eventType, eventType, which)],
      finalize: ([v]) => v!,
    };
  };
}

/** What decides: `by` (SQL of the fields of a struct), and then the event's place, such that the earliest wins. */
function rankOf(which: "min" | "max", by: string, place: string): string {
  const sign = which === "min" ? "" : "-";
  return `{${by}, t: ${sign}${place}.t, p: ${sign}${place}.p, o: ${sign}${place}.o}`;
}

/**
 * The value of the event whose `y` comes first by `which`; of several such events, the earliest.
 * @param there SQL of which events count; null: all do
 * @param rank the fields of a struct by which events compare, of a value of `y`
 */
function chosen(
  which: "min" | "max",
  x: Argument,
  y: Argument,
  there: string | null,
  rank: (y: string) => string,
): PartsPlan | UnsupportedCall {
  const by = oneZero(y.sql, y.type);
  const own = rankOf(which, rank(by), eventColumn);
  const ranked = there === null ? own : `CASE WHEN ${there} THEN ${own} END`;
  const merged =
    (own: 0 | 1 | 2): Semigroup["combine"] =>
    (all) => {
      const [, v, o] = all;
      const order = `CASE WHEN ${o} IS NOT NULL THEN ${rankOf(which, rank(v!), `(${o})`)} END`;
      return `arg_${which}_null(${all[own]}, ${order})`;
    };
  const value = kept(x, winners(which, x.sql, ranked), merged(0));
  const compared = kept(y, winners(which, by, ranked), merged(1));
  if ("why" in value) return value;
  if ("why" in compared) return compared;
  const place = mergedPart(winners(which, eventColumn, ranked), eventType, eventType, merged(2));
  return { parts: [value, compared, place], finalize: ([v]) => v! };
}

/** The value of the event with the least or greatest `y`. `nulls`: also where the value is NULL. */
function byValue(which: "min" | "max", nulls: boolean): Aggregate["plan"] {
  return ([x, y]) => {
    const there = [y!, ...(nulls ? [] : [x!])].map((each) => `(${each.sql}) IS NOT NULL`).join(" AND ");
    return chosen(which, x!, y!, there, (value) => `y: ${value}`);
  };
}

/** The first or last event's value, or of the order that is written. `nulls`: also where it is NULL. */
function byOrder(end: "first" | "last", nulls: boolean): Aggregate["plan"] {
  const inLog = byPlace(end === "first" ? "min" : "max", nulls);
  return (args, written) => {
    const [x] = args;
    const { order } = written;
    if (!order) return inLog(args, written);
    // DuckDB makes arg_min and arg_max of it, so that of equals the earliest wins, whichever end is asked for
    const which = (end === "first") === order.descending ? "max" : "min";
    const wins = (end === "first") === order.nullsFirst;
    const place = (which === "min") === wins ? "-1" : "1";
    const there = nulls ? null : `(${x!.sql}) IS NOT NULL`;
    return chosen(which, x!, order, there, (y) => `z: CASE WHEN ${y} IS NULL THEN ${place} ELSE 0 END, y: ${y}`);
  };
}

const entry = (names: readonly string[], arity: 1 | 2, plan: Aggregate["plan"]): Aggregate => ({
  names,
  class: "semigroup",
  arity: [arity],
  plan,
  ordered: true,
});

/** Of an order inside arg_min(x, y), which would decide between equals. */
const tiesAdvice =
  "of equals the earliest event counts: make what else decides part of the second argument, {y: y, z: z} or {y: y, z: -z}";

export const order: readonly Aggregate[] = [
  { ...entry(["first", "arbitrary"], 1, byOrder("first", true)), orderable: true },
  { ...entry(["last"], 1, byOrder("last", true)), orderable: true },
  { ...entry(["any_value"], 1, byOrder("first", false)), orderable: true },
  { ...entry(["arg_min", "argmin", "min_by"], 2, byValue("min", false)), orderAdvice: tiesAdvice },
  { ...entry(["arg_max", "argmax", "max_by"], 2, byValue("max", false)), orderAdvice: tiesAdvice },
  { ...entry(["arg_min_null"], 2, byValue("min", true)), orderAdvice: tiesAdvice },
  { ...entry(["arg_max_null"], 2, byValue("max", true)), orderAdvice: tiesAdvice },
  {
    names: ["mode"],
    distinctAdvice: "write any_value(x): of values that count once each the first one wins",
    orderAdvice: "write mode(x): of equally frequent values the one that came first counts",
    class: "values",
    arity: [1],
    ordered: true,
    plan: ([x]) => {
      const plan = valuesOf(x!, ({ value, count, more, where }) => {
        return `arg_min(${value}, {n: -${count}, o: ${more}}) FILTER (WHERE ${where})`;
      });
      if ("why" in plan) return plan;
      return { ...plan, more: mergedPart(call("min", eventColumn), eventType, eventType, "min") };
    },
  },
];
