/** Random views as data: what they are made of, their text, and views that say less. */
import { aggregates, type Used, useOf } from "./aggregates.ts";
import { itemOf } from "./around.ts";
import type { Draw } from "./draw.ts";
import { Scalars } from "./scalars.ts";
import { type FieldUse, fieldUses, type Kind } from "./stream.ts";
import { scaleOf, simpler, sql, type Term, term, textOf } from "./term.ts";

/** How GROUP BY is written. */
const groupings = [
  { feature: "no GROUP BY", keys: [0] },
  { feature: "GROUP BY", keys: [1, 1, 1, 2] },
  { feature: "GROUP BY ALL", keys: [1, 1, 2] },
  { feature: "ROLLUP", keys: [1, 2] },
  { feature: "CUBE", keys: [1, 2] },
  { feature: "GROUPING SETS", keys: [1, 2, 2] },
  { feature: "GROUP BY and ROLLUP", keys: [2] },
] as const;

type Grouping = (typeof groupings)[number]["feature"];

const sets: readonly Grouping[] = ["ROLLUP", "CUBE", "GROUPING SETS", "GROUP BY and ROLLUP"];

/**
 * What a view reads; `name` is what its fields may be qualified with, `extra` a column that it adds to the
 * stream's.
 */
const inputs: readonly {
  readonly feature: string;
  readonly name: string;
  readonly extra?: FieldUse;
  /** It may make several rows of an event. */
  readonly several?: true;
  readonly build: (of: Scalars) => { readonly before: Term; readonly from: Term };
}[] = [
  { feature: "FROM a stream", name: "events", build: () => from("events") },
  { feature: "FROM … AS", name: "src", build: () => from("events AS src") },
  {
    feature: "subquery",
    name: "src",
    extra: { sql: "y", kind: "int", feature: "column of a subquery" },
    build: (of) => from(...sql`(SELECT *, ${of.one("int", 1)} AS y FROM events WHERE ${of.one("bool", 1)}) AS src`),
  },
  {
    feature: "WITH",
    name: "src",
    build: (of) => ({
      before: term("input", sql`WITH src AS (SELECT * FROM events WHERE ${of.one("bool", 1)}) `),
      from: term("input", ["src"]),
    }),
  },
  {
    feature: "unnest()",
    several: true,
    name: "src",
    extra: { sql: "y", kind: "int", feature: "unnested column" },
    build: () => from("(SELECT *, unnest(l) AS y FROM events) AS src"),
  },
  {
    feature: "UNION ALL in a subquery",
    several: true,
    name: "src",
    build: (of) =>
      from(...sql`(SELECT * FROM events UNION ALL SELECT * FROM events WHERE ${of.one("bool", 1)}) AS src`),
  },
  {
    feature: "JOIN of a reference table",
    several: true,
    name: "src",
    build: () => from("events AS src JOIN regions ON src.g = of_g"),
  },
  {
    feature: "SEMI JOIN of a reference table",
    several: true,
    name: "src",
    build: () => from("events AS src SEMI JOIN regions ON src.g = of_g"),
  },
  {
    feature: "LEFT JOIN in a subquery",
    several: true,
    name: "src",
    extra: { sql: "region", kind: "text", feature: "column of a reference table" },
    build: (of) => {
      const joined = "SELECT events.*, region FROM events LEFT JOIN regions ON events.g = of_g";
      return from(...sql`(${joined} WHERE ${of.one("bool", 1)}) AS src`);
    },
  },
  {
    feature: "JOIN of a subquery",
    several: true,
    name: "src",
    extra: { sql: "place", kind: "int", feature: "number of a reference table" },
    build: (of) => ({
      before: term("input", sql`WITH some AS (SELECT * FROM events WHERE ${of.one("bool", 1)}) `),
      from: term("input", ["(SELECT s.*, r.place FROM some AS s JOIN regions AS r ON s.g = r.of_g) AS src"]),
    }),
  },
];

function from(...parts: (string | Term)[]): { before: Term; from: Term } {
  return { before: term("input", [""]), from: term("input", parts) };
}

const keyForms = [
  { feature: "key by expression" },
  { feature: "key by alias" },
  { feature: "key by position" },
] as const;

interface Key {
  readonly term: Term;
  readonly alias: string;
  readonly shown: boolean;
  readonly form: (typeof keyForms)[number]["feature"];
}

interface Item {
  readonly term: Term;
  readonly alias: string;
}

export interface View {
  readonly before: Term;
  readonly from: Term;
  readonly keys: readonly Key[];
  readonly items: readonly Item[];
  readonly grouping: Grouping;
  /** Of GROUPING SETS: the keys of each. */
  readonly sets: readonly (readonly number[])[];
  readonly where: Term | null;
  readonly having: Term | null;
}

const keyKinds: readonly Kind[] = [
  ...(["int", "text", "text", "bool", "num", "dec", "ts", "tsx", "day", "tz", "tod"] as const),
  ...(["list", "struct", "json", "uuid", "blob", "huge", "uhuge", "real"] as const),
];

const aliases = [
  { feature: "alias", of: (at: number) => `k${at}` },
  { feature: "quoted alias", of: (at: number) => `K ${at}` },
  { feature: "quoted alias", of: (at: number) => `Größe${at}` },
  { feature: "alias", of: (at: number) => `a${at}` },
];

const havings: readonly { readonly feature: string; readonly build: (pool: readonly Used[], draw: Draw) => Term }[] = [
  { feature: "HAVING count(*)", build: (_, draw) => term("having", sql`count(*) > ${draw.int(3)}`) },
  {
    feature: "HAVING an aggregate",
    build: (pool, draw) => term("having", sql`${draw.of(...pool).term} IS NOT NULL`),
  },
  {
    feature: "HAVING a comparison",
    build: (pool, draw) => {
      const exact = pool.filter((each) => ["int", "huge", "dec", "num"].includes(each.kind));
      const value = exact.length > 0 ? draw.of(...exact).term : term("aggregate", ["count(*)"]);
      return term("having", sql`${value} ${draw.of("<", ">=", "<>")} ${draw.of("0", "1", "2.5", "100")}`);
    },
  },
  { feature: "HAVING an alias", build: () => term("having", ["p0 IS NOT NULL"]) },
  { feature: "HAVING OR", build: () => term("having", ["count(*) BETWEEN 1 AND 5 OR p0 IS NULL"]) },
];

const constants = ["'const'", "NULL", "DATE '2001-01-01'"];

/** Features of a view's clauses; of `alternatives` a view has one. */
export const viewFeatures: readonly string[] = [
  ...groupings.map((each) => each.feature),
  ...inputs.map((each) => each.feature),
  ...inputs.flatMap((each) => each.extra?.feature ?? []),
  ...keyForms.map((each) => each.feature),
  ...aliases.map((each) => each.feature),
  ...havings.map((each) => each.feature),
  ...["WHERE", "FILTER", "DISTINCT", "grouping()", "hidden key", "constant key", "item of an alias"],
  ...["qualified name", "with and without FILTER", "several aggregates"],
];
export const inputFeatures: readonly string[] = inputs.map((each) => each.feature);
export const severalFeatures: readonly string[] = inputs.flatMap((each) => (each.several ? [each.feature] : []));
export const groupingFeatures: readonly string[] = groupings.map((each) => each.feature);
export const setFeatures: readonly string[] = sets;
export const havingFeatures: readonly string[] = havings.map((each) => each.feature);
export const keyFeatures: readonly string[] = [
  ...keyForms.map((each) => each.feature),
  ...aliases.map((each) => each.feature),
  ...["hidden key", "constant key", "grouping()", "CASE of a key around"],
];
export const extraFeatures: readonly (readonly [string, string])[] = inputs.flatMap((each) =>
  each.extra ? [[each.extra.feature, each.feature] as const] : [],
);

export function drawView(draw: Draw): View {
  const { feature: grouping, keys: counts } = draw.pick(groupings);
  const input = draw.pick(inputs);
  const inside = new Scalars(draw, fieldUses, "events");
  const { before, from } = input.build(inside);
  const scalars = new Scalars(draw, input.extra ? [...fieldUses, input.extra, input.extra] : fieldUses, input.name);
  const keys = drawKeys(draw, scalars, grouping, draw.of<number>(...counts));
  const possible = aggregates.filter((each) => !(each.order && input.several));
  const pool = Array.from({ length: draw.of(1, 1, 2, 2, 3) }, () => useOf(draw.pick(possible), draw, scalars));
  if (pool.length > 1) draw.note("several aggregates");
  const twin = pool[0]!;
  const at = twin.term.parts.findIndex((part) => typeof part !== "string" && part.role === "filter");
  if (textOf(twin.term.parts[at] as Term) === "" && draw.maybe("with and without FILTER", 0.3)) {
    draw.note("FILTER");
    const filter = term("filter", sql` FILTER (WHERE ${scalars.one("bool", 1)})`);
    pool.push({ ...twin, term: { ...twin.term, parts: twin.term.parts.with(at, filter) } });
  }
  const inSets = sets.includes(grouping);
  const shown = keys.filter((key) => key.shown).map((key) => textOf(key.term));
  const items: Item[] = Array.from({ length: Math.max(pool.length, 1 + draw.int(2)) }, (_, i) => {
    return { term: itemOf(i < pool.length ? [pool[i]!] : pool, shown, draw), alias: `p${i}` };
  });
  if (inSets && draw.maybe("grouping()", 0.5)) {
    const named = draw.of(keys.slice(0, 1), keys).map((key) => textOf(key.term));
    items.push({ term: term("item", [`grouping(${named.join(", ")})`]), alias: "g0" });
  }
  const alias = draw.of(...keys.filter((key) => key.shown).map((key) => key.alias), "p0");
  if (draw.maybe("item of an alias", 0.2)) items.push({ term: term("item", [`"${alias}" IS NULL`]), alias: "again" });
  return {
    before,
    from,
    keys,
    items,
    grouping,
    sets: grouping === "GROUPING SETS" ? drawSets(draw, keys.length) : [],
    where: draw.maybe("WHERE", 0.35) ? scalars.one("bool", 3) : null,
    // whether a group passes must not hang on a rounding
    having: draw.chance(0.3) ? drawHaving(draw, pool, items) : null,
  };
}

function drawHaving(draw: Draw, pool: readonly Used[], items: readonly Item[]): Term {
  const exact = pool.filter((each) => each.kind !== "real");
  const possible = havings.filter(({ feature }) => {
    if (/alias|OR/.test(feature)) return !items[0]!.term.scale;
    return feature !== "HAVING an aggregate" || exact.length > 0;
  });
  return draw.pick(possible).build(exact, draw);
}

function drawKeys(draw: Draw, scalars: Scalars, grouping: Grouping, count: number): Key[] {
  const keys = Array.from({ length: count }, (_, at): Key => {
    const shown = grouping === "GROUP BY ALL" || !draw.maybe("hidden key", 0.25);
    const { of } = shown ? draw.pick(aliases) : aliases[0]!;
    const key = { term: scalars.one(draw.of(...keyKinds), 2), alias: of(at), shown };
    if (grouping === "GROUP BY ALL" || !shown) return { ...key, form: "key by expression" };
    const forms = grouping === "GROUP BY" ? keyForms : keyForms.slice(0, 2);
    return { ...key, form: draw.pick(forms).feature };
  });
  if ((grouping === "GROUP BY" || grouping === "GROUP BY ALL") && draw.maybe("constant key", 0.1))
    keys.push({ term: term("constant", [draw.of(...constants)]), alias: "c", shown: true, form: "key by alias" });
  return keys;
}

function drawSets(draw: Draw, keys: number): number[][] {
  const some = () => Array.from({ length: keys }, (_, at) => at).filter(() => draw.chance(0.6));
  return Array.from({ length: 2 + draw.int(2) }, some);
}

/** What names a key in GROUP BY. */
function reference({ shown, form, alias, term: key }: Key, position: number): string {
  if (!shown || form === "key by expression") return textOf(key);
  return form === "key by alias" ? `"${alias}"` : `${position}`;
}

function groupText({ grouping, keys, sets }: View): string {
  if (keys.length === 0) return "";
  let position = 0;
  const names = keys.map((key) => reference(key, key.shown ? ++position : 0));
  switch (grouping) {
    case "no GROUP BY":
      return "";
    case "GROUP BY":
      return ` GROUP BY ${names.join(", ")}`;
    case "GROUP BY ALL":
      return " GROUP BY ALL";
    case "ROLLUP":
    case "CUBE":
      return ` GROUP BY ${grouping} (${names.join(", ")})`;
    case "GROUPING SETS": {
      const lists = sets.map((set) => `(${set.flatMap((at) => names[at] ?? []).join(", ")})`);
      // a key that is in no set would be no key
      return ` GROUP BY GROUPING SETS ((${names.join(", ")}), ${lists.join(", ")})`;
    }
    case "GROUP BY and ROLLUP":
      return ` GROUP BY ${names[0]}${names.length > 1 ? `, ROLLUP (${names.slice(1).join(", ")})` : ""}`;
  }
}

export interface Written {
  readonly sql: string;
  /** The same with a column more for each rounded one: what its rounding may be a share of. */
  readonly scaled: string;
  /** Rounded columns, by number. */
  readonly rounded: readonly number[];
}

export function write(view: View): Written {
  const shown = view.keys.filter((key) => key.shown);
  const list = [...shown, ...view.items].map((each) => `${textOf(each.term)} AS "${each.alias}"`);
  const scales = view.items.map((each) => scaleOf(each.term));
  const rounded = scales.flatMap((scale, at) => (scale === null ? [] : [shown.length + at]));
  const where = view.where ? ` WHERE ${textOf(view.where)}` : "";
  const having = view.having ? ` HAVING ${textOf(view.having)}` : "";
  const select = (columns: readonly string[]) =>
    `${textOf(view.before)}SELECT ${columns.join(", ")} FROM ${textOf(view.from)}${where}${groupText(view)}${having}`;
  const more = scales.flatMap((scale, at) => (scale === null ? [] : [`${scale} AS "scale ${at}"`]));
  return { sql: select(list), scaled: select([...list, ...more]), rounded };
}

/** Views that say less, the boldest first. */
export function* simplerViews(view: View): Generator<View> {
  if (view.where) yield { ...view, where: null };
  if (view.having) yield { ...view, having: null };
  if (textOf(view.from) !== "events") yield { ...view, ...from("events") };
  if (view.grouping !== "GROUP BY" && view.keys.length > 0) yield { ...view, grouping: "GROUP BY", sets: [] };
  for (const at of view.items.keys()) if (view.items.length > 1) yield { ...view, items: view.items.toSpliced(at, 1) };
  for (const at of view.keys.keys()) {
    const sets = view.sets.map((set) => set.filter((each) => each !== at).map((each) => (each > at ? each - 1 : each)));
    yield { ...view, keys: view.keys.toSpliced(at, 1), sets };
  }
  for (const at of view.sets.keys()) yield { ...view, sets: view.sets.toSpliced(at, 1) };
  for (const [at, key] of view.keys.entries())
    for (const each of simpler(key.term)) yield { ...view, keys: view.keys.with(at, { ...key, term: each }) };
  for (const [at, item] of view.items.entries())
    for (const each of simpler(item.term)) yield { ...view, items: view.items.with(at, { ...item, term: each }) };
  for (const clause of ["where", "having", "before", "from"] as const) {
    const whole = view[clause];
    if (whole) for (const each of simpler(whole)) yield { ...view, [clause]: each };
  }
}
