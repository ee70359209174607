/**
 * A plan as SQL: events → partials, partials → partials, and merged partials → one row a group with the
 * aggregates' values.
 */
import type { Estimates, PartialColumn } from "../definition.ts";
import { quoteText } from "../duckdb/duck.ts";
import { partText } from "./aggregates/part.ts";
import { aggregateName, countColumn, setColumn } from "./partial-columns.ts";
import type { ViewPlan } from "./plan.ts";
import { castTo, isList } from "./types.ts";
import { goneUnknown, weightColumn } from "./weights.ts";

/** Columns that partial rows are grouped by when they merge. */
export function partialKeyColumns({ keys, sets }: ViewPlan): PartialColumn[] {
  const own = keys.map(({ name, type }) => ({ name, type }));
  if (sets.length === 0) return own;
  return [...own, setColumn, ...sets.map(({ column, storage }) => ({ name: column, type: storage }))];
}

/** Columns that merge. */
export function partColumns({ parts, sets }: ViewPlan): PartialColumn[] {
  const own = parts.map(({ name, type }) => ({ name, type }));
  return sets.length === 0 ? own : [...own, countColumn];
}

/** Events → partials: a row for each group, and one for each value of each set. */
export function partialText(plan: ViewPlan): string {
  const { table, where, keys, parts, sets } = plan;
  const groups = keys.map((_, i) => i + 1);
  const keyList = keys.map((key) => `${key.sql} AS ${key.name}`);
  const nothing = ({ name, type }: PartialColumn) => `CAST(NULL AS ${type}) AS ${name}`;
  const partsOf = (rows: number) =>
    parts.map((each) => {
      const { name, part, filter, set } = each;
      return set === rows ? `${castTo(partText(part, filter), part.type, part.storage)} AS ${name}` : nothing(each);
    });
  const select = (list: readonly string[], conditions: readonly (string | null)[], by: readonly number[]) => {
    const all = conditions
      .filter((each) => each !== null)
      .map((each, _, { length }) => (length > 1 ? `(${each})` : each));
    const wheres = all.length > 0 ? ` WHERE ${all.join(" AND ")}` : "";
    // without keys one row, also where all that is kept of the events lies in the rows of values
    const one = sets.length > 0 ? " GROUP BY ()" : "";
    return `SELECT ${list.join(", ")} FROM ${table}${wheres}${by.length > 0 ? ` GROUP BY ${by.join(", ")}` : one}`;
  };
  if (sets.length === 0) return select([...keyList, ...partsOf(0)], [where], groups);
  const noValues = sets.map((set) => nothing({ name: set.column, type: set.storage }));
  const base = select([...keyList, "0 AS s", ...noValues, ...partsOf(0), nothing(countColumn)], [where], groups);
  const rows = sets.map((set, i) => {
    const value = `${castTo(set.value, set.type, set.storage)} AS ${set.column}`;
    const list = [
      ...keyList,
      `${set.number} AS s`,
      ...noValues.with(i, value),
      ...partsOf(set.number),
      plan.rows === null ? "count(*) AS n" : `CAST(sum(${weightColumn}) AS BIGINT) AS n`,
    ];
    return select(list, [where, set.filter, `(${set.value}) IS NOT NULL`], [...groups, keys.length + 2 + i]);
  });
  return [base, ...rows].join(" UNION ALL ");
}

/** Partials → partials. @param coarse of groups that were merged before, each with its `fewest` */
export function combineText(plan: ViewPlan, coarse = false): string {
  const keys = partialKeyColumns(plan);
  const merged = plan.parts.map(({ name, combine }) => `${combine} AS ${name}`);
  if (plan.sets.length > 0) merged.push("CAST(sum(n) AS BIGINT) AS n");
  if (coarse && plan.rows !== null) merged.push(`min(${fewestName}) AS ${fewestName}`);
  const groups = keys.map((_, i) => i + 1).join(", ");
  return `SELECT ${[...keys.map((key) => key.name), ...merged].join(", ")} FROM partials${groups ? ` GROUP BY ${groups}` : ""}`;
}

/**
 * Merged partials → a relation of the group keys in their own types (k0, …), the aggregates' values (a0, …) and
 * those of grouping() (g0, …).
 * @param coarse of groups that are made of others
 */
export function valuesText(plan: ViewPlan, coarse = plan.groupingSets !== null): string {
  const { keys, sets, aggregates, groupings, groupingSets } = plan;
  const valueIn = ({ over, finalize }: ViewPlan["aggregates"][number], i: number) =>
    founded(plan, over === "parts" ? finalize : `x${i}`, coarse);
  const lists = [
    ...keys.map((key) => `${castTo(key.name, key.type, key.valueType)} AS ${key.name}`),
    ...aggregates.map((each, i) => `CAST(${valueIn(each, i)} AS ${each.type}) AS a${i}`),
    ...(plan.rows === null ? [] : [`${presentRows(plan, coarse)} AS ${presentName}`]),
    ...groupings.map((named, i) => `CAST(${groupingSets ? bitsOf(named, keys.length) : "0"} AS BIGINT) AS g${i}`),
  ];
  const select = `SELECT ${lists.join(", ") || "1 AS nothing"} FROM`;
  if (!groupingSets) return `${select} ${sets.length === 0 ? "merged" : `(${overValues(plan, "merged", coarse)})`}`;
  if (sets.length === 0) return `${select} (${rolledUp(plan, groupingSets)})`;
  // rows of values are put together by `gid`, so that a set that is there twice is computed once and its rows repeated
  const ids = groupingSets.map((set) => idOf(set, keys.length));
  const once = groupingSets.filter((_, i) => ids.indexOf(ids[i]!) === i);
  const values = overValues(plan, `(${rolledUp(plan, once)})`, coarse);
  if (once.length === groupingSets.length) return `${select} (${values})`;
  return `${select} (${values}) JOIN (VALUES ${ids.map((id) => `(${id})`).join(", ")}) repeated(id) ON repeated.id = gid`;
}

/** What `valuesText` calls the number of rows in a group of a weighted view. */
const presentName = "__rows";

/** That of a plan; null: its rows have no weights, and every group has some. */
export function presentOf({ rows }: ViewPlan): string | null {
  return rows === null ? null : presentName;
}

/** The fewest rows that one of the finest groups has, or one of its values: what is below 0 is lost in a sum. */
const fewestName = "fewest";

/** That of a finest group, over a merged partial; null: rows have no weights. */
export function fewestOf({ rows, sets }: ViewPlan): string | null {
  return rows === null || sets.length === 0 ? rows : `least(${rows}, ${countColumn.name})`;
}

/** A value that raises where rows went that never came, so that no filter on it passes over the group. */
function founded({ rows, changelogs, sets }: ViewPlan, value: string, coarse: boolean): string {
  if (rows === null) return value;
  const least = sets.length > 0 ? `least(${rows}, lowest)` : coarse ? fewestName : rows;
  const fault = quoteText(`a row of ${changelogs.join(" or ")} ${goneUnknown}`);
  return `CASE WHEN ${least} < 0 THEN error(${fault}) ELSE ${value} END`;
}

/** The number of a group's rows. */
function presentRows(plan: ViewPlan, coarse: boolean): string {
  const { rows, keys, groupingSets } = plan;
  const count = founded(plan, `coalesce(${rows}, 0)`, coarse);
  // the set without keys has a row also where there are none
  return groupingSets ? `CASE WHEN gid = ${idOf([], keys.length)} THEN greatest(1, ${count}) ELSE ${count} END` : count;
}

/**
 * What grouping() of all keys gives for a set: a bit for each key that it does not have, the first key's the
 * highest.
 */
function idOf(set: readonly number[], keys: number): number {
  return Array.from({ length: keys }, (_, key) => (set.includes(key) ? 0 : 2 ** (keys - 1 - key))).reduce(
    (a, b) => a + b,
    0,
  );
}

/**
 * Every sketch's value beside the exact aggregate that it is near to, for each of the finest groups; null:
 * there are none.
 */
export function estimatesOf(plan: ViewPlan, columns: readonly string[]): Estimates | null {
  const { where, keys, aggregates } = plan;
  if (aggregates.every(({ sketch }) => sketch === null)) return null;
  const known = aggregates.flatMap(({ sketch, type }, i) => {
    return sketch?.exact ? [{ name: aggregateName(i), exact: sketch.exact, type, error: sketch.error }] : [];
  });
  const list = (sql: string, type: string, i: number) =>
    `CAST(${isList(type) ? sql : `[${sql}]`} AS DOUBLE[]) AS e${i}`;
  const own = keys.map((key) => key.name);
  const estimate = [...own, ...known.map(({ name, type }, i) => list(name, type, i))];
  const exact = [
    ...keys.map((key) => `CAST(${key.sql} AS ${key.valueType}) AS ${key.name}`),
    ...known.map((each, i) => list(each.exact, each.type, i)),
  ];
  const groups = keys.length > 0 ? ` GROUP BY ${keys.map((_, i) => i + 1).join(", ")}` : "";
  const wheres = where === null ? "" : ` WHERE ${where}`;
  return {
    estimate: `SELECT ${estimate.join(", ") || "1 AS nothing"} FROM (${valuesText({ ...plan, groupingSets: null, groupings: [] })})`,
    exact: `SELECT ${exact.join(", ") || "1 AS nothing"} FROM ${plan.plain}${wheres}${groups}`,
    errors: known.map(({ error }) => error),
    columns,
  };
}

/** Partials merge, so GROUPING SETS are made of the finest groups: parts combined once more, with the set in `gid`. */
function rolledUp(plan: ViewPlan, groupingSets: readonly (readonly number[])[]): string {
  const { keys, parts } = plan;
  const values = partialKeyColumns(plan).slice(keys.length);
  const each = groupingSets.map((set) => [
    ...set.map((number) => keys[number]!.name),
    ...values.map((column) => column.name),
  ]);
  const list = [
    ...partialKeyColumns(plan).map((column) => column.name),
    ...parts.map(({ name, combine }) => `${combine} AS ${name}`),
    ...(plan.sets.length > 0 ? ["CAST(sum(n) AS BIGINT) AS n"] : []),
    ...(plan.rows === null ? [] : [`min(${fewestOf(plan)}) AS ${fewestName}`]),
    `${keys.length > 0 ? `grouping(${keys.map((key) => key.name).join(", ")})` : "0"} AS gid`,
  ];
  return `SELECT ${list.join(", ")} FROM merged GROUP BY GROUPING SETS (${each.map((set) => `(${set.join(", ")})`).join(", ")})`;
}

/** grouping() of some keys, from `gid`, which has a bit for each key, the first one highest. */
function bitsOf(named: readonly number[], keys: number): string {
  const bits = named.map((number, i) => `(((gid >> ${keys - 1 - number}) & 1) << ${named.length - 1 - i})`);
  return bits.join(" | ") || "0";
}

/** One row a group: its parts, and the aggregates over the rows of its values (x0, …). */
function overValues(plan: ViewPlan, merged: string, coarse: boolean): string {
  const { keys, parts, sets, aggregates, groupingSets } = plan;
  const fewest = coarse ? fewestName : countColumn.name;
  const left = `s = 0 OR n <> 0${coarse ? ` OR ${fewestName} < 0` : ""}`;
  const by = [...keys.map((key) => key.name), ...(groupingSets ? ["gid"] : [])];
  // the places of values among their group's events; DuckDB leaves out what no aggregate asks for
  const group = [...by, "s"].join(", ");
  const order = sets.map((set) => castTo(set.column, set.storage, set.type)).join(", ");
  const placed =
    `SELECT *, sum(n) OVER (PARTITION BY ${group} ORDER BY ${order} ROWS UNBOUNDED PRECEDING) AS upto, ` +
    `sum(n) OVER (PARTITION BY ${group}) AS total FROM ${merged}${plan.rows === null ? "" : ` WHERE ${left}`}`;
  const list = [
    ...parts.filter(({ set }) => set === 0).map(({ name }) => `any_value(${name}) FILTER (WHERE s = 0) AS ${name}`),
    ...(plan.rows === null ? [] : [`min(${fewest})${coarse ? "" : " FILTER (WHERE s > 0)"} AS lowest`]),
    ...aggregates.flatMap((each, i) => (each.over === "values" ? [`${each.finalize} AS x${i}`] : [])),
  ];
  const perGroup = `SELECT ${[...by, ...list].join(", ")} FROM (${placed})${by.length > 0 ? ` GROUP BY ${by.join(", ")}` : ""}`;
  if (!groupingSets?.some((set) => set.length === 0)) return perGroup;
  // the set without keys has a row also where there are no events
  const nothing = [...keys.map((key) => `CAST(NULL AS ${key.type})`), idOf([], keys.length), ...list];
  const none = `SELECT ${nothing.join(", ")} FROM (${placed}) WHERE false`;
  return `${perGroup} UNION ALL FROM (${none} GROUP BY ()) WHERE NOT EXISTS (FROM merged)`;
}
