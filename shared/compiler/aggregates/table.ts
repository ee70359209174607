/**
 * The one table of aggregates. To add an aggregate, add one entry and its cases in test/views/cases; nothing
 * else in the system knows what an aggregate is.
 *
 * An entry turns one use, e.g. `avg(delay)` over BIGINT, into parts that merge and one expression over the
 * merged parts; or into one row for each value, and one aggregate over those. The compiler adds FILTER to each
 * part, shares equal parts between aggregates, and moves values between their own type (`type`) and the one
 * files keep (`storage`).
 */
import type { Node } from "../ast.ts";
import { exactSums } from "./exact-sums.ts";
import { logic } from "./logic.ts";
import { moments } from "./moments.ts";
import { order } from "./order.ts";
import type { Aggregate } from "./plan.ts";
import { sketches } from "./sketches.ts";
import { sums } from "./sums.ts";
import { distinctOf, values } from "./values.ts";

export const table: readonly Aggregate[] = [
  ...sums,
  ...exactSums,
  ...logic,
  ...moments,
  ...values,
  ...order,
  ...sketches,
];

const byName = new Map(table.flatMap((entry) => entry.names.map((name) => [name, entry] as const)));

/** @param distinct it is taken of each value once */
export function aggregateNamed(name: string, distinct: boolean): Aggregate | undefined {
  const entry = byName.get(name);
  if (!entry || !distinct || entry.sorted) return entry;
  // only with one argument: of a list of the n greatest, DISTINCT would make another list
  if (entry.idempotent) return { ...entry, arity: [1] };
  // refused: DuckDB takes such values in the order of a hash table
  if (entry.ordered) return entry;
  return distinctOf(entry, name);
}

/** Of a use in a view. */
export function aggregateOf(use: Node): Aggregate | undefined {
  return aggregateNamed(String(use.function_name).toLowerCase(), use.distinct === true);
}

/** The names a view may use, for messages. */
export const aggregateNames: readonly string[] = table
  .flatMap((entry) => entry.names)
  .filter((name) => name !== "count_star");
