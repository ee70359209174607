/** `status` says of each view how it does, in the words that a server has for it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { configText, folder } from "../project/project-folder.ts";
import { tidemarkHere as tidemark } from "./in-process.ts";

it("ok, failing where some groups have no value, failed where none has", async () => {
  const project = folder({
    "tidemark.config.js": configText({ name: "p", streams: { s: { fields: { k: "VARCHAR", n: "BIGINT" } } } }),
    "views/well.sql": "SELECT k, count(*) AS n FROM s GROUP BY k",
    "views/narrow.sql": "SELECT k, sum(n)::INTEGER AS n FROM s GROUP BY k",
    "views/wrong.sql": "SELECT k, sum(CAST(k AS INTEGER)) AS n FROM s GROUP BY k",
  });
  writeFileSync(join(project, "a.ndjson"), '{"k":"x","n":3000000000}\n{"k":"y","n":1}\n');
  await tidemark("load", "s", join(project, "a.ndjson"), "--project", project);
  await tidemark("batch", "--once", "--project", project);
  const found = JSON.parse(await tidemark("status", "--json", "--project", project));
  const states = found.serving.views.map(({ view, state }: { view: string; state: string }) => [view, state]);
  expect(states.sort()).toEqual([
    ["narrow", "failing"],
    ["well", "ok"],
    ["wrong", "failed"],
  ]);
  expect(await tidemark("status", "--project", project)).toMatch(/narrow +s +failing\n/);
});
