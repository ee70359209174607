/** Processes in three zones say the same bytes: servers, the command line, and what it loads back of its own. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { quoteName } from "../../shared/duckdb/duck.ts";
import { outputOf, type Running, startBuilt } from "../cli/tidemark.ts";
import { folder } from "../project/project-folder.ts";
import { someOf } from "../support/share.ts";
import { isExcepted } from "./exceptions.ts";
import { ofCsv } from "./forms.ts";
import { eventFields, fields, madeEvents, views, zone } from "./served.ts";
import { rows, types } from "./table.ts";

const backFields = { i: "BIGINT", ...Object.fromEntries(fields.map(({ name, type }) => [name, `${type}?`])) };
const config = `export default {
  name: "types",
  streams: {
    events: { fields: ${JSON.stringify(eventFields)}, partitions: 1 },
    back: { fields: ${JSON.stringify(backFields)}, partitions: 1 },
  },
  batch: { timezone: "${zone}" },
  serve: { port: 0 },
};
`;
const shown = ["i", ...fields.map(({ name }) => name)].map(quoteName).join(", ");
const back = `SELECT i, ${fields.map(({ name }) => `any_value(${quoteName(name)}) AS ${quoteName(name)}`).join(", ")} FROM back GROUP BY i`;

const zones = ["UTC", ...someOf(["America/New_York", "Asia/Kolkata"], 1)];

async function urlOf(server: Running): Promise<string> {
  const [url] = await server.wrote(/http:\/\/127\.0\.0\.1:\d+/);
  return url;
}

const rowsIn = (body: string) => body.replace(/,"meta":.*/s, "");

it("the same bytes from every process, whatever its zone", { timeout: 600_000 }, async () => {
  const dir = folder({
    "tidemark.config.ts": config,
    "views/made.sql": views.made!,
    "views/back_again.sql": back,
    "made.ndjson": `${madeEvents.join("\n")}\n`,
  });
  const project = ["--project", dir];
  await outputOf("load", "events", join(dir, "made.ndjson"), ...project);
  await outputOf("batch", "--once", ...project);
  const asked = zones.map(async (TZ) => {
    const server = startBuilt("cli/main.js", ["serve", ...project], { env: { TZ } });
    const url = await urlOf(server);
    const get = async (path: string, accept: string) => (await fetch(url + path, { headers: { accept } })).text();
    const query = async (accept: string) => {
      const body = JSON.stringify({ sql: "SELECT * FROM made ORDER BY i" });
      const headers = { accept, "content-type": "application/json" };
      return (await fetch(`${url}/v1/query`, { method: "POST", headers, body })).text();
    };
    const bodies = {
      list: rowsIn(await get("/v1/views/made?order=i", "application/json")),
      one: rowsIn(await get("/v1/views/made?i=eq.0", "application/json")),
      listCsv: await get("/v1/views/made?order=i", "text/csv"),
      sql: rowsIn(await query("application/json")),
      sqlCsv: await query("text/csv"),
    };
    await server.stop();
    const cli = async (format: string) => {
      const run = startBuilt(
        "cli/main.js",
        ["query", "SELECT * FROM made ORDER BY i", "--format", format, ...project],
        {
          env: { TZ },
        },
      );
      return (await run.done).out;
    };
    return { ...bodies, cliCsv: await cli("csv") };
  });
  const [first, ...others] = await Promise.all(asked);
  for (const other of others) expect(other).toEqual(first);
  const { list, sql, listCsv, sqlCsv, cliCsv, one } = first!;
  expect(sql).toBe(list);
  expect(sqlCsv).toBe(listCsv);
  expect(cliCsv).toBe(listCsv);
  const lines = await outputOf("query", "SELECT * FROM made ORDER BY i", "--format", "ndjson", ...project);
  expect(`{"data":[${lines.trimEnd().split("\n").join(",")}]`).toBe(list);
  expect(list.startsWith(one.slice(0, -1))).toBe(true);

  const own = await outputOf("query", `SELECT ${shown} FROM made ORDER BY i`, "--format", "csv", ...project);
  writeFileSync(join(dir, "own.csv"), own);
  await outputOf("load", "back", join(dir, "own.csv"), ...project);
  await outputOf("batch", "--once", ...project);
  const again = await outputOf("query", `SELECT ${shown} FROM back_again ORDER BY i`, "--format", "csv", ...project);
  expect(ofCsv(again).length).toBe(rows);
  expect(ofCsv(again)).toEqual(
    ofCsv(own).map((row) =>
      row.map((cell, at) => {
        const name = at === 0 ? "i" : fields[at - 1]!.name;
        if (isExcepted("JSON null", name) && cell === "null") return null;
        return isExcepted("one zero", name) ? (cell?.replace("-0.0", "0") ?? null) : cell;
      }),
    ),
  );
  expect(types.length).toBeGreaterThan(fields.length);
});
