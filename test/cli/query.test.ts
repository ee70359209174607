/**
 * `query` reads the views that its SQL names, as names and not as pieces of text: what has failed beside them
 * stops nothing.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { configText, folder } from "../project/project-folder.ts";
import { tidemarkHere as tidemark } from "./in-process.ts";

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
