import { describe, expect, test } from "vitest";
import { configText, folder, load, refusal, withStream } from "./project-folder.ts";

const views = { "views/delays.sql": "SELECT origin, count(*) AS n FROM flights GROUP BY origin" };
const withConsumers = (consumers: unknown) =>
  folder({ "tidemark.config.mjs": configText(withStream({}, { consumers })), ...views });
const table = { postgres: "env:PG", table: "public.found" };
const cache = { redis: "file:redis-url", prefix: "delay:" };

describe("a consumer", () => {
  test("is read, and its address only when it is asked for", async () => {
    const dir = withConsumers({
      found: { from: "delays", to: { ...table, search: { of: ["origin"] } } },
      cached: { from: "delays", to: cache },
    });
    const { consumers } = await load(dir, { env: { PG: "postgres://x" } });
    expect(consumers).toMatchObject([
      {
        name: "found",
        to: { schema: "public", table: "found", search: { name: "search", of: ["origin"], language: "simple" } },
      },
      { name: "cached", to: { prefix: "delay:", keep: "rows" } },
    ]);
    expect(consumers[0]!.to.url()).toBe("postgres://x");
    expect(() => consumers[1]!.to.url()).toThrow(/consumers\.cached\.to\.redis: cannot read redis-url/);
  });

  const wrong: readonly (readonly [where: string, consumers: unknown, why: string])[] = [
    ["2x", { "2x": {} }, "not a name for a consumer"],
    ["a.from", { a: { to: table } }, "is missing; name a view or a changelog"],
    ["a.from", { a: { from: "other", to: table } }, 'there is no view or changelog "other"; there are: delays'],
    ["a.to", { a: { from: "delays" } }, "is missing"],
    ["a.to", { a: { from: "delays", to: {} } }, "names neither or both of postgres and redis"],
    ["a.to", { a: { from: "delays", to: { ...table, ...cache } } }, "names neither or both of postgres and redis"],
    ["a.to.postgres", { a: { from: "delays", to: { ...table, postgres: "postgres://u:p@h" } } }, "is a secret"],
    ["a.to.prefix", { a: { from: "delays", to: { ...table, prefix: "x" } } }, "is not for postgres"],
    ["a.to.search", { a: { from: "delays", to: { ...cache, search: { of: ["origin"] } } } }, "is not for redis"],
    ["a.to.table", { a: { from: "delays", to: { postgres: "env:PG" } } }, "is missing"],
    ["a.to.table", { a: { from: "delays", to: { ...table, table: "found" } } }, '"found" has no schema'],
    [
      "a.to.table",
      { a: { from: "delays", to: { ...table, table: `a.${"x".repeat(64)}` } } },
      `${"x".repeat(64)} is longer`,
    ],
    ["a.to.search.of", { a: { from: "delays", to: { ...table, search: { of: [] } } } }, "names no columns"],
    ["a.to.prefix", { a: { from: "delays", to: { redis: "env:R" } } }, "is missing"],
    [
      "a.to.keep",
      { a: { from: "delays", to: { ...cache, keep: "all" } } },
      '"all" is not known; write "rows" or "nothing"',
    ],
    ["b", { a: { from: "delays", to: table }, b: { from: "delays", to: table } }, "table public.found is a's already"],
    [
      "b",
      { a: { from: "delays", to: cache }, b: { from: "delays", to: { ...cache, prefix: "delay:eu:" } } },
      `prefix "delay:eu:" begins like a's`,
    ],
  ];
  test.each(wrong)("is refused at %s", async (where, consumers, why) => {
    expect(await refusal(withConsumers(consumers))).toContain(`tidemark.config.mjs: consumers.${where}: ${why}`);
  });
});
