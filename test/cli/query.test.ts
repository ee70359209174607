/** `query` reads the views that its SQL names, as names and not as pieces of text: what has failed beside them stops nothing. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { understand } from "../../cli/command-line.ts";
import { createContext } from "../../cli/context.ts";
import type { VerbArgs } from "../../cli/verb.ts";
import { run as batch } from "../../cli/verbs/batch.ts";
import { run as load } from "../../cli/verbs/load.ts";
import { run as query } from "../../cli/verbs/query.ts";
import { configText, folder } from "../project/project-folder.ts";

const rows = "SELECT k, count(*) AS n FROM s GROUP BY k";
const failing = "SELECT k, sum(CAST(k AS INTEGER)) AS n FROM s GROUP BY k";
const dir = () =>
  folder({
    "tidemark.config.js": configText({ name: "p", streams: { s: { fields: { k: "VARCHAR" }, partitions: 1 } } }),
    "views/days.sql": rows,
    "views/day.sql": failing,
    "views/k.sql": failing,
    "views/n_days.sql": rows,
  });

async function tidemark(...args: string[]): Promise<string> {
  const understood = understand(args);
  if (!("invocation" in understood)) throw new Error("not understood");
  const { verb, options } = understood.invocation;
  let out = "";
  const context = {
    ...createContext(options, {}, new AbortController().signal),
    progress: false,
    say: () => undefined,
    out: async (text: string | Uint8Array) => {
      out += String(text);
    },
  };
  const given = understood.invocation.args;
  if (verb === "load") await load(context, given as VerbArgs["load"]);
  else if (verb === "batch") await batch(context, given as VerbArgs["batch"]);
  else await query(context, given as VerbArgs["query"]);
  return out;
}

it("of views whose names lie in each other, in columns, in texts and in comments", async () => {
  const project = dir();
  writeFileSync(join(project, "a.ndjson"), '{"k":"x"}\n{"k":"x"}\n');
  await tidemark("load", "s", join(project, "a.ndjson"), "--project", project);
  await tidemark("batch", "--once", "--project", project);
  const ask = (sql: string) => tidemark("query", sql, "--json", "--project", project);
  for (const sql of [
    "SELECT k, n FROM days",
    'SELECT k, n FROM "DAYS"',
    "SELECT k, n FROM n_days -- day by day",
    "SELECT k, n FROM days AS day",
    "WITH day AS (SELECT 'x' AS k, 2 AS n) SELECT * FROM day",
    "SELECT k, n FROM days WHERE 'day' <> k",
  ])
    expect(JSON.parse(await ask(sql)), sql).toEqual([{ k: "x", n: 2 }]);
  for (const sql of [
    "SELECT * FROM day",
    "SELECT * FROM days JOIN Day USING (k)",
    "SELECT (SELECT max(n) FROM k) FROM days",
  ])
    await expect(ask(sql), sql).rejects.toMatchObject({ code: "SERVE_VIEW_FAILED" });
});
