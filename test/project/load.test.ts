import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { parseDuration } from "../../shared/project/duration.ts";
import type { LoadOptions } from "../../shared/project/load.ts";
import { configText, folder, load, withStream } from "./project-folder.ts";

const file = "tidemark.config.mjs";

describe("a project", () => {
  test("that is new has no streams yet, where nothing is asked of them", async () => {
    const dir = folder({ [file]: configText({ sources: { shop: { postgres: "env:SHOP" } } }) });
    expect(await load(dir, { isNew: true })).toMatchObject({ streams: [], sources: [{ name: "shop" }] });
    await expect(load(dir)).rejects.toThrow(/a project needs a stream/);
  });

  test("gets every default", async () => {
    const dir = folder({ [file]: configText({ streams: { s: { fields: { a: "text" } } } }) });
    expect(await load(dir)).toEqual({
      dir,
      dataDir: join(dir, ".tidemark"),
      name: dir.split("/").at(-1),
      streams: [
        {
          name: "s",
          topic: "s",
          existing: false,
          fields: [{ name: "a", type: "VARCHAR", nullable: false }],
          key: null,
          time: null,
          id: null,
          dedupMs: null,
          upcast: null,
          partitions: 4,
        },
      ],
      sources: [],
      consumers: [],
      references: [],
      views: [],
      log: { connection: expect.any(Function), brokers: null, retentionMs: 7 * 86_400_000 },
      batch: { schedule: "0 2 * * *", archive: "*/5 * * * *", timezone: "UTC", keepVersions: 7, memoryLimit: "4GB" },
      speed: { flushMsMax: 200, shards: 1 },
      serve: { host: "127.0.0.1", port: 7070, withoutKeys: false, requestsPerSecond: null, cors: [] },
    });
  });

  test("compares sources nightly, at other times, or never", async () => {
    const of = (verify?: string | boolean) => ({ postgres: "env:SHOP", ...(verify === undefined ? {} : { verify }) });
    const sources = { a: of(), b: of("*/5 * * * *"), c: of(false) };
    const dir = folder({ [file]: configText({ streams: { s: { fields: { a: "text" } } }, sources }) });
    const found = (await load(dir)).sources.map(({ postgres }) => postgres.verify);
    expect(found).toEqual(["0 4 * * *", "*/5 * * * *", null]);
  });

  test("says everything in TypeScript, with defineConfig where tidemark is not installed", async () => {
    const dir = folder({
      "tidemark.config.ts": `
        import { defineConfig, type TidemarkConfig } from "tidemark";
        const fields: Record<string, string> = { at: "timestamptz", id: "uuid", who: "text?", "odd name": "JSON ?" };
        export default defineConfig({
          name: "all",
          streams: { visits: { fields, key: "who", time: "at", id: "id", dedup: "1 hour", partitions: 2, topic: "web.visits" } },
          log: { retention: "1 day 12 hours" },
          batch: { schedule: "0 30 3 * * *", archive: "*/10 * * * *", timezone: "Europe/Berlin", keepVersions: 3, memoryLimit: "512MB" },
          speed: { flushMsMax: 50, shards: 2 },
          serve: { host: "0.0.0.0", port: 0 },
        } satisfies TidemarkConfig);
      `,
    });
    const project = await load(dir);
    expect(project.streams[0]).toEqual({
      name: "visits",
      topic: "web.visits",
      existing: true,
      fields: [
        { name: "at", type: "TIMESTAMP WITH TIME ZONE", nullable: false },
        { name: "id", type: "UUID", nullable: false },
        { name: "who", type: "VARCHAR", nullable: true },
        { name: "odd name", type: "JSON", nullable: true },
      ],
      key: "who",
      time: "at",
      id: "id",
      dedupMs: 3_600_000,
      upcast: null,
      partitions: 2,
    });
    expect(project.log).toMatchObject({ brokers: null, retentionMs: 36 * 3_600_000 });
    expect(project.batch).toMatchObject({ schedule: "0 30 3 * * *", timezone: "Europe/Berlin", keepVersions: 3 });
    expect(project.speed).toEqual({ flushMsMax: 50, shards: 2 });
    expect(project.serve).toMatchObject({ host: "0.0.0.0", port: 0 });
  });

  test("may be CommonJS, and .ts goes before .js", async () => {
    const commonJs = `module.exports = ${JSON.stringify(withStream({}, { name: "js" }))};`;
    expect((await load(folder({ "tidemark.config.js": commonJs }))).name).toBe("js");
    const both = { "tidemark.config.js": commonJs, "tidemark.config.ts": configText(withStream({}, { name: "ts" })) };
    expect((await load(folder(both))).name).toBe("ts");
  });
});

/** The type as written → DuckDB's own spelling. */
const types: [string, string][] = [
  ["bool", "BOOLEAN"],
  ["int", "INTEGER"],
  ["int8", "BIGINT"],
  ["utinyint", "UTINYINT"],
  ["uhugeint", "UHUGEINT"],
  ["real", "FLOAT"],
  ["double precision", "DOUBLE"],
  ["numeric", "DECIMAL(18,3)"],
  ["DECIMAL( 10 )", "DECIMAL(10,0)"],
  ["text", "VARCHAR"],
  ["bytea", "BLOB"],
  ["date", "DATE"],
  ["time", "TIME"],
  ["datetime", "TIMESTAMP"],
  ["timestamp_s", "TIMESTAMP_S"],
  ["timestamp(3)", "TIMESTAMP_MS"],
  ["timestamp_ns", "TIMESTAMP_NS"],
  ["timestamptz", "TIMESTAMP WITH TIME ZONE"],
  ["uuid", "UUID"],
  ["json", "JSON"],
  ["int[][]", "INTEGER[][]"],
  [
    'struct(a int, "b c" struct("time" timestamptz, "MAP" json)[])',
    'STRUCT(a INTEGER, "b c" STRUCT("time" TIMESTAMP WITH TIME ZONE, "MAP" JSON)[])',
  ],
];

test("types become DuckDB's own spelling", async () => {
  const fields = Object.fromEntries(types.map(([written], index) => [`f${index}`, written]));
  const { streams } = await load(folder({ [file]: configText({ streams: { s: { fields } } }) }));
  expect(streams[0]?.fields.map((field) => field.type)).toEqual(types.map(([, canonical]) => canonical));
});

describe("flags go before the environment, that before the file, that before the default", () => {
  const written = withStream({}, { log: { brokers: ["file:1"] }, serve: { host: "file", port: 1 } });
  const env = { KAFKA_BROKERS: "env:2, env:3", HOST: "env", PORT: "2", TIDEMARK_DATA: "/env" };
  const flags = { host: "flag", port: 3, brokers: ["flag:4"] };
  const cases: [string, unknown, Partial<LoadOptions>, string, number, string[] | null, string | null][] = [
    ["default", withStream(), {}, "127.0.0.1", 7070, null, null],
    ["file", written, {}, "file", 1, ["file:1"], null],
    ["environment", written, { env }, "env", 2, ["env:2", "env:3"], "/env"],
    ["flags", written, { env, flags, dataDir: "/flag" }, "flag", 3, ["flag:4"], "/flag"],
    [
      "empty environment",
      written,
      { env: { KAFKA_BROKERS: "", HOST: "", PORT: "", TIDEMARK_DATA: "" } },
      "file",
      1,
      ["file:1"],
      null,
    ],
    [
      "absent flags",
      written,
      { flags: { host: undefined, port: undefined, brokers: undefined } },
      "file",
      1,
      ["file:1"],
      null,
    ],
  ];

  test.each(cases)("%s", async (_what, config, options, host, port, brokers, dataDir) => {
    const dir = folder({ [file]: configText(config) });
    const project = await load(dir, options);
    expect(project.serve).toMatchObject({ host, port });
    expect(project.log.brokers).toEqual(brokers);
    expect(project.dataDir).toBe(dataDir ?? join(dir, ".tidemark"));
  });

  test("a data folder from outside is relative to the working directory", async () => {
    const dir = folder({ [file]: configText(withStream()) });
    expect((await load(dir, { env: { TIDEMARK_DATA: "some/data" } })).dataDir).toBe(resolve("some/data"));
  });
});

describe("views", () => {
  test("are read sorted, whole, with their leading comment as description", async () => {
    const lines = "-- Delay per origin,\n--  in minutes.\nSELECT 1 -- not this\n";
    const block = "\n/**\n * Flights\n * per hour.\n */\nSELECT 2";
    const dir = folder({
      [file]: configText(withStream()),
      "views/delay.sql": lines,
      "views/by-hour.sql": block,
      "views/bare.sql": "\uFEFFSELECT 3",
      "views/gap.sql": "--\n-- first\n\n-- still first\nSELECT 4",
      "views/only.sql": "-- nothing else",
      "views/.draft.sql": "SELECT",
      "views/notes.md": "not a view",
    });
    expect((await load(dir)).views).toEqual([
      { name: "bare", file: "views/bare.sql", sql: "SELECT 3", description: "" },
      { name: "by-hour", file: "views/by-hour.sql", sql: block, description: "Flights per hour." },
      { name: "delay", file: "views/delay.sql", sql: lines, description: "Delay per origin, in minutes." },
      {
        name: "gap",
        file: "views/gap.sql",
        sql: "--\n-- first\n\n-- still first\nSELECT 4",
        description: "first",
      },
      { name: "only", file: "views/only.sql", sql: "-- nothing else", description: "nothing else" },
    ]);
  });

  test("a reference folder without tables is fine", async () => {
    const dir = folder({ [file]: configText(withStream()), "reference/README.md": "empty yet" });
    expect((await load(dir)).views).toEqual([]);
  });
});

test.each<[string, number | null]>([
  ["7 days", 604_800_000],
  ["1 hour 30 minutes", 5_400_000],
  ["90s", 90_000],
  ["1.5h", 5_400_000],
  ["250 ms", 250],
  ["2 Weeks", 1_209_600_000],
  ["0 days", null],
  ["1 month", null],
  ["days", null],
  ["5", null],
  ["-1 day", null],
  ["1 constructor", null],
  ["", null],
])("duration %j is %s ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});
