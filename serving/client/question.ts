/** A question about a view, and its query string. */
import { filterText, type Value } from "./values.ts";

type Bare = string | number | bigint | boolean | Date | Uint8Array | readonly (Value | null)[];

/**
 * Conditions on a column, all of which must hold. A bare value: the column equals it; null: it is
 * NULL; for a STRUCT, write `{ eq: … }`.
 */
export type Where =
  | Bare
  | null
  | { readonly [op in "eq" | "neq"]?: Value | null }
  | { readonly [op in "eq" | "neq" | "gt" | "gte" | "lt" | "lte"]?: Value }
  | { readonly in: readonly Value[] };

export interface Question<Row> {
  readonly where?: { readonly [column in keyof Row]?: Where };
  /** Group keys to roll up to; times in buckets: "hour.day". */
  readonly by?: readonly string[];
  readonly select?: readonly (keyof Row & string)[];
  /** "flights.desc" */
  readonly order?: readonly string[];
  readonly limit?: number;
  readonly offset?: number;
  /** Any other parameter of the API, e.g. or. */
  readonly more?: Readonly<Record<string, string>>;
}

/** A question as the API's query string. */
export function queryOf<Row>({ where = {}, by, select, order, limit, offset, more = {} }: Question<Row>): string {
  const pairs: [string, string][] = [];
  for (const [column, conditions] of Object.entries(where) as [string, Where | undefined][]) {
    if (conditions === undefined) continue;
    for (const condition of conditionsIn(column, conditions)) pairs.push([parameterOf(column), condition]);
  }
  const list = (names: readonly string[]) => names.map(listed).join(",");
  if (by) pairs.push(["by", by.join(",")]);
  if (select) pairs.push(["select", list(select)]);
  if (order && order.length > 0) pairs.push(["order", order.join(",")]);
  if (limit !== undefined) pairs.push(["limit", String(limit)]);
  if (offset !== undefined) pairs.push(["offset", String(offset)]);
  pairs.push(...Object.entries(more));
  const text = new URLSearchParams(pairs).toString();
  return text === "" ? "" : `?${text}`;
}

/** @throws TypeError for a value that can't be sent */
function conditionsIn(column: string, where: Where): string[] {
  if (where === null) return ["is.null"];
  if (isBare(where)) return [`eq.${filterText(where, column)}`];
  return Object.entries(where as Record<string, Value | null | undefined>).flatMap(([op, value]) => {
    if (value === undefined) return [];
    if (op === "in") return [`in.(${(value as Value[]).map((each) => quoted(filterText(each, column))).join(",")})`];
    if (value !== null) return [`${op}.${filterText(value, column)}`];
    if (op === "eq" || op === "neq") return [op === "eq" ? "is.null" : "is.not_null"];
    throw new TypeError(`${column}: nothing is ${op} null`);
  });
}

function isBare(where: Where): where is Bare {
  return typeof where !== "object" || where instanceof Date || where instanceof Uint8Array || Array.isArray(where);
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}

/** Names of the API's own parameters. */
const parameters = /^(select|by|layer|order|limit|offset|(not\.)?(and|or)|events|after)$/;

/** A column's name as a parameter, in quotes if it could be confused with another. */
function parameterOf(column: string): string {
  return parameters.test(column) || column.startsWith('"') ? quoted(column) : column;
}

/** A name in a list, in quotes if it needs them. */
function listed(name: string): string {
  return /^\w+$/.test(name) ? name : quoted(name);
}
