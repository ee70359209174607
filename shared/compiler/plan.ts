/** From a view's keys and aggregates to the columns of its partials, and the texts that make and merge them. */
import type { AggregateUse, PartialColumn, StreamDefinition } from "../definition.ts";
import { quoteName, type Session } from "../duckdb/duck.ts";
import { messageOf } from "../errors.ts";
import { type Aggregate, aggregateNamed, type Part, type Plan } from "./aggregates.ts";
import { isNode, locationOf, type Node, nodesOf, renderExpressions } from "./ast.ts";
import { refuse, type SourceText } from "./refusal.ts";
import { hidesFloat, isFloat, storageOf } from "./types.ts";

/** A view taken apart: group keys, distinct aggregate uses, and WHERE. */
interface Taken {
  readonly keys: readonly Node[];
  readonly uses: readonly Node[];
  readonly where: Node | null;
}

/** Keys, parts, the two texts below finalize, and what finalize needs to load of them. */
export async function planParts(session: Session, source: SourceText, stream: StreamDefinition, taken: Taken) {
  const { keys, uses, where } = taken;
  const args = uses.flatMap((use) => nodesOf(use.children));
  const filters = uses.map((use) => (isNode(use.filter) ? use.filter : null));
  const rendered = await renderExpressions(session, [
    ...keys,
    ...args,
    ...filters.filter((each) => each !== null),
    ...(where ? [where] : []),
    ...uses,
  ]);
  const take = (count: number) => rendered.splice(0, count);
  const keySql = take(keys.length);
  const argSql = take(args.length);
  const filterSql = filters.map((filter) => (filter ? take(1)[0]! : null));
  const whereSql = where ? take(1)[0]! : null;
  const useSql = rendered;

  const table = quoteName(stream.name);
  const perEvent = await typesOf(session, source, [...keySql, ...argSql], table);
  const results = await typesOf(session, source, useSql, table);
  const keyTypes = perEvent.slice(0, keys.length);
  const argTypes = perEvent.slice(keys.length);

  const planKeys = keys.map((key, i) => {
    const valueType = keyTypes[i]!;
    const type = storageOf(valueType);
    if (hidesFloat(valueType)) {
      throw refuse(
        source,
        locationOf(key),
        `a group key of type ${valueType}: -0.0 and 0.0 inside it are one group that shows whichever came first`,
        "group by the doubles themselves, or cast them",
      );
    }
    if (!type)
      throw refuse(
        source,
        locationOf(key),
        `a group key of type ${valueType} can't be kept without loss`,
        "cast it, e.g. to VARCHAR",
      );
    // -0.0 and 0.0 are one group that would show whichever came first
    const canonical = isFloat(valueType) ? `(${keySql[i]} + CAST(0 AS ${valueType}))` : keySql[i]!;
    return { name: `k${i}`, type, valueType, sql: castTo(canonical, valueType, type) };
  });

  const parts: (PartialColumn & { part: Part; filter: string | null; inexact: boolean })[] = [];
  let next = 0;
  const aggregates = uses.map((use, i) => {
    const entry: Aggregate = aggregateNamed(String(use.function_name).toLowerCase())!;
    const own = nodesOf(use.children).map(() => ({ sql: argSql[next]!, type: argTypes[next++]! }));
    const plan: Plan | { why: string; instead: string } = entry.plan(own);
    if ("why" in plan) throw refuse(source, locationOf(use), plan.why, plan.instead);
    const names = plan.parts.map((part) => {
      const same = parts.find(
        (each) => each.part.call === part.call && each.part.storage === part.storage && each.filter === filterSql[i],
      );
      if (same) return same.name;
      const name = `p${parts.length}`;
      parts.push({ name, type: part.storage, part, filter: filterSql[i]!, inexact: part.inexact === true });
      return name;
    });
    const loaded = names.map((name) => {
      const column = parts.find((each) => each.name === name)!;
      return castTo(column.name, column.type, column.part.type);
    });
    return { type: results[i]!, finalize: plan.finalize(loaded), entry, names, sql: useSql[i]! };
  });

  const groups = planKeys.map((_, i) => i + 1).join(", ");
  const partialParts = parts.map(({ name, part, filter }) => {
    const call = filter ? `${part.call} FILTER (WHERE ${filter})` : part.call;
    return `${castTo(call, part.type, part.storage)} AS ${name}`;
  });
  const combineParts = parts.map(({ name, part }) => {
    const merged = `${part.combine}(${castTo(name, part.storage, part.type)})`;
    return `CAST(${merged} AS ${part.storage}) AS ${name}`;
  });
  const partialList = [...planKeys.map((key) => `${key.sql} AS ${key.name}`), ...partialParts];
  const combineList = [...planKeys.map((key) => key.name), ...combineParts];
  const partial = `SELECT ${partialList.join(", ")} FROM ${table}${whereSql ? ` WHERE ${whereSql}` : ""}${groups ? ` GROUP BY ${groups}` : ""}`;
  const combine = `SELECT ${combineList.join(", ")} FROM partials${groups ? ` GROUP BY ${groups}` : ""}`;
  const usesFound = aggregates.map(
    (each): AggregateUse => ({ sql: each.sql, class: each.entry.class, parts: each.names }),
  );
  return { keys: planKeys, parts, aggregates, partial, combine, uses: usesFound };
}

async function typesOf(
  session: Session,
  source: SourceText,
  expressions: readonly string[],
  table: string,
): Promise<string[]> {
  if (expressions.length === 0) return [];
  try {
    const columns = await session.describe(
      `SELECT ${expressions.map((sql, i) => `${sql} AS t${i}`).join(", ")} FROM ${table}`,
    );
    return columns.map((column) => column.type);
  } catch (error) {
    throw refuse(
      source,
      null,
      `DuckDB could not type a part of this view (${messageOf(error)})`,
      "write the expression in a simpler way",
    );
  }
}

function castTo(sql: string, from: string, to: string): string {
  return from === to ? sql : `CAST(${sql} AS ${to})`;
}
