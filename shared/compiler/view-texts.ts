/** The last step: a planned view written down, and its texts bound once by DuckDB. */
import type { Precision, ViewColumn, ViewDefinition } from "../definition.ts";
import { quoteName, type Session } from "../duckdb/duck.ts";
import { isOfSql } from "../duckdb/of-sql.ts";
import { toleranceOf } from "./aggregates/part.ts";
import { aggregateOf } from "./aggregates/table.ts";
import { nodesOf } from "./ast.ts";
import { coordinationOf, type WrittenUse } from "./coordination.ts";
import { eventColumn, eventType } from "./event-order.ts";
import { identityOf } from "./identity.ts";
import type { Outer, OuterExpression } from "./outer.ts";
import {
  combineText,
  estimatesOf,
  partColumns,
  partialKeyColumns,
  partialText,
  presentOf,
  valuesText,
} from "./partial-texts.ts";
import type { ViewPlan } from "./plan.ts";
import type { ReadView, Surroundings } from "./read.ts";
import { internal } from "./refusal.ts";
import { rollUpOf } from "./roll-up.ts";
import { type Inputs, partialOf, placesOf, rowsOf, whereShown } from "./texts.ts";
import type { TypedView } from "./typed.ts";
import { weightColumn } from "./weights.ts";

/** What the steps before have made of a view. */
export interface StepResults {
  readonly read: ReadView;
  readonly outer: Outer;
  readonly typed: TypedView;
  readonly planned: ViewPlan;
}

export async function viewTexts({ session, timezone }: Surroundings, made: StepResults): Promise<ViewDefinition> {
  const { read, outer, typed, planned } = made;
  const { streams, references } = read.input;
  const sizes = [...new Set(planned.aggregates.flatMap(({ size }) => size ?? []))];
  const tolerance = Math.max(0, ...planned.aggregates.map((each) => each.tolerance));
  const view: Omit<ViewDefinition, "identity"> = {
    ...read.source,
    streams: streams.map((stream) => stream.name),
    references: references.map((table) => table.name),
    ordered: read.ordered,
    ...(planned.changelogs.length > 0 ? { weighted: true as const } : {}),
    global: read.keys.length === 0,
    ...(read.sets && read.keys.length === 0 ? { repeated: true as const } : {}),
    keys: partialKeyColumns(planned),
    parts: partColumns(planned),
    partial: partialText(planned),
    combine: combineText(planned),
    finalize: finalizeText(made),
    columns: columnsOf(made),
    aggregates: planned.aggregates.map(({ use }) => use),
    inexact: planned.parts.filter(({ part }) => toleranceOf(part) > 0).map(({ name, scale }) => ({ name, scale })),
    tolerance,
    ...(sizes.length > 0 ? { sizes } : {}),
    ...(outer.having ? { having: precisionOf(outer.having, planned) } : {}),
    coordination: coordination(made, tolerance > 0),
    estimates: estimatesOf(planned, estimated(made)),
    events: await eventsOf(session, made),
    rollUp: rollUpOf(planned, outer, typed),
  };
  await checkTypes(session, made, view);
  return { ...view, identity: identityOf(view, streams, references, timezone) };
}

function finalizeText({ read, typed, planned }: StepResults): string {
  const shown = read.columns.map(({ name }, i) => `${typed.shown[i]} AS ${quoteName(name)}`);
  const isWhole = planned.keys.length === 0 && !planned.groupingSets;
  const where = whereShown(presentOf(planned), isWhole, typed.having);
  return `SELECT ${shown.join(", ")} FROM (${valuesText(planned)})${where}`;
}

function columnsOf({ read, outer, planned }: StepResults): ViewColumn[] {
  return read.columns.map((column, i) => ({
    ...column,
    // what a filter on a key leaves out would be missing from the groups of sets without that key
    key: read.sets ? null : outer.shown[i]!.key,
    precision: precisionOf(outer.shown[i]!, planned),
  }));
}

function precisionOf({ uses, use }: OuterExpression, { aggregates }: ViewPlan): Precision {
  if (uses.every(({ number }) => aggregates[number]!.tolerance === 0)) return "exact";
  return use ? "rounded" : "around";
}

function coordination({ read, outer, planned }: StepResults, inexact: boolean): ViewDefinition["coordination"] {
  const written = ({ uses }: OuterExpression): WrittenUse[] =>
    uses.map(({ node, number }) => ({ sql: planned.aggregates[number]!.use.sql, entry: aggregateOf(node)! }));
  const shown = outer.shown.map((each, i) => ({
    column: read.columns[i]!.name,
    uses: written(each),
    // a list of the least is not one value that moves
    bare: each.use !== null && nodesOf(each.use.node.children).length < 2,
  }));
  return coordinationOf(shown, outer.having && written(outer.having), inexact, planned.changelogs.length > 0);
}

/** Columns that depend on a sketch; all of them where HAVING does. */
function estimated({ read, outer }: StepResults): string[] {
  const sketched = ({ uses }: OuterExpression) => uses.some(({ node }) => aggregateOf(node)?.sketch);
  const all = outer.having !== null && sketched(outer.having);
  return read.columns.filter((_, i) => all || sketched(outer.shown[i]!)).map(({ name }) => name);
}

/** Null where the places don't get through what the view reads. */
async function eventsOf(session: Session, { read, planned }: StepResults): Promise<string | null> {
  const { placed, streams, references } = read.input;
  if (placed === null) return null;
  const { keys, where } = planned;
  const list = [eventColumn, ...keys.map((key) => `${key.sql} AS ${key.name}`)];
  const text = `SELECT DISTINCT ${list.join(", ")} FROM ${placed}${where === null ? "" : ` WHERE ${where}`}`;
  const names = { streams: streams.map(({ name }) => name), references: references.map(({ name }) => name) };
  try {
    await session.describe(placesOf(names, text, emptyInputs({ ...names, ordered: true })));
    return text;
  } catch (error) {
    if (isOfSql(error)) return null;
    throw error;
  }
}

/** The session's empty tables. */
function emptyInputs(view: Pick<ViewDefinition, "streams" | "references" | "ordered" | "weighted">): Inputs {
  const event = view.ordered ? `, CAST(NULL AS ${eventType}) AS ${eventColumn}` : "";
  const weight = view.weighted ? `, CAST(NULL AS BIGINT) AS ${weightColumn}` : "";
  return new Map([
    ...view.streams.map((name) => [name, `SELECT *${event}${weight} FROM ${quoteName(name)}`] as const),
    ...view.references.map((name) => [name, `FROM ${quoteName(name)}`] as const),
  ]);
}

/** Finalize must give the very columns and types of the user's own SQL. */
async function checkTypes(
  session: Session,
  { read }: StepResults,
  view: Omit<ViewDefinition, "identity">,
): Promise<void> {
  const given = await session.describe(rowsOf(view, partialOf(view, emptyInputs(view))));
  const { columns } = read;
  const differs = columns.find((column, i) => given[i]?.name !== column.name || given[i]?.type !== column.type);
  if (!differs && given.length === columns.length) return;
  const got = given.find((column) => column.name === differs?.name)?.type ?? "nothing";
  throw internal(read.source, new Error(`column "${differs?.name}" would be ${got} instead of ${differs?.type}`));
}
