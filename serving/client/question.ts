/** A question about a view, and its query string. */

export type Value = string | number | bigint | boolean | Date;

/** Conditions on a column: all of them hold. A bare value: it equals that, null: it is NULL. */
export type Where =
  | Value
  | null
  | { readonly [op in "eq" | "neq" | "gt" | "gte" | "lt" | "lte"]?: Value }
  | { readonly in: readonly Value[] };

export interface Question<Row> {
  readonly where?: { readonly [column in keyof Row]?: Where };
  /** Group keys that are kept; times in buckets: "hour.day". */
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
    for (const condition of conditionsIn(conditions)) pairs.push([column, condition]);
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

function conditionsIn(where: Where): string[] {
  if (where === null) return ["is.null"];
  if (typeof where !== "object" || where instanceof Date) return [`eq.${textOf(where)}`];
  return Object.entries(where).map(([op, value]) => {
    if (Array.isArray(value)) return `in.(${value.map((each) => quoted(textOf(each as Value))).join(",")})`;
    return `${op}.${textOf(value as Value)}`;
  });
}

function textOf(value: Value): string {
  return value instanceof Date ? value.toISOString().replace("Z", "") : String(value);
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}

/** A name in a list, in quotes where it needs them. */
function listed(name: string): string {
  return /^\w+$/.test(name) ? name : quoted(name);
}
