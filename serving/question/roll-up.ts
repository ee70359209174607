/** A view over fewer or coarser keys: which columns it still has, and its SQL. */
import type { RolledUp } from "../../shared/compiler/texts.ts";
import type { KeyName, OverValues, ViewColumn, ViewDefinition } from "../../shared/definition.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { columnOf } from "./filters.ts";

export const buckets = ["minute", "hour", "day", "week", "month", "quarter", "year"] as const;
export type Bucket = (typeof buckets)[number];

/** A group key that a roll-up keeps; a time in buckets of that size. */
export interface GroupBy {
  readonly column: string;
  readonly bucket: Bucket | null;
}

/**
 * @throws USAGE for a column that is not a group key, a bucket of what is not a time, a view that
 * can't be rolled up, and where HAVING uses a key that is not kept
 */
export function rollUpBy(view: ViewDefinition, by: readonly GroupBy[]): RolledUp {
  const kept = by.map(({ column: name, bucket }) => {
    const column = columnOf(view, name);
    return { column, key: keyOf(view, column), bucket };
  });
  const { rollUp } = view;
  if (!rollUp) {
    throw new TidemarkError(
      "USAGE",
      `view "${view.name}" can't be rolled up: it has GROUPING SETS, or no group keys`,
      "leave out by=",
    );
  }
  const twice = kept.find(({ key }, i) => kept.findIndex((each) => each.key === key) !== i);
  if (twice) throw new TidemarkError("USAGE", `by names the key "${twice.column.name}" twice`, "name it once");
  const fine = new Set(kept.flatMap(({ key, bucket }) => (bucket === null ? [key] : [])));
  const missing = rollUp.having?.keys.filter((key) => !fine.has(key)) ?? [];
  if (missing.length > 0) {
    const names = missing.map((key) => view.columns.find((column) => column.key === key)?.name ?? "a hidden key");
    throw new TidemarkError(
      "USAGE",
      `view "${view.name}" can't be rolled up like this: its HAVING uses ${names.join(", ")}`,
      "keep these keys as they are in by=",
    );
  }
  const shownBy = (column: ViewColumn, over: OverValues): OverValues | null => {
    const own = kept.find(({ key }) => key === column.key);
    if (own) return { sql: own.key, keys: [own.key] };
    return over.keys.every((key) => fine.has(key)) ? over : null;
  };
  return {
    rollUp,
    groups: kept.map(({ column, key, bucket }) => ({ name: key, sql: bucketed(keySql(view, column), column, bucket) })),
    columns: view.columns.flatMap((column, i) => {
      const over = shownBy(column, rollUp.columns[i]!);
      return over ? [{ name: column.name, over }] : [];
    }),
  };
}

/** A shown group key's value, over the columns of a partial. */
export function keySql(view: ViewDefinition, column: ViewColumn): string {
  const key = view.keys.find(({ name }) => name === column.key)!;
  return key.type === column.type ? key.name : `CAST(${key.name} AS ${column.type})`;
}

function keyOf(view: ViewDefinition, column: ViewColumn): KeyName {
  if (column.key !== null) return column.key;
  const keys = view.columns.filter((each) => each.key !== null).map((each) => each.name);
  throw new TidemarkError(
    "USAGE",
    `by: "${column.name}" is not a group key of view "${view.name}"`,
    keys.length > 0 ? `there are: ${keys.join(", ")}` : "it shows none",
  );
}

function bucketed(sql: string, { name, type }: ViewColumn, bucket: Bucket | null): string {
  if (bucket === null) return sql;
  const inDay = bucket === "minute" || bucket === "hour";
  if (/^TIMESTAMP/.test(type) || (type === "DATE" && !inDay)) return `CAST(date_trunc('${bucket}', ${sql}) AS ${type})`;
  throw new TidemarkError("USAGE", `by: "${name}" is a ${type}, which has no ${bucket}`, `write by=${name}`);
}
