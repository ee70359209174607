/** The laws of partials, each as a question to DuckDB, by what an aggregate itself declares. */
import { roundingOf } from "../../shared/compiler/aggregates/part.ts";
import {
  type Aggregate,
  type Argument,
  type CallModifiers,
  classOf,
  type Plan,
} from "../../shared/compiler/aggregates/plan.ts";
import { Columns, type PlannedPart, type ValueSet } from "../../shared/compiler/columns.ts";
import {
  combineText,
  estimatesOf,
  partialKeyColumns,
  partialText,
  valuesText,
} from "../../shared/compiler/partial-texts.ts";
import { keptIn, type PlannedAggregate, type ViewPlan } from "../../shared/compiler/plan.ts";
import { castTo } from "../../shared/compiler/types.ts";
import { freshName, type Session } from "../../shared/duckdb/duck.ts";
import { comparePartials } from "../../shared/proof/compare.ts";
import { estimatesOff } from "../../shared/proof/estimates.ts";

/** One use of an aggregate. */
export interface Use {
  readonly entry: Aggregate;
  /** As it is written in plain DuckDB. */
  readonly sql: string;
  /** The type of its value. */
  readonly type: string;
  readonly args: readonly Argument[];
  readonly written: CallModifiers;
}

interface PlannedUse extends Use {
  readonly plan: Plan;
  readonly aggregate: PlannedAggregate;
}

/** Uses in one view with the key `g`. */
interface View {
  readonly uses: readonly PlannedUse[];
  readonly planned: ViewPlan;
}

/** SELECTs of the partials of three parts of the rows, of all of them, and of none. */
interface Cut {
  readonly a: string;
  readonly b: string;
  readonly c: string;
  readonly whole: string;
  readonly none: string;
}

export interface Verdict {
  /** Uses that have a plan. */
  readonly uses: number;
  /** What is not kept, a line each. */
  readonly broken: readonly string[];
}

/** @param rows a table with the arguments' columns, the key `g` and the `part` (0, 1, 2) that a row is of */
export async function verdictOf(session: Session, all: readonly Use[], rows: string): Promise<Verdict> {
  const view = viewOf(all);
  if (view.uses.length === 0) return { uses: 0, broken: [] };
  const broken = view.uses.flatMap((use) => wrongClass(use) ?? []);
  if (broken.length > 0) return { uses: view.uses.length, broken };
  const names: string[] = [];
  const partials = async (where: string) => {
    const name = freshName("laws");
    names.push(name);
    const events = `WITH events AS NOT MATERIALIZED (FROM ${rows} WHERE ${where})`;
    await session.run(`CREATE TEMP TABLE ${name} AS ${events} ${partialText(view.planned)}`);
    return `FROM ${name}`;
  };
  try {
    const [a, b, c] = [await partials("part = 0"), await partials("part = 1"), await partials("part = 2")];
    const cut = { a, b, c, whole: await partials("true"), none: await partials("false") };
    broken.push(...(await merging(session, view, cut)), ...(await inverses(session, view, cut)));
    for (const set of view.planned.sets) broken.push(...(await multiset(session, view, set, cut, rows)));
    broken.push(...(await exactly(session, view, cut, rows)), ...(await near(session, view, cut, rows)));
    return { uses: view.uses.length, broken };
  } finally {
    for (const each of names) await session.run(`DROP TABLE ${each}`);
  }
}

function viewOf(all: readonly Use[]): View {
  const columns = new Columns();
  const uses = all.flatMap((use): PlannedUse[] => {
    const { entry, args, written, sql, type } = use;
    const plan = entry.plan(args, written);
    if ("why" in plan) return [];
    const { names, ...kept } = keptIn(columns, plan, null);
    const exact = entry.sketch?.exact?.(args) ?? null;
    const sketch = entry.sketch ? { error: entry.sketch.error, exact } : null;
    const described = { sql, class: classOf(entry, args), parts: names };
    return [{ ...use, plan, aggregate: { ...kept, type, sketch, use: described } }];
  });
  const planned = {
    table: "events",
    plain: "events",
    changelogs: [],
    rows: null,
    where: null,
    keys: [{ name: "k0", type: "INTEGER", valueType: "INTEGER", sql: "g" }],
    parts: columns.planned,
    sets: columns.sets,
    groupingSets: null,
    groupings: [],
    aggregates: uses.map(({ aggregate }) => aggregate),
  };
  return { uses, planned };
}

/** What is declared against what the plan is made of. */
function wrongClass({ entry, sql, plan, aggregate }: PlannedUse): string | null {
  const own = classIn(entry, plan);
  const declared = aggregate.use.class;
  return declared === own ? null : `${sql} is declared ${declared}, and its plan is ${own}`;
}

function classIn({ sketch }: Aggregate, plan: Plan): string {
  if ("value" in plan) return sketch && sketch.error > 0 ? "sketch" : "values";
  return plan.parts.every(({ merge }) => merge.law === "group") ? "group" : "semigroup";
}

const together = (partials: readonly string[]) => partials.map((each) => `(${each})`).join(" UNION ALL ");

/** A SELECT of what partials merge to. */
const merge = ({ planned }: View, ...partials: readonly string[]) =>
  `WITH partials AS (${together(partials)}) ${combineText(planned)}`;

async function merging(session: Session, view: View, { a, b, c, whole, none }: Cut): Promise<string[]> {
  const { planned } = view;
  const compared = {
    keys: partialKeyColumns(planned),
    inexact: planned.parts.filter(({ part }) => roundingOf(part.merge)),
    tolerance: Math.max(...planned.aggregates.map(({ tolerance }) => tolerance)),
  };
  const of = (...partials: readonly string[]) => merge(view, ...partials);
  const laws: readonly (readonly [law: string, left: string, right: string])[] = [
    ["what is merged alone is the same", of(a), a],
    ["parts, and none, are together the whole", of(of(a, b), c, none), whole],
    ["they are put together in any order", of(none, c, of(b, a)), whole],
    ["they are put together in any grouping", of(a, of(c, b)), whole],
  ];
  const broken: string[] = [];
  for (const [law, left, right] of laws) {
    const { differences } = await comparePartials(session, compared, left, right);
    for (const each of differences.slice(0, 1)) broken.push(`${law}: ${JSON.stringify(each)}`);
  }
  return broken;
}

/** What is taken back was never there, to the last digit; a group without events is one of zeros. */
async function inverses(session: Session, view: View, { a, b, c }: Cut): Promise<string[]> {
  const groups = view.planned.aggregates.filter(({ use }) => use.class === "group");
  const own = new Set(groups.flatMap(({ use }) => use.parts));
  if (own.size === 0) return [];
  const { parts } = view.planned;
  const back = (of: string) => `SELECT k0, ${parts.map(inverseOf).join(", ")} FROM (${of})`;
  const empty = parts.map(({ name, type }) => `CAST(NULL AS ${type}) AS ${name}`);
  const groupsOf = `SELECT k0, ${empty.join(", ")} FROM (${together([a, b, c])})`;
  const zeros = parts.filter(({ name }) => own.has(name)).map(orZero);
  const shown = (...partials: readonly string[]) =>
    `SELECT k0, ${zeros.join(", ")} FROM (${merge(view, groupsOf, ...partials)})`;
  const ab = merge(view, a, b);
  const laws: readonly (readonly [law: string, left: string, right: string])[] = [
    ["A and B without B are A", shown(ab, back(b)), shown(a)],
    ["B without B is nothing", shown(b, back(b)), shown()],
    ["it goes on after a subtraction", shown(merge(view, ab, back(b)), c), shown(a, c)],
  ];
  const broken: string[] = [];
  for (const [law, left, right] of laws) {
    const found = await apart(session, left, right);
    if (found !== null) broken.push(`${law}: ${found}`);
  }
  return broken;
}

function inverseOf({ name, type, part }: PlannedPart): string {
  if (part.merge.law !== "group") return `CAST(NULL AS ${type}) AS ${name}`;
  return `${castTo(part.merge.inverse(castTo(name, type, part.type)), part.type, type)} AS ${name}`;
}

function orZero({ name, type, part }: PlannedPart): string {
  const zero = part.merge.law === "group" ? part.merge.zero : "NULL";
  return `coalesce(${castTo(name, type, part.type)}, ${zero}) AS ${name}`;
}

/** The first row that is on one side only; null: there is none. */
async function apart(session: Session, left: string, right: string): Promise<string | null> {
  const both = `l AS MATERIALIZED (${left}), r AS MATERIALIZED (${right})`;
  const text = "(FROM l EXCEPT ALL FROM r) UNION ALL (FROM r EXCEPT ALL FROM l)";
  const [row] = (await session.read(`WITH ${both} FROM (${text}) LIMIT 1`)).getRowObjectsJson();
  return row === undefined ? null : JSON.stringify(row);
}

/** Rows of values are the multiset of what the events have, and can be taken back from it. */
async function multiset(
  session: Session,
  view: View,
  { number, column, value, type, storage }: ValueSet,
  { a, b, c }: Cut,
  rows: string,
): Promise<string[]> {
  const counted = (where: string) =>
    `SELECT g AS k0, ${castTo(value, type, storage)} AS v, count(*)::BIGINT AS n FROM ${rows} AS events ` +
    `WHERE (${value}) IS NOT NULL AND ${where} GROUP BY ALL`;
  const kept = (partials: string) => `SELECT k0, ${column} AS v, n FROM (${partials}) WHERE s = ${number}`;
  const all = kept(merge(view, a, b, c));
  const left =
    `SELECT k0, v, CAST(sum(n) AS BIGINT) AS n FROM (${all} UNION ALL SELECT k0, v, -n FROM (${kept(b)})) ` +
    "GROUP BY ALL HAVING sum(n) <> 0";
  const laws: readonly (readonly [law: string, left: string, right: string])[] = [
    ["rows are the multiset of values", all, counted("true")],
    ["values without those of B", left, counted("part <> 1")],
  ];
  const broken: string[] = [];
  for (const [law, one, other] of laws) {
    const found = await apart(session, one, other);
    if (found !== null) broken.push(`${law} (${value}): ${found}`);
  }
  return broken;
}

/** Over values, plain DuckDB's own value, where that has one whatever the order. */
async function exactly(session: Session, view: View, { a, b, c }: Cut, rows: string): Promise<string[]> {
  const { uses, planned } = view;
  const own = uses.flatMap(({ entry, aggregate }, i) => {
    const comparable = aggregate.use.class === "values" && !entry.sketch && !entry.ordered;
    return comparable && aggregate.tolerance === 0 ? [{ name: `a${i}`, sql: aggregate.use.sql }] : [];
  });
  if (own.length === 0) return [];
  const values = freshName("values");
  await session.run(`CREATE TEMP TABLE ${values} AS WITH merged AS (${merge(view, a, b, c)}) ${valuesText(planned)}`);
  const broken: string[] = [];
  for (const { name, sql } of own) {
    const plain = `SELECT g AS k0, ${sql} AS ${name} FROM ${rows} AS events GROUP BY g`;
    const found = await apart(session, `SELECT k0, ${name} FROM ${values}`, plain);
    if (found !== null) broken.push(`${sql} is not plain DuckDB's: ${found}`);
  }
  await session.run(`DROP TABLE ${values}`);
  return broken;
}

/** Within what is promised of a sketch. */
async function near(session: Session, view: View, { a, b, c }: Cut, rows: string): Promise<string[]> {
  const { planned } = view;
  const texts = {
    ...{ streams: ["events"], references: [], keys: partialKeyColumns(planned), finalize: valuesText(planned) },
    ...{ partial: partialText(planned), combine: combineText(planned), estimates: estimatesOf(planned, []) },
  };
  const off = await estimatesOff(session, texts, together([a, b, c]), new Map([["events", `FROM ${rows}`]]));
  return off.slice(0, 1).map((each) => `beyond its error: ${JSON.stringify(each)}`);
}
