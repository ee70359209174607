/** Expressions around aggregates, as a table: they are evaluated over merged values. Doubles among those are exact. */
import type { ResultKind, Used } from "./aggregates.ts";
import type { Draw } from "./draw.ts";
import { type Parts, sql, type Term, term } from "./term.ts";

interface Around {
  readonly feature: string;
  /** Kinds of values it takes; left out: any. */
  readonly kinds?: readonly ResultKind[];
  /** @param value the aggregate. @param other another one that is a whole number. @param key a shown group key */
  readonly build: (value: Term, reach: { readonly other: Term; readonly key: string; readonly draw: Draw }) => Parts;
  /** It needs a group key. */
  readonly keyed?: true;
}

const exact: readonly ResultKind[] = ["int", "small", "huge", "dec"];

const table: readonly Around[] = [
  { feature: "CASE around", build: (a, { draw }) => sql`CASE WHEN count(*) > ${draw.int(4)} THEN ${a} END` },
  { feature: "coalesce() around", build: (a) => sql`coalesce(${a}, ${a})` },
  { feature: "list around", build: (a) => sql`[${a}, ${a}]` },
  { feature: "STRUCT around", build: (a) => sql`{'v': ${a}, 'n': count(*)}` },
  { feature: "IS NULL around", build: (a) => sql`(${a}) IS NULL` },
  { feature: "typeof() around", build: (a) => sql`typeof(${a})` },
  {
    feature: "CASE of a key around",
    keyed: true,
    build: (a, { key }) => sql`CASE WHEN ${key} IS NULL THEN NULL ELSE ${a} END`,
  },
  { feature: "// around", kinds: exact, build: (a) => sql`(${a}) // 2` },
  { feature: "% around", kinds: exact, build: (a) => sql`(${a}) % 3` },
  { feature: "round() of a quotient around", kinds: exact, build: (a) => sql`round(100.0 * ${a} / count(*), 1)` },
  { feature: "::VARCHAR around", kinds: exact, build: (a) => sql`(${a})::VARCHAR` },
  { feature: "+ around", kinds: ["int"], build: (a, { draw }) => sql`${a} + ${draw.of("1", "0.5", "1e3")}` },
  { feature: "lambda around", kinds: ["int"], build: (a) => sql`list_transform([${a}, 1], lambda e: e + 1)` },
  { feature: "round() around", kinds: ["num"], build: (a) => sql`round(${a}, 1)` },
  { feature: "floor() around", kinds: ["num"], build: (a) => sql`floor(${a})` },
  { feature: "* around", kinds: ["num"], build: (a) => sql`${a} * 2` },
  {
    feature: "quotient of aggregates",
    kinds: [...exact, "num"],
    build: (a, { other }) => sql`${a} / nullif(${other}, 0)`,
  },
  {
    feature: "greatest() of aggregates",
    kinds: [...exact, "num"],
    build: (a, { other }) => sql`greatest(${a}, ${other})`,
  },
  { feature: "date_trunc() around", kinds: ["ts"], build: (a) => sql`date_trunc('hour', ${a})` },
  { feature: "strftime() around", kinds: ["ts"], build: (a) => sql`strftime(${a}, '%Y-%m-%d %H:%M:%S')` },
  { feature: "INTERVAL around", kinds: ["ts"], build: (a) => sql`${a} + INTERVAL 1 DAY` },
  { feature: "upper() around", kinds: ["text"], build: (a) => sql`upper(${a}) || '!'` },
];

export const aroundFeatures: readonly string[] = table.map((each) => each.feature);

/** An item of the SELECT list made of one of the aggregates. */
export function itemOf(pool: readonly Used[], keys: readonly string[], draw: Draw): Term {
  const { kind, term: value } = draw.of(...pool);
  // of what is rounded only the value itself is compared, within what rounding allows
  if (kind === "real" || draw.chance(0.3)) return value;
  const others = pool.filter((each) => ["int", "huge"].includes(each.kind));
  const fitting = table.filter(
    (each) => (!each.kinds || each.kinds.includes(kind)) && (!each.keyed || keys.length > 0),
  );
  const other = others.length > 0 ? draw.of(...others).term : term("aggregate", ["count(*)"]);
  return term("item", draw.pick(fitting).build(value, { other, key: draw.of(...keys, "") || "NULL", draw }));
}
