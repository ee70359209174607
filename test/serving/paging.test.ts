/** Pages at one position: each row is on exactly one of them, whatever the order and the threads. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { parseQuestion } from "../../serving/question/parse-question.ts";
import { sqlOf } from "../../serving/question/query.ts";
import { Compiler } from "../../shared/compiler/compile.ts";
import { type Inputs, partialOf } from "../../shared/compiler/texts.ts";
import type { ViewDefinition } from "../../shared/definition.ts";
import { Duck, type Session } from "../../shared/duckdb/duck.ts";
import { stream } from "../support/view-case.ts";

const groups = 20_000;
const views: Readonly<Record<string, string>> = {
  keyed: "SELECT k, count(*) AS n FROM events GROUP BY k",
  hidden: "SELECT k % 1000 AS thousandth, count(*) AS n FROM events GROUP BY k",
  sets: "SELECT k, g, count(*) AS n FROM events GROUP BY ROLLUP (g, k)",
};
const orders = ["", "order=n.desc", "order=k", "order=n&select=n", "by=k&order=n"];

let [duck, session]: [Duck | null, Session | null] = [null, null];
const compiled = new Map<string, ViewDefinition>();

beforeAll(async () => {
  duck = await Duck.open({ threads: 4 });
  session = await duck.session();
  const compiler = await Compiler.open(session, [stream("events", { k: "BIGINT?", g: "BIGINT?" })], []);
  const events: Inputs = new Map([
    // 0 and NULL are groups that sets show alike
    ["events", `SELECT CASE WHEN k > 0 THEN k END AS k, k % 7 AS g FROM range(${groups}) r(k)`],
  ]);
  for (const [name, sql] of Object.entries(views)) {
    const view = await compiler.compile({ name, file: `${name}.sql`, sql, description: "" });
    compiled.set(name, view);
    await session.run(`CREATE TABLE base_${name} AS ${partialOf(view, events)}`);
    await session.run(`CREATE TABLE delta_${name} AS SELECT *, 0::INTEGER AS __stretch FROM base_${name} WHERE false`);
  }
});

afterAll(() => {
  session?.close();
  duck?.close();
});

async function ask(name: string, query: string): Promise<string[]> {
  const definition = compiled.get(name)!;
  const tables = { base: `base_${name}`, delta: `delta_${name}`, upto: 1, mergedUpto: 1 };
  const served = { definition, ...tables, failed: null, damaged: null };
  const { text, params } = sqlOf(served, parseQuestion(definition, new URLSearchParams(query)));
  return (await session!.read(text, params)).getRows().map((row) => row.join("|"));
}

const cases = Object.keys(views).flatMap((view) =>
  orders.filter((order) => view === "keyed" || !order.includes("k")).map((order) => [view, order] as const),
);

it.each(cases)("%s, %s", async (view, order) => {
  const whole = await ask(view, order);
  const size = Math.ceil(whole.length / 5);
  const paged: string[] = [];
  for (let offset = 0; offset < whole.length; offset += size)
    paged.push(...(await ask(view, `${order}&limit=${size}&offset=${offset}`)));
  expect(paged.length).toBe(whole.length);
  expect(paged.sort()).toEqual(whole.sort());
});
