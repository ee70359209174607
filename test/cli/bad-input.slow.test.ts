import { rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { folder } from "../project/project-folder.ts";
import { outputOf, scratch, start, tidemark } from "./tidemark.ts";

const good = {
  name: "p",
  streams: { clicks: { fields: { page: "VARCHAR", ms: "BIGINT" }, partitions: 1 } },
  serve: { port: 0 },
};
const view = { "views/pages.sql": "SELECT page, count(*) AS n FROM clicks GROUP BY page\n" };

function project(config: unknown = good, files: Record<string, string> = view): string {
  return folder({ "tidemark.config.js": `export default ${JSON.stringify(config)};\n`, ...files });
}

/** One line on standard error, no stack, nothing on standard output, and the exit code. */
async function refused(args: readonly string[], code: 1 | 2, line: RegExp): Promise<number> {
  const done = await tidemark(...args);
  const lines = done.err.trimEnd().split("\n");
  const said = lines.at(-1)!;
  expect(said).toMatch(line);
  expect(done.err).not.toMatch(/^\s+at /m);
  expect(lines.filter((each) => each.startsWith("error:"))).toHaveLength(1);
  expect(done.out).toBe("");
  expect(done.code, done.err).toBe(code);
  return done.ms;
}

describe("one clear line and the right exit code", () => {
  it("for an unknown key", async () => {
    const dir = project({ ...good, spede: {} });
    await refused(
      ["batch", "--once", "--project", dir],
      2,
      /^error: tidemark.config.js: spede: unknown key; did you mean speed\? \[CONFIG_INVALID\]$/,
    );
  });

  it("for a type that does not exist", async () => {
    const dir = project({ ...good, streams: { clicks: { fields: { page: "STRINGY" } } } });
    await refused(
      ["speed", "--project", dir],
      2,
      /^error: tidemark.config.js: streams.clicks.fields.page: .*STRINGY.*\[CONFIG_INVALID\]$/,
    );
  });

  it("for broken SQL", async () => {
    const dir = project(good, { "views/pages.sql": "SELECT page,\n  count(* AS n\nFROM clicks GROUP BY page\n" });
    await refused(["batch", "--once", "--project", dir], 2, /^error: views\/pages.sql:2:\d+: .*\[VIEW_SYNTAX\]$/);
  });

  it("for SQL that can't merge", async () => {
    const dir = project(good, {
      "views/pages.sql": "SELECT page, count(*) AS n FROM clicks GROUP BY page\nORDER BY n\n",
    });
    await refused(
      ["explain", "pages", "--project", dir],
      2,
      /^error: views\/pages.sql:2:10: ORDER BY .*\[VIEW_UNSUPPORTED\]$/,
    );
  });

  it("for a view on a missing stream", async () => {
    const dir = project(good, { "views/pages.sql": "SELECT count(*) AS n FROM cliks\n" });
    await refused(["batch", "--once", "--project", dir], 2, /^error: views\/pages.sql:1:27: .*cliks.*clicks.*\[VIEW_/);
  });

  it("for a project that is none, a stream, a view or a version that is not there", async () => {
    const dir = project();
    await refused(["status", "--project", scratch()], 2, /no tidemark.config.ts.*\[CONFIG_MISSING\]$/);
    await refused(["load", "cliks", "-", "--project", dir], 2, /has no stream "cliks"; it has: clicks \[USAGE\]$/);
    await refused(["explain", "page", "--project", dir], 2, /has no view "page"; it has: pages \[VIEW_UNKNOWN\]$/);
    await refused(["query", "SELECT 1", "--project", dir], 1, /holds no version yet.*\[SERVE_NOTHING\]$/);
    await outputOf("batch", "--once", "--project", dir);
    await refused(
      ["query", "SELECT * FROM page", "--project", dir],
      1,
      /Table with name page does not exist.*\[QUERY_FAILED\]$/,
    );
    await refused(["query", "SELEC", "--project", dir], 1, /syntax error.*\[QUERY_FAILED\]$/);
    await refused(
      ["verify", "page", "--project", dir],
      2,
      /there is no view "page" in this version; it has: pages \[VIEW_UNKNOWN\]$/,
    );
    await refused(
      ["rollback", "9", "--project", dir],
      2,
      /there is no version 9; versions that are kept: 0, 1 \[USAGE\]$/,
    );
    await refused(["rollback", "x", "--project", dir], 2, /"x" is not a version's number.*\[USAGE\]$/);
    await refused(
      ["speed", "--shard", "3", "--project", dir],
      2,
      /there is no shard 3: version 1 has 1.*\[DEFINITION_SHARDS\]$/,
    );
    await refused(
      ["load", "clicks", join(dir, "none.ndjson"), "--project", dir],
      1,
      /cannot read .*none.ndjson: ENOENT.*\[LOAD_INPUT\]$/,
    );
  });

  it("for a port in use", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    for (const verb of ["serve", "dev"]) {
      await refused(
        [verb, "--port", String(port), "--project", project()],
        2,
        new RegExp(`127.0.0.1:${port}.*\\[SERVE_PORT\\]$`),
      );
    }
    server.close();
  });

  it("for a broker that does not answer, within 10 s, naming it", async () => {
    const dir = project({ ...good, log: { brokers: ["127.0.0.1:1"] } });
    const line = /cannot reach Kafka at 127.0.0.1:1: .*\[LOG_UNREACHABLE\]$/;
    const ask = (...args: string[]) => refused([...args, "--project", dir], 1, line);
    // the one whose time counts is alone
    expect(await ask("status")).toBeLessThan(10_000);
    await Promise.all([ask("speed"), ask("batch", "--once"), ask("load", "clicks", "-"), ask("dev")]);
  });

  it("for a data folder of a newer format, or one that can't be used", async () => {
    const dir = project();
    const data = scratch();
    writeFileSync(join(data, "format.json"), '{"format":99}');
    await refused(
      ["status", "--project", dir, "--data", data],
      2,
      /has format 99, and this Tidemark knows up to 1; use a newer Tidemark.*\[DATA_FORMAT\]$/,
    );
    await refused(
      ["status", "--project", dir, "--data", join(data, "format.json")],
      2,
      /cannot use the data folder.*\[DATA_FOLDER\]$/,
    );
  });

  it("for a log that was started over under the same data folder", async () => {
    const dir = project();
    const speed = start("speed", "--project", dir);
    await speed.wrote(/version 0/);
    await speed.stop();
    rmSync(join(dir, ".tidemark/log"), { recursive: true });
    await refused(
      ["speed", "--project", dir],
      1,
      /the log no longer has "clicks", from which this data folder was made/,
    );
  });
});
