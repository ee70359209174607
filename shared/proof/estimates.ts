/** Checks that sketches keep their promised error. */
import type { Json } from "@duckdb/node-api";
import { groupKeyNames } from "../compiler/partial-columns.ts";
import type { Inputs } from "../compiler/texts.ts";
import { estimatesFrom, exactFrom } from "../compiler/texts.ts";
import type { ViewDefinition } from "../definition.ts";
import { freshName, type Session } from "../duckdb/duck.ts";
import type { Difference } from "./compare.ts";

/** How many standard errors a count of distinct values may be off: beyond six by chance in one of 10^9 groups. */
const sigmas = 6;

/**
 * Groups in which a sketch is farther from the exact aggregate than it promises.
 * @param partials a SELECT of the partial rows in question
 * @param inputs the events that they are of
 */
export async function estimatesOff(
  session: Session,
  view: Pick<ViewDefinition, "streams" | "references" | "partial" | "combine" | "finalize" | "keys" | "estimates">,
  partials: string,
  inputs: Inputs,
): Promise<Difference[]> {
  const { estimates } = view;
  if (!estimates || estimates.errors.length === 0) return [];
  const [near, exact] = [freshName("near"), freshName("exact")];
  try {
    await session.run(`CREATE TEMP TABLE ${near} AS ${estimatesFrom(view, estimates, partials)}`);
    await session.run(`CREATE TEMP TABLE ${exact} AS ${exactFrom(view, estimates, inputs)}`);
    const on =
      groupKeyNames(view)
        .map((key) => `n.${key} IS NOT DISTINCT FROM x.${key}`)
        .join(" AND ") || "true";
    const off = estimates.errors.map((error, i) => `NOT coalesce(${within(`n.e${i}`, `x.e${i}`, error)}, false)`);
    const rows = await session.read(
      `SELECT n, x FROM ${near} n FULL JOIN ${exact} x ON ${on} WHERE ${off.join(" OR ")}`,
    );
    return rows.getRowObjectsJson().map(({ n, x }) => ({ left: n as Row | null, right: x as Row | null }));
  } finally {
    await session.run(`DROP TABLE IF EXISTS ${near}`);
    await session.run(`DROP TABLE IF EXISTS ${exact}`);
  }
}

type Row = Record<string, Json>;

/** Two lists of doubles, value by value. */
function within(near: string, exact: string, error: number): string {
  // a count of distinct values is known by its error, which is a standard one
  const [share, slack] = error > 0.01 ? [sigmas * error, 1] : [error * (1 + 1e-9), 0];
  return (
    `(${near} IS NOT DISTINCT FROM ${exact} OR len(list_filter(list_zip(${near}, ${exact}), lambda p: ` +
    `p[1] IS DISTINCT FROM p[2] AND NOT coalesce(abs(p[1] - p[2]) <= ${share} * abs(p[2]) + ${slack}, false))) = 0)`
  );
}
