/** What a stream, a view, a table or a field may not be called, each with the rule; and what it may. */
import { describe, expect, it } from "vitest";
import { configText, folder, load, refusal } from "../project/project-folder.ts";
import { ofObjects, ofRoutes, otherScripts } from "./lists.ts";

const file = "tidemark.config.mjs";
const project = (fields: Record<string, string>, files: Record<string, string> = {}, stream = "flights") =>
  folder({ [file]: configText({ name: "p", streams: { [stream]: { fields } } }), ...files });
const rule = "use letters, digits, _ and -, at most 128; start with a letter or one _";

describe("streams and views", () => {
  it.each([...otherScripts.filter((name) => !/[/\t]/.test(name)), "__own", "a".repeat(129), "-a", "1a"])(
    "not %j",
    async (name) => {
      const stream = project({ a: "BIGINT" }, {}, name);
      expect(await refusal(stream)).toBe(`${file}: streams.${name}: not a name for a stream; ${rule} [CONFIG_INVALID]`);
      const view = project({ a: "BIGINT" }, { [`views/${name}.sql`]: "SELECT 1" });
      expect(await refusal(view)).toBe(
        `views/${name}.sql: ${JSON.stringify(name)} is not a name for a view; ${rule} [CONFIG_INVALID]`,
      );
    },
  );

  it("as routes, parameters, words of JavaScript and of SQL are called", async () => {
    const names = [
      ...ofRoutes,
      ...ofObjects,
      "table",
      "LEFT",
      "partials",
      "merged",
      "rowid",
      "a".repeat(128),
      "_x",
      "a-b",
    ];
    const views = Object.fromEntries(names.map((name) => [`views/${name}.sql`, "SELECT 1"]));
    const { views: found } = await load(project({ a: "BIGINT" }, views));
    expect(found.map(({ name }) => name).sort()).toEqual([...names].sort());
    for (const name of names.slice(0, 3))
      expect((await load(project({ a: "BIGINT" }, {}, name))).streams[0]!.name).toBe(name);
  });

  it.each<[string, Record<string, string>, string]>([
    [
      "a view as a stream",
      { "views/Flights.sql": "SELECT 1" },
      "views/Flights.sql: has the same name as the stream flights; choose another name",
    ],
    [
      "a view as a reference table",
      { "views/codes.sql": "SELECT 1", "reference/Codes.csv": "a\n1\n" },
      "views/codes.sql: has the same name as the reference table Codes; choose another name",
    ],
    [
      "two views but for case",
      { "views/day.sql": "SELECT 1", "views/Day.sql": "SELECT 1" },
      "views/day.sql: differs from views/Day.sql only in case; choose another name",
    ],
  ])("not %s", async (_, files, line) => {
    expect(await refusal(project({ a: "BIGINT" }, files))).toBe(`${line} [CONFIG_INVALID]`);
  });
});

describe("fields", () => {
  it("in any script, and as anything is called", async () => {
    const names = [...otherScripts, ...ofObjects, ...ofRoutes, "t", "p", "o", "rowid", "f0", "k0"];
    const { streams } = await load(project(Object.fromEntries(names.map((name) => [name, "BIGINT"]))));
    expect(streams[0]!.fields.map(({ name }) => name).sort()).toEqual([...names].sort());
  });

  it.each([
    ["__x", "names that start with __ are Tidemark's own; choose another name"],
    ["a\0b", "a name can't hold U+0000 or half a character; leave it out"],
    ["a\ud800", "a name can't hold U+0000 or half a character; leave it out"],
  ])("not %j", async (name, why) => {
    expect(await refusal(project({ [name]: "BIGINT" }))).toBe(
      `${file}: streams.flights.fields.${name}: ${why} [CONFIG_INVALID]`,
    );
  });
});
