/**
 * A roll-up of any view equals the view's own SQL with another GROUP BY, in plain DuckDB, however its events
 * are cut.
 */
import { expect, test } from "vitest";
import { type Bucket, type GroupBy, rollUpBy } from "../../serving/question/roll-up.ts";
import { type Node, nodesOf, parseSql, renderStatement } from "../../shared/compiler/ast.ts";
import { rolledUpOf } from "../../shared/compiler/texts.ts";
import type { ViewDefinition } from "../../shared/definition.ts";
import { isCode } from "../../shared/errors.ts";
import { runCases } from "../support/run-cases.ts";
import { oneIn } from "../support/share.ts";
import type { ViewBench } from "../support/view-case.ts";

/** Of a view with many keys, this many of their subsets. */
const subsetsMax = 8;

let compared = 0;
let totals = 0;
let refused = 0;

runCases(/\.sql$/, async (bench, sql) => {
  // DuckDB itself takes one for the other where both are in one SELECT
  if (/INTERVAL 1 MONTH AS m, ts \+ INTERVAL 30 DAY AS d/.test(sql)) return;
  if (!oneIn(3)) return;
  const view = await bench.compile(sql);
  for (const by of rollUpsOf(view)) await expectRolledUp(bench, view, by);
  if (view.rollUp) await expectTotalOfNothing(bench, view);
});

test("enough were compared", () => {
  process.stdout.write(
    `roll-ups: ${compared} equal the view's SQL with another GROUP BY, ${refused} refused for their HAVING; ${totals} totals of nothing\n`,
  );
  expect(compared).toBeGreaterThan(40);
  expect(totals).toBeGreaterThan(40);
});

/** Subsets of the shown keys, and those with a time in larger buckets. */
function rollUpsOf(view: ViewDefinition): GroupBy[][] {
  if (!view.rollUp) return [];
  const keys = view.columns.filter(
    ({ key }, i) => key !== null && view.columns.findIndex((each) => each.key === key) === i,
  );
  const found: GroupBy[][] = [];
  for (let bits = 0; bits < 2 ** keys.length && found.length < subsetsMax; bits++)
    found.push(keys.filter((_, i) => bits & (1 << i)).map(({ name }) => ({ column: name, bucket: null })));
  const sizes: Bucket[] = ["year", "hour"];
  for (const { name, type } of keys)
    if (/^TIMESTAMP/.test(type)) for (const bucket of sizes) found.push([{ column: name, bucket }]);
  return found;
}

async function expectRolledUp(bench: ViewBench, view: ViewDefinition, by: readonly GroupBy[]): Promise<void> {
  let rolledUp: ReturnType<typeof rollUpBy>;
  try {
    rolledUp = rollUpBy(view, by);
  } catch (error) {
    expect(isCode(error, "USAGE") && String(error)).toMatch(/HAVING/);
    refused++;
    return;
  }
  // what depends on a hidden key has no place in the plain SQL either
  const shown = view.columns.filter(({ name }) => rolledUp.columns.some((column) => column.name === name));
  // without groups and without aggregates, plain SQL has a row for each event
  if (shown.length === 0 || (by.length === 0 && view.aggregates.length === 0)) return;
  const narrowed = { ...view, columns: shown };
  const sql = await regrouped(
    bench,
    view,
    by.length === 0 ? null : by,
    shown.map(({ name }) => name),
  );
  const plain = await bench.plain({ ...view, sql }).catch((error: unknown) => {
    // a squared deviation out of range, a time out of range; what WHERE, HAVING or another column names is gone
    // with its column
    expect(String(error)).toMatch(
      /out of range|not in timestamp range|Referenced column|aliases cannot be used|GROUPING (child|statement)/,
    );
    return null;
  });
  if (plain === null) return;
  const middle = Math.floor(bench.count / 2);
  const halves = [await bench.partials(view, 0, middle), await bench.partials(view, middle, bench.count)];
  const partials = halves.map((table) => `FROM ${table}`).join(" UNION ALL ");
  await bench.expectSame(narrowed, plain, rolledUpOf(view, rolledUp, partials), `by ${JSON.stringify(by)}`);
  compared++;
}

/** Rolled up to no groups, a view of no events has the row that its SQL without GROUP BY has. */
async function expectTotalOfNothing(bench: ViewBench, view: ViewDefinition): Promise<void> {
  if (view.rollUp?.having?.keys.length) return;
  const rolledUp = rollUpBy(view, []);
  const shown = view.columns.filter(({ name }) => rolledUp.columns.some((column) => column.name === name));
  if (shown.length === 0 || view.aggregates.length === 0) return;
  const sql = await regrouped(
    bench,
    view,
    null,
    shown.map(({ name }) => name),
  );
  const plain = await bench.plainOfNothing({ ...view, sql }).catch(() => null);
  if (plain === null) return;
  const none = `FROM ${await bench.partials(view, 0, 0)}`;
  await bench.expectSame({ ...view, columns: shown }, plain, rolledUpOf(view, rolledUp, none), "nothing, in no groups");
  totals++;
}

/**
 * The view's own SQL with only these columns, grouped by these keys, or (null) not at all: made from its syntax
 * tree.
 */
async function regrouped(
  bench: ViewBench,
  view: ViewDefinition,
  by: readonly GroupBy[] | null,
  shown: readonly string[],
): Promise<string> {
  const { statements } = await parseSql(bench.session, view.sql);
  const node = statements[0]!.node as Node;
  const items = nodesOf(node.select_list).filter((_, i) => shown.includes(view.columns[i]!.name));
  const bucketOf = (name: string) => by?.find(({ column }) => column === name)?.bucket ?? null;
  const select = await Promise.all(
    items.map(async (item, i) => {
      const { name, type } = view.columns.find((column) => column.name === shown[i])!;
      const bucket = bucketOf(name);
      if (bucket === null) return { ...item, alias: name };
      const { statements: wrapped } = await parseSql(
        bench.session,
        `SELECT CAST(date_trunc('${bucket}', __x) AS ${type})`,
      );
      const text = JSON.stringify((wrapped[0]!.node as { select_list: Node[] }).select_list[0]);
      const inner = JSON.stringify({ ...item, alias: "" });
      return {
        ...JSON.parse(text.replace(/\{[^{}]*"column_names":\["__x"\][^{}]*\}/, () => inner)),
        alias: name,
      } as Node;
    }),
  );
  const places = (by ?? []).map(({ column }) => shown.indexOf(column) + 1);
  const { statements: numbered } = await parseSql(
    bench.session,
    by === null ? "SELECT 1" : `SELECT 1 GROUP BY ${[...places, "'all'"].join(", ")}`,
  );
  const groups = numbered[0]!.node as Node;
  const edited = {
    ...node,
    select_list: select,
    group_expressions: groups.group_expressions!,
    group_sets: groups.group_sets!,
    aggregate_handling: "STANDARD_HANDLING",
  };
  return renderStatement(bench.session, { ...statements[0]!, node: edited });
}
